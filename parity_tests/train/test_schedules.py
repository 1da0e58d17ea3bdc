"""A learning rate that changes from step to step: by both implementations the same, and after a run is gone on with."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from experiments.train import command as train
from experiments.train.backends import HandWritten
from manual import CosineAnnealingLR, InputError, OneCycleLR
from parity_tests.train.checkpoints.cutting import column

CYCLE = ["--model.schedule=OneCycleLR", "--model.schedule.max_lr=0.5", "--model.schedule.total_steps=6"]
COSINE = ["--model.schedule=CosineAnnealingLR", "--model.schedule.T_max=9", "--model.schedule.eta_min=0.01"]
MOMENTUM = ["--model.optimizer=SGD", "--model.optimizer.lr=0.3", "--model.optimizer.momentum=0.9"]


def fit(out: Path, side: str, *options: str) -> Path:
    """Six epochs of a step each."""
    fixed = ["fit", "--config=two_two_one", f"--out={out}", f"--model.implementation={side}", "--trainer.max_epochs=6"]
    return train.run([*fixed, *MOMENTUM, *options])


@pytest.mark.parametrize(("options", "schedule"), [
    (CYCLE, OneCycleLR(0.5, 6)), (COSINE, CosineAnnealingLR(9, 0.01)),
], ids=["OneCycleLR", "CosineAnnealingLR"])  # fmt: skip
def test_each_step_is_made_with_the_settings_of_its_schedule(
    options: list[str], schedule: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[dict[str, Any]] = []
    step = HandWritten.step

    def watched(self: HandWritten, closure: Any = None) -> Any:
        found = step(self, closure)
        seen.append(self.rule.hyper)
        return found

    monkeypatch.setattr(HandWritten, "step", watched)
    ours, theirs = (fit(tmp_path, side, *options) for side in ("manual", "torch"))
    own = {"lr": 0.3, "momentum": 0.9}
    assert [{name: one[name] for name in own} for one in seen] == [own | schedule.at(t, own) for t in range(6)]
    costs = [np.array(column(run, "train_cost"), float) for run in (ours, theirs)]
    np.testing.assert_allclose(*costs, rtol=1e-12)
    plain = column(fit(tmp_path / "plain", "manual"), "train_cost")
    assert not math.isclose(float(plain[-1]), costs[0][-1], rel_tol=1e-3)


@pytest.mark.parametrize("side", ["manual", "torch"])
def test_a_run_with_a_schedule_goes_on_to_the_same_bits(side, tmp_path):
    whole = fit(tmp_path / "whole", side, *CYCLE)
    half = fit(tmp_path / "half", side, *CYCLE, "--trainer.max_steps=3")
    last = half / "checkpoints" / "last.ckpt"
    on = fit(tmp_path / "on", side, *CYCLE, f"--ckpt_path={last}")
    assert (on / "model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes()
    with pytest.raises(InputError, match=r"model\.schedule was OneCycleLR\(.*\) there, and is None here"):
        fit(tmp_path / "other", side, f"--ckpt_path={last}")


def test_what_is_no_schedule_is_refused(tmp_path):
    with pytest.raises(InputError, match="there is no schedule 'CosineLR'; did you mean"):
        fit(tmp_path, "manual", "--model.schedule=CosineLR")
