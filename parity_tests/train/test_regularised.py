"""Dropout and penalties in the training script: they change how it trains, and not what is measured of what it
trained."""

from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import load_file

from experiments.data.module import Data
from experiments.data.settings import DataSettings
from experiments.data.splits import Part
from experiments.shared.spec import build_network
from manual import batches
from parity_tests.train.checkpoints.cutting import column, fit
from parity_tests.train.test_training import BILLIONTH
from torch_ref import to_torch

SIDES = ["manual", "torch"]
EITHER = pytest.mark.parametrize("side", SIDES)
DROPOUT = (
    "[{Linear: {in_features: 64, out_features: 16}}, ReLU, Dropout, {Linear: {in_features: 16, out_features: 10}}]"
)
LINEAR = "[{Linear: {in_features: 64, out_features: 10}}]"
ALPHA, RHO, LR = 0.01, 0.25, 0.1
EPOCHS, ROWS, STEPS = 2, 32, 40
"""Steps are those of an epoch: 1,257 digits to train on, in batches of 32."""


def trained(out: Path, side: str, network: str, *more: str) -> Path:
    model = [f"--model.implementation={side}", f"--model.network={network}", f"--trainer.max_epochs={EPOCHS}"]
    return fit(out, ["--config=digits", *model, f"--model.optimizer={{SGD: {{lr: {LR}, momentum: 0}}}}", *more])


@pytest.fixture(scope="module")
def dropped(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Runs with dropout."""
    out = tmp_path_factory.mktemp("dropout")
    return {side: trained(out, side, DROPOUT) for side in SIDES}


@EITHER
def test_a_model_has_counted_every_step_that_dropout_was_on(side: str, dropped: dict[str, Path]) -> None:
    assert int(load_file(dropped[side] / "model.safetensors")["2.count"]) == EPOCHS * STEPS


def test_with_dropout_both_implementations_train_alike(dropped: dict[str, Path]) -> None:
    for name, count in (
        ("train_cost", EPOCHS * STEPS),
        ("moved", EPOCHS * STEPS),
        ("val_cost", EPOCHS),
        ("test_cost", 1),
    ):
        ours, reference = (np.array(column(dropped[side], name)) for side in SIDES)
        assert len(ours) == len(reference) == count
        assert (np.abs(ours - reference) <= BILLIONTH * np.abs(reference)).all()


@EITHER
def test_what_is_measured_is_the_network_without_dropout(side: str, dropped: dict[str, Path]) -> None:
    weights = load_file(dropped[side] / "model.safetensors")
    data = Data(DataSettings("digits"))
    for part, name in ((data.validation, "val_cost"), (data.test, "test_cost")):
        hidden = (to_torch(part.x) @ weights["0.weight"].T + weights["0.bias"]).relu()
        expected = torch.nn.functional.cross_entropy(
            hidden @ weights["3.weight"].T + weights["3.bias"], to_torch(part.y)
        )
        assert abs(column(dropped[side], name)[-1] - expected.item()) < BILLIONTH


@pytest.fixture(scope="module")
def penalised(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Runs with a penalty."""
    out = tmp_path_factory.mktemp("penalty")
    penalty = f"--model.penalty={{ElasticNet: {{alpha: {ALPHA}, l1_ratio: {RHO}}}}}"
    return {side: trained(out, side, LINEAR, penalty) for side in SIDES}


def cross_entropy(part: Part, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.cross_entropy(to_torch(part.x) @ weight.T + bias, to_torch(part.y))


@EITHER
def test_a_penalty_is_minimised_with_the_cost_and_is_no_part_of_what_is_measured(
    side: str, penalised: dict[str, Path]
) -> None:
    """The run again, in plain torch."""
    data = Data(DataSettings("digits"))
    start = build_network(yaml.safe_load(LINEAR), 0, None, "float64").params
    weight, bias = (to_torch(start[name]).clone().requires_grad_() for name in ("0.weight", "0.bias"))
    optimizer = torch.optim.SGD([weight, bias], lr=LR)
    costs, measured = [], []
    for epoch in range(EPOCHS):
        for rows in batches(len(data.train.x), ROWS, 0, epoch):
            optimizer.zero_grad()
            penalty = ALPHA * (RHO * weight.abs().sum() + (1 - RHO) / 2 * (weight**2).sum())
            cost = cross_entropy(Part(data.train.x[rows], data.train.y[rows]), weight, bias) + penalty
            cost.backward()
            optimizer.step()
            costs.append(cost.item())
        measured.append(cross_entropy(data.validation, weight, bias).item())
    for name, expected in (
        ("train_cost", costs),
        ("val_cost", measured),
        ("test_cost", [cross_entropy(data.test, weight, bias).item()]),
    ):
        np.testing.assert_allclose(column(penalised[side], name), expected, rtol=BILLIONTH, atol=0)
