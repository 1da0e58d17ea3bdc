"""What `python -m parity_tests.commands.hostile.fuzz` has found once."""

import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from manual import InputError, Linear, MSELoss, Network, Sigmoid, Softmax, init


@pytest.mark.parametrize("value", ["a", None, np.nan, [1], 10**400, True])
def test_a_start_by_what_is_no_number_is_an_error(value: Any, rng: np.random.Generator) -> None:
    with pytest.raises(InputError, match="constant: value must be a finite number, got"):
        init.constant(Linear(1, 1, rng=rng), value)
    for start in (init.xavier_uniform, init.xavier_normal):
        with pytest.raises(InputError, match=f"{start.__name__}: gain must be a finite number, got"):
            start(Linear(1, 1, rng=rng), rng, value)


@pytest.mark.parametrize("value", [np.array([]), np.array(["mean", "sum"])])
def test_a_reduction_that_is_an_array_is_an_error(value: Any) -> None:
    with pytest.raises(InputError, match="MSELoss: reduction must be 'mean', 'sum' or 'none', got array"):
        MSELoss(reduction=value)


def test_truth_values_are_no_input(rng: np.random.Generator) -> None:
    with pytest.raises(
        InputError, match=r"expected an array of at least one example, got shape \(2, 3\) and dtype bool"
    ):
        Network(Sigmoid()).forward(np.ones((2, 3), bool))


def test_examples_of_no_numbers_are_no_input() -> None:
    with pytest.raises(InputError, match=r"at least one example, got shape \(3, 0\)"):
        Network(Softmax()).forward(np.ones((3, 0)))


@pytest.mark.slow
def test_what_the_decoder_says_of_a_broken_picture_is_said_once(tmp_path: Path) -> None:
    Image.new("RGB", (2, 2)).save(tmp_path / "a.tif")
    content = bytearray((tmp_path / "a.tif").read_bytes())
    [(order, _, start)] = struct.iter_unpack("<2sHI", content[:8])
    assert order == b"II"
    for entry in range(start + 2, start + 2 + 12 * struct.unpack_from("<H", content, start)[0], 12):
        if struct.unpack_from("<H", content, entry)[0] == 277:  # samples a pixel
            struct.pack_into("<H", content, entry + 8, 278)
    (tmp_path / "odd.tif").write_bytes(content)
    script = """
import sys, pathlib
from experiments.data.images import Unreadable, image
try: image(pathlib.Path(sys.argv[1]), 8)
except Unreadable: print("left out")
"""
    done = subprocess.run([sys.executable, "-c", script, tmp_path / "odd.tif"], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("left out\n", "")
