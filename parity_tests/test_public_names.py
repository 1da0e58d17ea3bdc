"""What `from manual import …` and `from torch_ref import …` offer, and what they wait for."""

import subprocess
import sys

import pytest

import manual.layers
import manual.losses
import manual.optimizers
import torch_ref


@pytest.mark.parametrize("package", [manual.layers, manual.losses, manual.optimizers])
def test_every_layer_loss_and_optimizer_is_importable_from_manual(package):
    assert all(getattr(manual, name) is getattr(package, name) for name in package.__all__)


@pytest.mark.parametrize("name", torch_ref.__all__)
def test_a_public_name_is_what_it_says(name):
    assert getattr(torch_ref, name).__name__ == name
    assert name in vars(sys.modules[getattr(torch_ref, name).__module__])


def test_another_name_is_no_attribute():
    with pytest.raises(AttributeError, match="'torch_ref' has no attribute 'compare_all'"):
        torch_ref.compare_all  # noqa: B018


def test_what_loads_slowly_is_not_loaded():
    """torch for the tolerance, the truth and the judgement, nor SymPy for a comparison."""
    code = """if True:
        import sys
        import torch_ref, torch_ref.comparison.functions.judge, torch_ref.tolerance.bounds, torch_ref.truth.slopes
        import torch_ref.truth.zero_reference
        print("torch" in sys.modules)
        import numpy as np, manual
        torch_ref.compare_layer(manual.ReLU(), np.ones((2, 3)), np.random.default_rng(0))
        print("sympy" in sys.modules)
    """
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "False\nFalse\n"
