"""Language models by hand: text becomes numbers, and both implementations learn from it the same way."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from experiments.shared.model_file import load
from experiments.train import command as train
from parity_tests.data.test_text import PROSE
from parity_tests.train.checkpoints.cutting import column

BILLIONTH = 1e-9
"""How near the losses of both implementations stay over 200 steps in float64. The bound is chosen, not derived: a
trajectory's rounding errors grow from step to step."""


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The folders of a run by each implementation, by config; made once."""
    out, made = tmp_path_factory.mktemp("runs"), {}
    (out / "own.txt").write_text(PROSE, "utf-8")

    def run(config: str, *options: str) -> dict[str, Path]:
        key = " ".join((config, *options))
        if key not in made:
            given = ["fit", f"--config={config}", f"--out={out / str(len(made))}", "--model.dtype=float64", *options]
            made[key] = {side: train.run([*given, f"--model.implementation={side}"]) for side in ("manual", "torch")}
        return made[key]

    own = [f"--data.file={out / 'own.txt'}", "--trainer.max_steps=4", "--data.context=16", "--data.batch_size=8"]
    return lambda config, *options: run(config, *(options or own))


def assert_same_losses(runs: dict[str, Path], steps: int) -> None:
    ours, theirs = (np.array(column(run, "train_cost"), float) for run in runs.values())
    assert len(ours) == steps
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=BILLIONTH)
    assert ours[-1] < ours[0]


@pytest.mark.ledger("B18")
@pytest.mark.parametrize("config", ["letters", "reader"])
def test_both_implementations_learn_a_text_the_same_way(config, runs, capsys):
    folders = runs(config)
    assert_same_losses(folders, 4)
    model = load(folders["manual"] / "model.safetensors")
    assert model.classes == sorted({*PROSE})
    assert model.input == (16,)


@pytest.mark.slow
@pytest.mark.parametrize("config", ["letters", "reader"])
def test_over_200_steps_the_losses_are_the_same(config, runs):
    assert_same_losses(runs(config, "--trainer.max_steps=200"), 200)


@pytest.mark.parametrize(("config", "side"), [
    ("letters", "manual"), ("reader", "torch"),
    *(pytest.param(*other, marks=pytest.mark.slow) for other in (("letters", "torch"), ("reader", "manual"))),
])  # fmt: skip
def test_a_run_on_a_text_goes_on_to_the_same_bits(config, side, runs, tmp_path):
    whole = runs(config)[side]
    options = (whole / "config.yaml").read_text("utf-8")
    (tmp_path / "again.yaml").write_text(options, "utf-8")
    given = ["fit", f"--config={tmp_path / 'again.yaml'}", f"--out={tmp_path}"]
    half = train.run([*given, "--trainer.max_steps=2"])
    on = train.run([*given, f"--ckpt_path={half / 'checkpoints' / 'last.ckpt'}"])
    assert (on / "model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes()
