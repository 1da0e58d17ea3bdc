"""Checkpoints: written so that a killed run leaves the last one whole, and read without running code."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins.io.torch_io import TorchCheckpointIO

from experiments.command import replacing
from manual import InputError

SAVED = {
    "config": dict, "state_dict": dict, "optimizer_states": list, "loops": dict, "global_step": int, "callbacks": dict,
    "pytorch-lightning_version": str,
}
"""What a checkpoint holds, and of what type."""


class WholeCheckpoints(TorchCheckpointIO):
    """Writes beside the old file, flushes to the disk, and then takes its place: there is always a whole file."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | os.PathLike[str], storage_options: Any = None) -> None:
        if storage_options is not None:
            raise TypeError(f"a checkpoint is a plain file: it has no storage options, got {storage_options!r}")
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as file:
            torch.save(checkpoint, file)


def read(path: Path) -> dict[str, Any]:
    """What a training run saved.

    Raises:
        InputError: there is no such file; it is broken, truncated, or not a checkpoint of this project.
    """
    if not path.is_file():
        raise InputError(f"there is no checkpoint {path}")
    try:
        saved = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a broken file breaks the reader in many ways
        raise InputError(f"{path} is not a checkpoint, or is broken or truncated ({type(error).__name__})") from error
    found = saved if isinstance(saved, dict) else {}
    wrong = [key for key, kind in SAVED.items() if not isinstance(found.get(key), kind)]
    if wrong:
        raise InputError(f"{path} is not a checkpoint of this project: {', '.join(wrong)} missing, or of another type")
    return found


@contextmanager
def restoring(path: Path) -> Iterator[None]:
    """What fails here fails because the checkpoint lacks something, or does not fit; it is raised as an InputError."""
    try:
        yield
    except InputError:
        raise
    except (AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
        raise InputError(f"{path} cannot be restored ({type(error).__name__}: {error})") from error


def same(saved: object, given: object, key: str) -> None:
    """Raise InputError unless the config says of `key` what the checkpoint's did."""
    if saved != given:
        raise InputError(f"the checkpoint is of another run: {key} was {saved!r} there, and is {given!r} here")
