"""What earlier runs have trained, from their checkpoints."""

from pathlib import Path
from typing import Any

from experiments.train.checkpoints import checkpoint, run_folder
from experiments.train.module import Training
from experiments.train.settings import ModelSettings
from manual import InputError


def load(path: Path) -> Training:
    """What a run trained; its `.network` is the manual network with the trained weights, whichever implementation it
    was.

    Raises:
        InputError: the checkpoint is missing, or cannot be read.
    """
    saved = checkpoint.read(path)
    with checkpoint.restoring(path):
        return restored(saved)


def restored(saved: dict[str, Any]) -> Training:
    """A model of the config in the checkpoint, with its weights, and whose optimizer takes what is in it."""
    training = Training(ModelSettings(**saved["config"]["model"]))
    training.load_state_dict(saved["state_dict"])
    optimizer = training.side.optimizer()
    optimizer.load_state_dict(optimizer.state_dict() | {"state": saved["optimizer"]})
    return training


def latest(runs: Path) -> tuple[Path, dict[str, Any]]:
    """The checkpoint of the latest run that left one, and what it says.

    Raises:
        InputError: there is none, or it cannot be restored.
    """
    for run in run_folder.versions(runs):
        if left := checkpoint.newest(run / run_folder.CHECKPOINTS, restored):
            return left
    raise InputError(f"--ckpt_path last: no run in {runs} has left a checkpoint")
