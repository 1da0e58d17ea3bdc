"""Checkpoints that claim what cannot be, made on purpose, with every checksum right."""

import io
import re
import resource
import struct
import zipfile
import zlib
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from parity_tests.commands.hostile.strangers import Refuse, laughs, records, saved_by_torch, written, zipped

Saved = dict[str, Any]


def overlapping(count: int, size: int) -> bytes:
    """A zip of stored records, each of which is the end of the next; every checksum is right."""
    content, directory = bytes(size), []
    for number in range(count):
        name = b"%03d" % number
        sizes = zlib.crc32(content), len(content), len(content), len(name), 0
        about = struct.pack("<HHHHHLLLHH", 20, 0, 0, 0, 33, *sizes)
        content = b"PK\3\4" + about + name + content
        directory.append((name, about, len(content)))
    entries = b""
    for name, about, end in directory:
        place = struct.pack("<HHHLL", 0, 0, 0, 0, len(content) - end)
        entries += b"PK\1\2" + struct.pack("<H", 20) + about + place + name
    ends = struct.pack("<HHHHLLH", 0, 0, count, count, len(entries), len(content), 0)
    return content + entries + b"PK\5\6" + ends


FILES: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "a zip bomb": (
        lambda _: zipped({"data.pkl": bytes(10**8)}, zipfile.ZIP_DEFLATED),
        "would unpack to 100,000,000 bytes",
    ),
    "tuples in tuples for a key": (
        lambda _: zipped({"data.pkl": b"\x80\x02})" + 10**6 * b"\x85" + b"K\x01s."}),
        "has more than 50,000 instructions",
    ),
    "another kind of mapping": (
        lambda good: saved_by_torch(OrderedDict(torch.load(io.BytesIO(good), weights_only=True))),
        "of another type",
    ),
    "records that are marked as folders": (
        lambda good: zipped(dict(records(good)), attribute=0x10),
        "a record is marked as a folder",
    ),
    "records within records": (lambda _: overlapping(30, 1000), f"it would unpack to {30 * 1000 + 435 * 33:,} bytes"),
}
"""A file made of a good checkpoint, or of nothing; and what is said of it."""


def weight(saved: Saved) -> torch.Tensor:
    return saved["state_dict"]["side.module.0.weight"]


def of_adam(saved: Saved) -> Saved:
    return saved["optimizer"]["0.weight"]


def average(value: Callable[[torch.Tensor], Any]) -> Callable[[Saved], object]:
    """Another first average of Adam's."""
    return lambda saved: of_adam(saved).update(exp_avg=value(of_adam(saved)["exp_avg"]))


def config(section: str, **said: Any) -> Callable[[Saved], object]:
    return lambda saved: saved["config"][section].update(said)


def many_parameters(saved: Saved) -> None:
    layer = saved["config"]["model"]["network"][0]
    layer.update(Linear={"in_features": 10**5, "out_features": 10**5})


def one_number(saved: Saved) -> None:
    """A network of 4·10⁸ parameters, which are all one number in the file."""
    n = 2 * 10**4
    saved["config"]["model"].update(network=[{"Linear": {"in_features": n, "out_features": n, "bias": False}}])
    saved["state_dict"] = {"side.module.0.weight": torch.zeros(1, dtype=torch.float64).expand(n, n)}


PARAMETER = r"0\.weight: expected an array of shape \(100000, 100000\), torch.float64 and torch.strided, got \(2, 2\)"
WRONG = "missing, of another type, or not expected"
CHANGES: dict[str, tuple[Callable[[Saved], object], str]] = {
    "a NaN": (lambda saved: weight(saved).fill_(np.nan), r"0\.weight: expected finite values, got nan"),
    "an infinity": (lambda saved: weight(saved)[0, 0].fill_(np.inf), r"got inf at index \(0, 0\)"),
    "weights that are none": (lambda saved: saved.update(state_dict={"a": 1}), "cannot be restored"),
    "4·10⁸ weights in one": (one_number, r"\(20000, 20000\) is not in it as a whole"),
    "a network of 10¹⁰ parameters": (many_parameters, PARAMETER),
    "lists of lists": (config("data", batch_size=laughs()), "config: expected at most 50,000 values"),
    "lists of lists for parameters": (
        config("model", start={"0.weight": laughs()}),
        "config: expected at most 50,000 values",
    ),
    "lists of lists for a number": (lambda saved: saved.update(log=laughs()), rf"\['log'\] {WRONG}"),
    "another kind of mapping in the config": (config("data", seed=torch.Size([1])), "config: a Size is not expected"),
    "4·10⁸ numbers in a config": (
        config("data", batch_size=torch.zeros(1).expand(4 * 10**8)),
        "config: a Tensor is not expected",
    ),
    "an array for a config": (
        lambda saved: saved["config"].update(model=torch.ones(2)),
        "config, model: expected a mapping, got tensor",
    ),
    "a number for an average": (average(lambda _: 5), r"optimizer, 0\.weight: exp_avg: expected an array, got 5"),
    "an average of another shape": (
        average(lambda _: torch.zeros(3, dtype=torch.float64)),
        r"exp_avg: expected an array of shape \(2, 2\), torch\.float64 and torch\.strided, got \(3,\)",
    ),
    "an average of another dtype": (average(torch.Tensor.float), r"got \(2, 2\), torch\.float32 and torch\.strided"),
    "an average that is sparse": (average(torch.Tensor.to_sparse), r"got \(2, 2\), torch\.float64 and torch\.sparse"),
    "an average less": (lambda saved: of_adam(saved).pop("exp_avg"), r"optimizer, 0\.weight: lacks \['exp_avg'\]"),
    "steps that are text": (lambda saved: of_adam(saved).update(step="x"), r"0\.weight: step: expected 2, got 'x'"),
    "an array for an optimizer": (lambda saved: saved.update(optimizer=torch.ones(2)), rf"\['optimizer'\] {WRONG}"),
    "a version": (
        lambda saved: saved.update({"pytorch-lightning_version": "\u202eabc"}),
        rf"\['pytorch-lightning_version'\] {WRONG}",
    ),
}
"""A change of a good checkpoint, and what is said of it."""


@pytest.mark.parametrize("name", [*FILES, *CHANGES])
def test_a_checkpoint_that_claims_what_cannot_be_is_refused_before_it_takes_memory(
    name: str, good: dict[str, bytes], refused: Refuse, tmp_path: Path
) -> None:
    if name in FILES:
        make, message = FILES[name]
        content = make(good["checkpoint"])
    else:
        change, message = CHANGES[name]
        saved = torch.load(io.BytesIO(good["checkpoint"]), weights_only=True)
        change(saved)
        content = saved_by_torch(saved)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    line = refused("checkpoint", written(tmp_path / "checkpoint", content))
    assert re.search(message, line), line
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200 * 1024
