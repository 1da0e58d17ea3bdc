"""What some rows of a whole count in it: a piece of what is evaluated, a process's share of a batch, even if it is
empty."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from experiments.data import module
from experiments.data.module import AT_ONCE
from experiments.data.splits import Part, Parts
from experiments.train import command as train
from experiments.train.module import Training
from experiments.train.processes.shares import Share
from experiments.train.settings import ModelSettings
from manual import Diverged
from parity_tests.train.checkpoints.cutting import column
from torch_ref import to_numpy

EITHER = pytest.mark.parametrize("implementation", ["manual", "torch"])
ROWS = 700
SETTLED = [
    "--config=two_two_one",
    "--data.name=sine",
    "--model.network=[{Linear: {in_features: 1, out_features: 1}}]",
    "--model.start={0.weight: [[3]], 0.bias: [1]}",
    "--model.optimizer=SGD",
]
"""A network that its one training example teaches nothing."""


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> Parts:
    """Its data. Everything is a small whole number, so that only a cost's division and its weight are rounded."""
    x = np.arange(ROWS, dtype=float)[:, None]
    parts = Parts(Part(np.ones((1, 1)), np.full((1, 1), 4.0)), Part(x, 3 * x + x % 7), Part(x, x % 11))
    monkeypatch.setitem(module.SETS, "sine", lambda: parts)
    return parts


def fit(out: Path, *more: str) -> Path:
    return train.run(["fit", *SETTLED, f"--out={out}", *more])


@EITHER
@pytest.mark.parametrize(("reduction", "n", "roundings"), [("mean", ROWS, 5), ("sum", 1, 0)])
def test_what_is_evaluated_in_pieces_costs_what_all_rows_cost_at_once(
    reduction: str, n: int, roundings: int, implementation: str, settled: Parts, tmp_path: Path
) -> None:
    """Of the mean are rounded the division by the rows, in torch perhaps by their inverse, the weight, the product,
    the sum."""
    assert len(settled.validation.x) > AT_ONCE
    run = fit(
        tmp_path,
        f"--model.implementation={implementation}",
        f"--model.loss={{MSELoss: {{reduction: {reduction}}}}}",
        "--trainer.max_epochs=1",
    )
    for name, (x, y) in (("val_cost", settled.validation), ("test_cost", settled.test)):
        right = Fraction(sum(int(3 * a + 1 - b) ** 2 for [a], [b] in zip(x, y, strict=True)), n)
        [cost] = column(run, name)
        assert abs(Fraction(cost) - right) <= ((1 + Fraction(1, 2**53)) ** roundings - 1) * right


@EITHER
def test_a_run_that_moves_by_the_threshold_itself_is_not_converged(
    implementation: str, settled: Parts, tmp_path: Path
) -> None:
    """By nothing, where the threshold is 0; nor when it is gone on with."""
    side = f"--model.implementation={implementation}"
    assert column(fit(tmp_path, side, "--trainer.max_epochs=2"), "moved") == [0, 0]
    assert column(fit(tmp_path, side, "--trainer.max_epochs=5", "--ckpt_path=last"), "moved") == [0, 0, 0]


KINDS = 4
NETWORKS: dict[str, list[Any]] = {
    "Linear, Dropout": [
        "Flatten",
        {"Linear": {"in_features": 192, "out_features": 6}},
        "Sigmoid",
        {"Dropout": {"p": 0.5}},
        {"Linear": {"in_features": 6, "out_features": KINDS}},
    ],
    "Conv2d, MaxPool2d, Dropout": [
        {"Conv2d": {"in_channels": 3, "out_channels": 2, "kernel_size": 3}},
        "ReLU",
        {"MaxPool2d": {"kernel_size": 2}},
        {"Dropout": {"p": 0.5}},
        "Flatten",
        {"Linear": {"in_features": 18, "out_features": KINDS}},
    ],
    "Conv2d, AvgPool2d": [
        {"Conv2d": {"in_channels": 3, "out_channels": 2, "kernel_size": 3, "padding": 1}},
        "Tanh",
        {"AvgPool2d": {"kernel_size": 2}},
        "Flatten",
        {"Linear": {"in_features": 32, "out_features": KINDS}},
    ],
}
NONE = torch.zeros(0, 3, 8, 8, dtype=torch.float64), torch.zeros(0, dtype=torch.int64)
LAST = Share(before=3, whole=3)
"""Of a process that no rows are left for."""


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("loss", ["CrossEntropyLoss", {"CrossEntropyLoss": {"reduction": "sum"}}])
def test_a_process_without_examples_adds_a_cost_of_0_and_gradients_of_0(name: str, loss: Any) -> None:
    side = Training(ModelSettings(NETWORKS[name], loss, "SGD", "torch", penalty={"L2": {"alpha": 0.5}})).side
    cost = side.cost(*NONE, LAST)
    cost.backward()
    assert cost == 0
    for parameter in side.parameters():
        assert parameter.grad is not None, "the other processes would wait for it"
        assert not to_numpy(parameter.grad).any()
    assert side.eval().cost(*NONE, LAST) == 0
    assert side.predict(NONE[0]).shape == (0, KINDS)


def test_a_process_without_examples_leaves_it_to_the_others_to_say_where_a_cost_is_not_finite() -> None:
    penalty = {"L2": {"alpha": 1.0}}
    training = Training(
        ModelSettings(NETWORKS["Conv2d, AvgPool2d"], "CrossEntropyLoss", "SGD", "torch", penalty=penalty)
    )
    with torch.no_grad():
        training.side.module[0].weight.fill_(1e200)
    cost = training.side.cost(*NONE, LAST).item()
    assert np.isnan(cost), "none of the rows' share of a penalty that is infinite"
    with pytest.raises(Diverged, match=r"^the cost is nan; no part of it, it is their sum$"):
        training._whole_cost("the cost", NONE[0], cost)
