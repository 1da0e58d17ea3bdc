"""Every layer, loss and optimizer against its twin, in both dtypes."""

from types import ModuleType

import numpy as np
import pytest

import manual.layers
import manual.losses
import manual.optimizers
from manual import Linear
from torch_ref import compare_layer, compare_loss, compare_optimizer
from torch_ref.examples import examples

DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def each(package):
    cases = [*examples(package)]
    return pytest.mark.parametrize("make", [make for _, make in cases], ids=[name for name, _ in cases])


@DTYPES
@each(manual.layers)
def test_a_layer_agrees_with_torch(make, dtype, rng, device, agree):
    layer, x = make()
    agree(compare_layer(layer.astype(dtype), x.astype(dtype), rng, device))


@DTYPES
@each(manual.losses)
def test_a_loss_agrees_with_torch(make, dtype, device, agree):
    loss, prediction, target = make()
    target = target.astype(dtype) if target.dtype.kind == "f" else target
    agree(compare_loss(loss, prediction.astype(dtype), target, device))


@DTYPES
@each(manual.optimizers)
def test_an_optimizer_agrees_with_torch(make, dtype, rng, device, agree):
    agree(compare_optimizer(make(), Linear(3, 4, rng=rng).astype(dtype), rng, steps=50, device=device))


def test_a_file_without_examples_is_an_error(tmp_path, monkeypatch):
    (tmp_path / "untested").mkdir()
    (tmp_path / "untested" / "__init__.py").touch()
    (tmp_path / "untested" / "layer.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    package = __import__("untested")
    assert isinstance(package, ModuleType)
    with pytest.raises(LookupError, match=r"untested\.layer has no examples"):
        list(examples(package))
