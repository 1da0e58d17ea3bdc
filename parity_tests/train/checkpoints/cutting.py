"""Training runs that are cut off at a step, and whether two runs are the same to the bit."""

import csv
from pathlib import Path

import pytest
from safetensors.numpy import load_file

from experiments.train import command as train
from experiments.train.checkpoints import checkpoint, saving
from experiments.train.module import Training

NEVER = 1e9
"""Seconds between checkpoints within an epoch; with 0 there is one at every step."""
DROPOUT = (
    "[{Linear: {in_features: 64, out_features: 8}}, {Dropout: {p: 0.5}}, {Linear: {in_features: 8, out_features: 10}}]"
)
DIGITS = ["--config=digits", "--data.batch_size=200", f"--model.network={DROPOUT}", "--model.optimizer=Adam"]
"""Seven steps an epoch."""


class Killed(BaseException):
    """In place of SIGKILL, at a moment that can be chosen."""


def killed():
    raise Killed


def fit(out, arguments, *, at=None, then=killed, every=NEVER):
    """Train; before the step `at` something happens."""
    step = Training.training_step

    def watched(self, batch):
        if self.global_step == at:
            then()
        return step(self, batch)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Training, "training_step", watched)
        patch.setattr(saving, "SECONDS", every)
        return train.run(["fit", *map(str, arguments), f"--out={out}"])


def cut(out, arguments, at, *, then=killed, every=NEVER, error: type[BaseException] = Killed):
    """The folder of a run that ended before the step `at`."""
    with pytest.raises(error):
        fit(out, arguments, at=at, then=then, every=every)
    return max(out.glob("*/*/version_*"), key=lambda folder: folder.stat().st_mtime_ns)


def same(run, whole):
    """Whether two runs have, to the bit, the same log and the same weights."""
    ours, theirs = (load_file(folder / "model.safetensors") for folder in (run, whole))
    assert ours.keys() == theirs.keys()
    weights = all(ours[name].tobytes() == theirs[name].tobytes() for name in ours)
    return (run / "metrics.csv").read_bytes() == (whole / "metrics.csv").read_bytes(), weights


def column(run: Path, name: str) -> list[float]:
    """A column of a run's log, where it is filled."""
    with (run / "metrics.csv").open(newline="", encoding="utf-8") as file:
        return [float(row[name]) for row in csv.DictReader(file) if row[name]]


def steps(path):
    return checkpoint.read(path)["global_step"]


def bluebird(folder):
    """Four steps an epoch."""
    convolution = "{Conv2d: {in_channels: 3, out_channels: 2, kernel_size: 3}}"
    return [
        "--config=bluebird_cnn",
        f"--data.folder={folder}",
        "--data.size=8",
        "--data.augment=[flip, shift]",
        "--data.batch_size=11",
        f"--model.network=[{convolution}, Flatten, {{Linear: {{in_features: 72, out_features: 4}}}}]",
    ]


CONVERGES = ["--config=one_two_one", "--trainer.max_epochs=40", "--model.threshold=0.08"]

SHORT = ["--config=two_two_one", "--trainer.max_epochs=4"]
LONGER = ["--config=two_two_one", "--trainer.max_epochs=8"]
