"""The derivative of a forward that torch has no module for: certified, and with a tolerance that right formulas keep."""

import numpy as np
import pytest
import torch

import manual.layers
from manual import Sigmoid, Undecided
from torch_ref import to_numpy, to_torch, twin
from torch_ref.examples import examples
from torch_ref.slopes import slopes

LAYERS = [case for case in examples(manual.layers) if case[0] != "relu-1"]  # it holds a 0, where ReLU decides


@pytest.mark.parametrize("make", [make for _, make in LAYERS], ids=[name for name, _ in LAYERS])
def test_torch_s_and_the_project_s_gradients_keep_the_tolerance_of_a_layer_that_nobody_knows(make, rng):
    layer, x = make()
    y, cache = layer.forward(x)
    delta = rng.standard_normal(y.shape)

    def function(x, **params):
        return (delta * (layer.like(**params) if params else layer).forward(x)[0]).sum()

    found = slopes(function, {"x": x, **layer.params})
    module, inputs = twin(layer), to_torch(x).requires_grad_()
    theirs = torch.autograd.grad(module(inputs), [inputs, *module.parameters()], to_torch(delta))
    dx, gradient = layer.backward(delta, cache)
    for slope, torchs, ours in zip(found.values(), theirs, [dx, *gradient.params.values()], strict=True):
        assert np.abs(slope.value - to_numpy(torchs)).max() <= slope.allowed
        assert np.abs(slope.value - ours).max() <= slope.allowed
        assert slope.allowed < 1e-12 * np.abs(slope.value).max()


FORMULAS = {
    "softplus": (lambda x: np.log(1 + np.exp(x)), lambda x: 1 / (1 + np.exp(-x))),
    "swish": (lambda x: x / (1 + np.exp(-x)), lambda x: (s := 1 / (1 + np.exp(-x))) * (1 + x * (1 - s))),
    "a square root": (lambda x: np.sqrt(x**2 + 1), lambda x: x / np.sqrt(x * x + 1)),
    "a cube": (lambda x: x**3, lambda x: 3 * x * x),
    "a power that is not whole": (lambda x: (x**2 + 1) ** 1.5, lambda x: 3 * x * np.sqrt(x * x + 1)),
    "tanh by exp": (lambda x: np.tanh(x), lambda x: 4 / (np.exp(x) + np.exp(-x)) ** 2),
    "a clip": (lambda x: np.clip(x, -1.0, 1.0), lambda x: np.abs(x) < 1),
}


@pytest.mark.parametrize("name", FORMULAS)
def test_a_right_formula_keeps_the_tolerance_and_one_wrong_by_1e_12_does_not(name, rng):
    forward, slope = FORMULAS[name]
    for _ in range(20):
        x, delta = 2 * rng.standard_normal((4, 3)), rng.standard_normal((4, 3))
        found = slopes(lambda x, delta=delta: (delta * forward(x)).sum(), {"x": x})["x"]
        right = delta * slope(x)
        assert np.abs(right - found.value).max() <= found.allowed
        assert np.abs((1 + 1e-12) * right - found.value).max() > found.allowed


def test_a_formula_that_loses_digits_where_the_value_is_small_keeps_it(rng):
    z, delta = 5 * rng.standard_normal((6, 3)), rng.standard_normal((6, 3))
    a, _ = Sigmoid().forward(z)
    found = slopes(lambda z: (delta * Sigmoid().forward(z)[0]).sum(), {"z": z})["z"]
    errors = np.abs(delta * (a * (1 - a)) - found.value)
    assert (errors / np.abs(found.value)).max() > 1e-15
    assert errors.max() <= found.allowed


def test_where_the_forward_decides_there_is_no_slope():
    with pytest.raises(Undecided, match="decides exactly here"):
        slopes(lambda x: np.maximum(x, 0).sum(), {"x": np.zeros(2)})


def test_a_function_that_does_not_depend_on_its_input_has_the_slope_zero():
    assert not slopes(lambda x: 3.0, {"x": np.ones(2)})["x"].value.any()
