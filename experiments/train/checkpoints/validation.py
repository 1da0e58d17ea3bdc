"""Whether a checkpoint is intact: what torch's reader, which is quick and trusting, does not look at itself."""

import pickletools
import re
import reprlib
from collections import OrderedDict
from collections.abc import Collection
from pathlib import Path
from typing import Any
from zipfile import ZIP_STORED, BadZipFile, ZipFile

import numpy as np
import torch

from experiments.shared.spec import outline
from experiments.train.module import Training
from experiments.train.settings import ModelSettings
from manual import InputError
from manual.numbers.checks import at_least, finite, whole
from torch_ref import to_numpy

SQUARES = ("exp_avg_sq", "max_exp_avg_sq", "square_avg", "acc_delta", "sum", "mu_product", "running_var")
"""What torch calls means and sums of squares, and what else is never negative."""
COUNTED = 2**24
"""So far torch's optimizers count their steps, in float32."""
CHANGED = ("lr", "momentum", "betas")
"""What a schedule, or a callback, changes of an optimizer's settings."""
LONGEST = 50_000
"""Instructions of a checkpoint's pickle, and values of its config. A hundred layers with Adam have half as many;
three times as many, nested in each other, break Python itself.
"""
FOLDER = 0x10  # a record's attribute
PLAIN = (dict, list, tuple, bool, int, float, str, type(None))


def check_file(path: Path) -> None:
    """Raise InputError unless the file is a zip of plain records whose every CRC is right, and no pickle in it is
    long: torch does not verify them, would unpack a small file to more than the memory holds, and follows any nesting.
    """
    try:
        with ZipFile(path) as file:
            records = file.infolist()
            unpacked = sum(record.file_size for record in records)
            if any(record.compress_type != ZIP_STORED for record in records) or unpacked > path.stat().st_size:
                raise BadZipFile(f"it would unpack to {unpacked:,} bytes")
            if any(record.is_dir() or record.external_attr & FOLDER for record in records):
                raise BadZipFile(
                    "a record is marked as a folder"
                )  # of which torch would read what memory happens to hold
            if broken := file.testzip():
                raise BadZipFile(f"the checksum of {broken} is wrong")
            for record in records:
                if record.filename.endswith(".pkl"):
                    for count, _ in enumerate(pickletools.genops(file.read(record))):
                        if count == LONGEST:
                            raise BadZipFile(f"{record.filename} has more than {LONGEST:,} instructions")
    except Exception as error:  # a broken file breaks the reader in many ways
        raise InputError(f"{path} is not a checkpoint, or is broken or truncated ({error})") from error


def check_contents(saved: dict[str, Any]) -> None:
    """Raise an error unless these are what a run of the config in it comes to: each array is its network's or its
    optimizer's by name, shape and dtype, and has a place of its own in the file for each number; each number is in
    its range.

    Raises:
        InputError, ValueError, TypeError, LookupError, AttributeError, RuntimeError: by what is wrong.
    """
    step = whole("training", "global_step", saved["global_step"], 1)
    at_least("training", "moved", saved["moved"], 0)
    whole("training", "log", saved["log"], 0)
    if not re.fullmatch("[0-9a-f]{64}", saved["log_sha256"]):
        raise InputError(f"log_sha256: expected 64 hexadecimal digits, got {reprlib.repr(saved['log_sha256'])}")
    _check_keys("config", saved["config"], ("model", "data"))
    for part, said in saved["config"].items():
        _check_dict(f"config, {part}", said)
    _check_plain("config", saved["config"])
    check_callbacks(saved["callbacks"])
    model = saved["config"]["model"]
    network, dtype = outline(model["network"]), getattr(torch, model["dtype"])
    names = {name: f"side.module.{name}" for name in network.params | network.state}
    _check_keys("state_dict", saved["state_dict"], names.values())
    for name, p in network.params.items():
        weight = saved["state_dict"][names[name]]
        _check_array(name, weight, p.shape, dtype)
        finite(name, to_numpy(weight))
    for name, s in network.state.items():
        kept = saved["state_dict"][names[name]]
        _check_array(name, kept, s.shape, dtype if s.dtype.kind == "f" else torch.int64)
        _check_range(name, kept)
    _check_optimizer(model, {name: p.shape for name, p in network.params.items()}, saved, step)


def check_callbacks(found: dict[Any, Any]) -> None:
    """Raise InputError unless that is what callbacks remember, by their names, in what a checkpoint can hold."""
    for name, said in found.items():
        if type(name) is not str or type(said) is not dict or not said:
            raise InputError(f"callbacks: expected what each has to remember, got {reprlib.repr({name: said})}")
        _check_plain(f"callbacks, {name}", said, torch.Tensor, OrderedDict)


def _check_optimizer(
    model: dict[str, Any], shapes: dict[str, tuple[int, ...]], saved: dict[str, Any], step: int
) -> None:
    """Raise an error unless that is what the model's optimizer is set to, and remembers of parameters of these shapes
    after so many steps. What it remembers of a parameter is seen from its first step with a small network.
    """
    small = Training(
        ModelSettings(**model | {"network": [{"Linear": {"in_features": 1, "out_features": 1}}], "start": None})
    )
    optimizer, found = small.side.optimizer(), saved["optimizer"]
    for p in small.parameters():
        p.grad = torch.ones_like(p)
    with np.errstate(all="ignore"):
        optimizer.step()
    remembered = [*optimizer.state_dict()["state"].values()]
    by_place = shapes if model["implementation"] == "manual" else dict(enumerate(shapes.values()))
    _check_keys("optimizer", found, by_place if remembered else ())
    for place, held in found.items():
        _check_keys(f"optimizer, {place}", held, remembered[0])
        for name, own in remembered[0].items():
            where, value = f"optimizer, {place}: {name}", held[name]
            if isinstance(own, torch.Tensor):
                _check_array(where, value, by_place[place] if own.ndim else own.shape, own.dtype)
            if name == "step":
                counted = step if type(own) is int else min(step, COUNTED)
                if type(value) is not type(own) or value != counted:
                    raise InputError(f"{where}: expected {counted}, got {reprlib.repr(value)}")
            elif type(own) is float:
                if type(value) is not float or not 0 <= value <= 1:
                    raise InputError(f"{where}: expected a number from 0 to 1, got {reprlib.repr(value)}")
            else:
                _check_range(where, value)
    _check_settings(optimizer.param_groups[0], saved["settings"])


def _check_settings(group: dict[str, Any], found: dict[str, Any]) -> None:
    """Raise InputError unless these are settings of an optimizer whose own are in the group."""
    _check_keys("settings", found, [name for name in CHANGED if name in group])
    for name, value in found.items():
        if type(value) is not type(group[name]):
            raise InputError(f"settings: {name}: expected {group[name]!r} or the like, got {reprlib.repr(value)}")
        for number in value if isinstance(value, tuple) else [value]:
            at_least("settings", name, number, 0)


def _check_dict(where: str, found: Any) -> None:
    if type(found) is not dict:
        raise InputError(f"{where}: expected a mapping, got {reprlib.repr(found)}")


def _check_keys(where: str, found: Any, expected: Collection[Any]) -> None:
    """Raise InputError unless that is a dict of just these keys."""
    _check_dict(where, found)
    if missing := [key for key in expected if key not in found]:
        raise InputError(f"{where}: lacks {reprlib.repr(missing)}")
    if more := [key for key in found if key not in expected]:
        raise InputError(f"{where}: {reprlib.repr(more)} is not expected")


def _check_array(where: str, found: Any, shape: tuple[int, ...], dtype: torch.dtype) -> None:
    """Raise InputError unless it is an array of that shape and dtype, whose every number has a place of its own."""
    if type(found) is not torch.Tensor:
        raise InputError(f"{where}: expected an array, got {reprlib.repr(found)}")
    if found.layout != torch.strided or found.shape != shape or found.dtype != dtype:
        given = f"{(*found.shape,)}, {found.dtype} and {found.layout}"
        raise InputError(f"{where}: expected an array of shape {(*shape,)}, {dtype} and torch.strided, got {given}")
    order = sorted(range(found.ndim), key=found.stride, reverse=True)
    if not found.permute(order).is_contiguous():
        raise InputError(f"{where}: an array of shape {(*shape,)} is not in it as a whole")


def _check_range(where: str, found: torch.Tensor) -> None:
    """Raise InputError for a negative number where it counts something or is made of squares, else for one that is not
    finite."""
    if found.is_floating_point() and not where.endswith(SQUARES):
        finite(where, to_numpy(found))
    elif not (found >= 0).all():
        raise InputError(f"{where}: expected values >= 0, got {reprlib.repr(found.min().item())}")


def _check_plain(where: str, found: object, *more: type) -> None:
    """Raise InputError unless it is nested mappings, lists, numbers and texts, and not too many: what stands in
    several places counts as often. What else may stand there is in `more`.
    """
    waiting = [found]
    for value in waiting:
        if type(value) not in (*PLAIN, *more):
            raise InputError(f"{where}: a {type(value).__name__} is not expected")
        if isinstance(value, dict):
            waiting += [*value, *value.values()]
        elif isinstance(value, list | tuple):
            waiting += value
        if len(waiting) > LONGEST:
            raise InputError(f"{where}: expected at most {LONGEST:,} values")
