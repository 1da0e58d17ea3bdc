"""Whether a checkpoint is intact: what torch's reader, which is quick and trusting, does not look at itself."""

import reprlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zipfile import ZIP_STORED, BadZipFile, ZipFile

import lightning as L
import numpy as np
import torch
from packaging.version import Version

from experiments.training.build import build, outline
from manual import InputError, Linear, Optimizer
from manual.checks import finite, whole
from torch_ref import to_numpy


def check_file(path: Path) -> None:
    """Raise InputError unless the file is a zip of plain records whose every CRC is right: torch does not verify them, and
    would unpack a small file to more than the memory holds.
    """
    try:
        with ZipFile(path) as file:
            records = file.infolist()
            unpacked = sum(record.file_size for record in records)
            if any(record.compress_type != ZIP_STORED for record in records) or unpacked > path.stat().st_size:
                raise BadZipFile(f"it would unpack to {unpacked:,} bytes")
            if broken := file.testzip():
                raise BadZipFile(f"the checksum of {broken} is wrong")
    except Exception as error:  # a broken file breaks the reader in many ways
        raise InputError(f"{path} is not a checkpoint, or is broken or truncated ({error})") from error


def check_numbers(saved: dict[str, Any]) -> None:
    """Raise an error unless the weights are finite, and no fewer than the network of the config has parameters; the config has
    no array, and none claims to be larger than the memory that holds it; and the optimizers remember what they can use.

    Raises:
        InputError, ValueError, TypeError, LookupError, AttributeError: by what is wrong.
    """
    Version(saved["pytorch-lightning_version"])
    if [*_tensors(saved["config"])]:
        raise InputError("its config holds an array")
    for tensor in _tensors(saved):
        if tensor.layout != torch.strided or tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():
            raise InputError(f"an array of shape {(*tensor.shape,)} is not in it as a whole")
    for name, weight in saved["state_dict"].items():
        finite(name, to_numpy(weight))
    asked = sum(p.size for p in outline(saved["config"]["model"]["network"]).params.values())
    held = sum(weight.numel() for weight in saved["state_dict"].values())
    if asked > held:
        raise InputError(f"it lacks parameters: its network has {asked:,}, and it holds {held:,}")
    _check_optimizers(saved)


def _check_optimizers(saved: dict[str, Any]) -> None:
    """Raise InputError unless what the optimizers remember is of the names, shapes and dtype of the parameters."""
    model = saved["config"]["model"]
    shapes = {name: p.shape for name, p in outline(model["network"]).params.items()}
    rule, one = build(Optimizer, model["optimizer"]), Linear(1, 1, rng=np.random.default_rng(0))
    rule.step(one, one.like(**one.params))
    names = {*rule.state["weight"]}  # torch's
    for optimizer in saved["optimizer_states"]:
        if not isinstance(optimizer, dict) or not isinstance(optimizer["state"], dict):
            raise TypeError(f"expected the state of an optimizer, got {reprlib.repr(optimizer)}")
        for place, held in optimizer["state"].items():
            shape = [*shapes.values()][place] if isinstance(place, int) else shapes[place]
            held = {name: value for name, value in held.items() if value is not None}
            if held.keys() - names or (held and names - held.keys()):
                raise InputError(f"{place}: expected {', '.join(sorted(names))} of the optimizer, got {reprlib.repr([*held])}")
            for name, value in held.items():
                if name == "step":
                    whole("the optimizer's state", "step", int(value), 1)
                elif value.shape != shape or value.dtype != getattr(torch, model["dtype"]):
                    raise InputError(f"{place}: expected {name} of shape {shape}, got {reprlib.repr(value)}")


def check_loops(loops: dict[str, Any], trainer: L.Trainer) -> None:
    """Raise InputError unless the counts of epochs, batches and steps have the form that the trainer's own have."""
    for name in ("fit_loop", "validate_loop", "test_loop", "predict_loop"):
        _check_alike(f"loops.{name}", loops[name], getattr(trainer, name).state_dict())


def _check_alike(where: str, saved: Any, own: Any) -> None:
    if type(saved) is not type(own) or (isinstance(own, dict) and saved.keys() != own.keys()):
        raise InputError(f"{where}: expected something like {reprlib.repr(own)}, got {reprlib.repr(saved)}")
    for key, value in own.items() if isinstance(own, dict) else ():
        _check_alike(f"{where}.{key}", saved[key], value)


def _tensors(saved: object) -> Iterator[torch.Tensor]:
    """Every array in nested dicts and lists; each of these is looked at once, in however many places it stands."""
    waiting, seen = [saved], set[int]()
    for value in waiting:
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, torch.Tensor):
            yield value
        elif isinstance(value, dict):
            waiting += value.values()
        elif isinstance(value, list | tuple):
            waiting += value
