"""What `from torch_ref import …` offers, and what it waits for."""

import subprocess
import sys

import pytest

import torch_ref


@pytest.mark.parametrize("name", torch_ref.__all__)
def test_a_public_name_is_what_it_says(name):
    assert getattr(torch_ref, name).__name__ == name
    assert name in vars(sys.modules[getattr(torch_ref, name).__module__])


def test_another_name_is_no_attribute():
    with pytest.raises(AttributeError, match="'torch_ref' has no attribute 'compare_all'"):
        torch_ref.compare_all  # noqa: B018


def test_tolerance_and_truth_do_not_load_torch():
    rooms = "torch_ref, torch_ref.tolerance.bounds, torch_ref.truth.slopes, torch_ref.truth.zero_reference"
    loaded = f"import sys, {rooms}; print('torch' in sys.modules)"
    assert (
        subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True).stdout == "False\n"
    )
