"""Checkpoints: written so that a killed run leaves the last one whole, and read without running code."""

import os
import reprlib
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.fabric.plugins.io.torch_io import TorchCheckpointIO

from experiments.shared.command import replacing
from experiments.shared.printable import printable
from experiments.shared.untrusted_files import plain_file
from experiments.train.checkpoints.validation import CHANGED, check_callbacks, check_contents, check_file
from manual import InputError

LAST, BEFORE = "last.ckpt", "before.ckpt"
SAVED = {
    "config": dict,
    "state_dict": dict,
    "optimizer": dict,
    "settings": dict,
    "global_step": int,
    "moved": float,
    "log": int,
    "log_sha256": str,
    "callbacks": dict,
}
"""All that a checkpoint holds, and of what type. Whatever else Lightning restores follows from it: see `Saving`."""


class WholeCheckpoints(TorchCheckpointIO):
    """Writes beside the old file, flushes to the disk, and then takes its place: there is always a whole file. The
    old one is kept too, as `before.ckpt`. What is read is checked.
    """

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | os.PathLike[str], storage_options: Any = None
    ) -> None:
        if storage_options is not None:
            raise TypeError(f"a checkpoint is a plain file: it has no storage options, got {storage_options!r}")
        check_callbacks(checkpoint["callbacks"])
        [optimizer] = checkpoint["optimizer_states"]
        [group] = optimizer["param_groups"]
        given = checkpoint | {
            "state_dict": dict(checkpoint["state_dict"]),
            "optimizer": dict(optimizer["state"]),
            "settings": {name: group[name] for name in CHANGED if name in group},
        }
        content = BytesIO()  # torch's own writer says nothing of a full disk
        torch.save({key: given[key] for key in SAVED}, content)
        with replacing(Path(path), Path(path).with_name(BEFORE)) as file:
            file.write(content.getbuffer())

    def load_checkpoint(self, path: str | os.PathLike[str], *_: Any, **__: Any) -> dict[str, Any]:
        return read(Path(path)) | {"pytorch-lightning_version": L.__version__}


def read(path: Path) -> dict[str, Any]:
    """What a training run saved.

    Raises:
        InputError: there is no such file; it is broken, truncated, or not a checkpoint of this project.
    """
    plain_file(path, "checkpoint")
    check_file(path)
    try:
        saved = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a broken file breaks the reader in many ways
        raise InputError(f"{path} is not a checkpoint, or is broken or truncated ({type(error).__name__})") from error
    found = saved if type(saved) is dict else {}
    if wrong := [key for key in SAVED | found if type(found.get(key)) is not SAVED.get(key)]:
        what = f"{reprlib.repr(wrong)} missing, of another type, or not expected"
        raise InputError(f"{path} is not a checkpoint of this project: {what}")
    with restoring(path):
        check_contents(found)
    return found


def newest(folder: Path, check: Callable[[dict[str, Any]], object]) -> tuple[Path, dict[str, Any]] | None:
    """The last checkpoint in the folder and what it says; where that cannot be used the one before it, and a line
    says why. `check` is given what was read, and fails where it cannot be used.

    Raises:
        InputError: there are some, and none can be read and used.
    """
    wrong = []
    for path in (folder / LAST, folder / BEFORE):
        if path.exists():
            try:
                saved = read(path)
                with restoring(path):
                    check(saved)
            except InputError as error:
                wrong.append(error)
            else:
                for error in wrong:
                    print(printable(f"{error}; {path.name}, the one before it, is taken"), file=sys.stderr)
                return path, saved
    if wrong:
        raise wrong[0]
    return None


def set_aside(taken: Path) -> None:
    """Where the one before was taken: move the last, which cannot be used, out of the place that the next one is kept
    in."""
    last = taken.with_name(LAST)
    if taken.name == BEFORE and last.exists():
        last.replace(last.with_name("broken.ckpt"))


@contextmanager
def restoring(path: Path) -> Iterator[None]:
    """What fails here fails because the checkpoint lacks something, or does not fit; it is raised as an InputError."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{path} cannot be restored: {error}") from error
    except (AttributeError, LookupError, MemoryError, OverflowError, RuntimeError, TypeError, ValueError) as error:
        raise InputError(f"{path} cannot be restored ({type(error).__name__}: {error})") from error


def same(saved: object, given: object, key: str) -> None:
    """Raise InputError unless the config says of `key` what the checkpoint's did."""
    if saved != given:
        raise InputError(
            f"the checkpoint is of another run: {key} was {reprlib.repr(saved)} there, and is {given!r} here"
        )
