"""Model files and checkpoints that are damaged, run code when they are unpickled, or claim what cannot be."""

import io
import json
import pickle
import re
import resource
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from experiments.shared import model_file
from experiments.train.checkpoints import checkpoint
from manual import InputError
from parity_tests.commands.hostile.strangers import (
    LAYERS,
    Bomb,
    Refuse,
    header,
    saved_by_torch,
    sealed,
    written,
    zipped,
)

LOAD = {"model": model_file.load, "checkpoint": checkpoint.read}
EITHER = pytest.mark.parametrize("what", LOAD)


def test_the_good_ones_are_taken(good: dict[str, bytes], tmp_path: Path) -> None:
    assert model_file.load(written(tmp_path / "m", good["model"])).classes == ["leaf", "bluebird"]
    assert checkpoint.read(written(tmp_path / "c", good["checkpoint"]))["global_step"] == 2


FORMS = {
    "pickle": pickle.dumps,
    "zip": lambda bomb: zipped({"data.pkl": pickle.dumps(bomb, 2), "version": b"3\n", "byteorder": b"little"}),
    "torch": lambda bomb: saved_by_torch({"state_dict": bomb}),
}


@EITHER
@pytest.mark.parametrize("form", FORMS)
def test_a_pickle_that_runs_code_is_not_run(what: str, form: str, refused: Refuse, tmp_path: Path) -> None:
    refused(what, written(tmp_path / "bomb", FORMS[form](Bomb(tmp_path / "mark"))))
    assert not (tmp_path / "mark").exists()


def test_the_bomb_of_these_tests_goes_off_where_it_is_unpickled(tmp_path: Path) -> None:
    torch.load(io.BytesIO(saved_by_torch({"state_dict": Bomb(tmp_path / "mark")})), weights_only=False)
    assert (tmp_path / "mark").exists()


@EITHER
def test_a_file_that_is_cut_off_anywhere_is_refused(what: str, good: dict[str, bytes], tmp_path: Path) -> None:
    content = good[what]
    for length in {*range(0, len(content), 1 if what == "model" else 37), *range(len(content) - 30, len(content))}:
        with pytest.raises(InputError, match="broken or truncated"):
            LOAD[what](written(tmp_path / "cut", content[:length]))


@pytest.mark.slow
def test_a_flipped_bit_anywhere_in_a_model_is_refused(good: dict[str, bytes], tmp_path: Path) -> None:
    for place in range(len(good["model"])):
        changed = bytearray(good["model"])
        changed[place] ^= 1 << place % 8
        with pytest.raises(InputError):
            model_file.load(written(tmp_path / "flipped", bytes(changed)))


def test_a_flipped_bit_in_a_checkpoint_is_refused_or_in_what_nobody_reads(
    good: dict[str, bytes], tmp_path: Path
) -> None:
    content, right = good["checkpoint"], checkpoint.read(written(tmp_path / "right", good["checkpoint"]))
    refused = 0
    for place in range(0, len(content), 23):
        changed = bytearray(content)
        changed[place] ^= 1 << place % 8
        try:
            found = checkpoint.read(written(tmp_path / "flipped", bytes(changed)))
        except InputError:
            refused += 1
        else:
            assert saved_by_torch(found) == saved_by_torch(right)
    assert refused > len(content) / 23 / 3
    weights = content.index(right["state_dict"]["side.module.0.weight"].numpy().tobytes())
    changed = bytearray(content)
    changed[weights] ^= 1
    torch.load(io.BytesIO(changed), weights_only=True)  # torch does not notice
    with pytest.raises(InputError, match=r"the checksum of .*/data/\d is wrong"):
        checkpoint.read(written(tmp_path / "flipped", bytes(changed)))


def pool(**arguments: Any) -> dict[str, Any]:
    return {"network": [{"MaxPool2d": arguments}, LAYERS[1]]}


def linear(n: int) -> dict[str, Any]:
    return {"network": [{"Linear": {"in_features": n, "out_features": n}}]}


ARRAY = '"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}'
LARGE = '{"a":{"dtype":"F32","shape":[536870912],"data_offsets":[0,2147483648]}}'
TWO_GB, TOO_LONG = struct.pack("<Q", 2 << 30), struct.pack("<Q", 1 << 63)
MANY = "more than 100,000,000 numbers"

CONTENTS: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "a header of 2 GB": (lambda good: TWO_GB + good[8:], "broken or truncated"),
    "a header of 2⁶³ bytes": (lambda good: TOO_LONG + good[8:], "broken or truncated"),
    "arrays of 2 GB": (lambda _: header(LARGE), "broken or trunc"),
    "levels without end": (lambda _: header("[" * 10**6), "broken or truncated"),
    "an array twice": (lambda _: header(f"{{{ARRAY},{ARRAY}}}", bytes(4)), "a name in it stands twice"),
    "a network of levels without end": (lambda good: sealed(good, {"network": "[" * 10**6}), "does not fit together"),
}
"""What stands in a model file, and what is said of it."""

CLAIMS: dict[str, tuple[dict[str, Any], str]] = {
    "a network of 10¹⁰ parameters": (linear(10**5), "its arrays are not those of its network"),
    "a network of 10²⁰ parameters": (linear(10**10), "Linear: "),
    "a window of 2·10⁶ pixels": (
        {"input": [1, 1, 2], **pool(kernel_size=[1, 2 * 10**6], padding=[0, 10**6])},
        rf"an example of shape \(1, 1, 2\) becomes {MANY}",
    ),
    "a padding of 10⁵": (
        pool(kernel_size=2 * 10**5, padding=10**5),
        rf"layer 0 of 2, MaxPool2d.* an example of shape \(3, 2, 2\) becomes {MANY}",
    ),
    "an input of 10¹⁰ numbers": ({"input": [1, 10**5, 10**5]}, MANY),
    "an input that is negative": ({"input": [-3, 2, 2]}, "input: a size must be an integer >= 1"),
    "two classes of one name": ({"classes": ["a", "a"]}, "classes of different names"),
    "a class that is a number": ({"classes": ["a", 1]}, "classes of different names"),
    "a mean that is text": ({"scale": {"mean": ["a", 0, 0], "std": [1, 1, 1]}}, "mean: expected finite values"),
    "a std that overflows": (
        {"scale": {"mean": [0, 0, 0], "std": [1e-320] * 3}},
        "black and white by its scale: expected finite",
    ),
}
"""What a model file says of itself, with the right sha256 of that, and what is said of it."""


@pytest.mark.parametrize("name", [*CONTENTS, *CLAIMS])
def test_a_model_that_claims_what_cannot_be_is_refused_before_it_takes_memory(
    name: str, good: dict[str, bytes], refused: Refuse, tmp_path: Path
) -> None:
    if name in CONTENTS:
        make, message = CONTENTS[name]
        content = make(good["model"])
    else:
        said, message = CLAIMS[name]
        content = sealed(good["model"], {key: json.dumps(value) for key, value in said.items()})
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert re.search(message, refused("model", written(tmp_path / "model", content)))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200 * 1024
