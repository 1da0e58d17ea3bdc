"""Every layer, loss and optimizer against its twin, in both dtypes."""

from types import ModuleType

import numpy as np
import pytest

import manual.layers
import manual.losses
import manual.optimizers
from manual import SGD, Linear, MSELoss, Network, Tanh
from parity_tests.for_each import file_of, for_each
from torch_ref import compare_layer, compare_loss, compare_network, compare_optimizer, compare_training
from torch_ref.examples import examples, layer_for, of_floats

DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])


@DTYPES
@for_each("make", of_floats(manual.layers), file_of)
def test_a_layer_agrees_with_torch(make, dtype, rng, device, agree):
    layer, x = make()
    agree(compare_layer(layer.astype(dtype), x.astype(dtype), rng, device))


@DTYPES
@for_each("make", of_floats(manual.losses), file_of)
def test_a_loss_agrees_with_torch(make, dtype, device, agree):
    loss, prediction, target = make()
    target = target.astype(dtype) if target.dtype.kind == "f" else target
    agree(compare_loss(loss, prediction.astype(dtype), target, device))


@DTYPES
@for_each("make", of_floats(manual.optimizers), file_of)
@pytest.mark.parametrize("steps", [9, pytest.param(50, marks=pytest.mark.slow)])  # RAdam changes at the sixth
def test_an_optimizer_agrees_with_torch(make, dtype, steps, rng, device, agree):
    optimizer = make()
    agree(compare_optimizer(optimizer, layer_for(optimizer, rng).astype(dtype), rng, steps=steps, device=device))


def test_a_file_without_examples_is_an_error(tmp_path, monkeypatch):
    (tmp_path / "untested").mkdir()
    (tmp_path / "untested" / "__init__.py").touch()
    (tmp_path / "untested" / "layer.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    package = __import__("untested")
    assert isinstance(package, ModuleType)
    with pytest.raises(LookupError, match=r"untested\.layer has no examples"):
        list(examples(package))


class ForgetsTheActivation(Network):
    """Sends δ past its activations."""

    def backward(self, delta, tape, /):
        gradients = []
        for layer, cache in zip(reversed(self.layers), reversed(tape), strict=True):
            back, gradient = layer.backward(delta, cache)
            delta = back if layer.params else delta
            gradients.append(gradient)
        return delta, self._of(gradients[::-1])

    def gradient(self, delta, tape, /):
        return self.backward(delta, tape)[1]


def test_a_network_that_is_not_the_chain_of_its_layers_is_caught(rng, device, agree):
    layers = [Linear(3, 4, rng=rng), Tanh(), Linear(4, 2, rng=rng)]
    x, y = rng.standard_normal((5, 3)), rng.standard_normal((5, 2))
    agree(compare_network(Network(*layers), MSELoss(), x, y, device))
    for parity in (
        compare_network(ForgetsTheActivation(*layers), MSELoss(), x, y, device),
        compare_training(ForgetsTheActivation(*layers), MSELoss(), SGD(lr=0.1), x, y, steps=1, device=device),
    ):
        failed = {c.quantity for c in parity.comparisons if not c.agrees}
        assert failed == {"dx", *(f"d0.{p}{way}" for p in ("weight", "bias") for way in ("", ", by gradient()"))}
        assert all(c.place.endswith("the whole network") for c in parity.comparisons if not c.agrees)
