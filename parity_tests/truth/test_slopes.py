"""The derivative of a forward that torch has no module for: certified, and with a tolerance that right formulas
keep."""

import numpy as np
import pytest
import torch

import manual.layers
from manual import Sigmoid, Undecided
from parity_tests.conftest import few
from torch_ref import to_numpy, to_torch, twin
from torch_ref.examples import of_floats
from torch_ref.truth.slopes import Slopes

ON_AN_EDGE = ("relu-1", "hardsigmoid-1", "max_pool2d-3")
LAYERS = {name: make for name, make in of_floats(manual.layers) if name not in ON_AN_EDGE}


@pytest.mark.parametrize("name", few(LAYERS))
def test_torch_s_and_the_project_s_gradients_keep_the_tolerance_of_a_layer_that_nobody_knows(name, rng):
    layer, x = LAYERS[name]()
    y, cache = layer.forward(x)
    delta = rng.standard_normal(y.shape)

    def function(x, **params):
        return (layer.like(**params) if params else layer).forward(x)[0]

    slopes = Slopes.of(function, {"x": x, **layer.params}, delta)
    found = slopes.by
    module, inputs = twin(layer), to_torch(x).requires_grad_()
    for output in (y, to_numpy(module(inputs))):
        assert np.all(np.abs(slopes.output.value - output) <= slopes.output.allowed)
    theirs = torch.autograd.grad(module(inputs), [inputs, *module.parameters()], to_torch(delta))
    dx, gradient = layer.backward(delta, cache)
    for slope, torchs, ours in zip(found.values(), theirs, [dx, *gradient.params.values()], strict=True):
        assert np.all(np.abs(slope.value - to_numpy(torchs)) <= slope.allowed)
        assert np.all(np.abs(slope.value - ours) <= slope.allowed)
        assert np.all(slope.allowed < 1e-12 * np.abs(slope.value).max() * max(1, np.abs(x).max()))


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
def test_a_right_output_and_slope_keep_the_tolerance_and_one_wrong_by_1e_12_does_not(name, rng):
    forward, slope = FORMULAS[name]
    for _ in range(5):
        x, delta = 2 * rng.standard_normal((4, 3)), rng.standard_normal((4, 3))
        found = Slopes.of(forward, {"x": x}, delta)
        for right, (value, allowed) in ((forward(x), found.output), (delta * slope(x), found.by["x"])):
            assert np.all(np.abs(right - value) <= allowed)
            assert np.any(np.abs((1 + 1e-12) * right - value) > allowed)


def test_a_formula_that_loses_digits_where_the_value_is_small_keeps_it(rng):
    z, delta = 5 * rng.standard_normal((6, 3)), rng.standard_normal((6, 3))
    a, _ = Sigmoid().forward(z)
    found = Slopes.of(lambda z: Sigmoid().forward(z)[0], {"z": z}, delta).by["z"]
    errors = np.abs(delta * (a * (1 - a)) - found.value)
    assert (errors / np.abs(found.value)).max() > 1e-15
    assert np.all(errors <= found.allowed)


def test_large_elements_lend_no_tolerance_to_small_ones():
    x = np.array([1e6, 1.0, 1e-4])
    found = Slopes.of(lambda x: x**3, {"x": x}).by["x"]
    assert np.all(np.abs(3 * x * x - found.value) <= found.allowed)
    assert np.all(found.allowed[1:] < 1e-12 * found.value[1:])


def test_a_slope_may_be_what_is_left_of_one_and_no_other_small_slope_may():
    x = np.array([3.0, 12.0, 30.0])
    found = Slopes.of(lambda x: -np.log1p(np.exp(-x)), {"x": x}).by["x"]
    assert np.all(np.abs(1 - 1 / (1 + np.exp(-x)) - found.value) <= found.allowed)
    assert np.all(found.allowed <= 2.0**-48)
    scaled = Slopes.of(lambda x: x * 1e-20 / 1.0, {"x": x}).by["x"]
    assert np.all(scaled.allowed <= 2.0**-32 * scaled.value)


@pytest.mark.parametrize(("jump", "at"), [(np.floor, 1.0), (np.ceil, 1.0), (np.trunc, 1.0), (np.rint, 2.5)])
def test_between_its_jumps_a_forward_has_the_slope_zero_and_at_one_it_has_none(jump, at):
    x = np.array([-1.2625, 0.3125, 1.7625])
    found = Slopes.of(lambda x: jump(x), {"x": x})
    assert np.allclose(found.output.value, jump(x), rtol=2.0**-50, atol=0)
    assert not found.by["x"].value.any()
    assert found.decided == [False, True]
    with pytest.raises(Undecided):
        Slopes.of(lambda x: jump(x), {"x": np.array([at])})


def test_where_the_forward_decides_there_is_no_slope():
    with pytest.raises(Undecided, match="decides exactly here"):
        Slopes.of(lambda x: np.maximum(x, 0), {"x": np.zeros(2)})


def test_a_function_that_does_not_depend_on_its_input_has_the_slope_zero():
    slopes = Slopes.of(lambda x: 3.0, {"x": np.ones(2)})
    assert not slopes.by["x"].value.any()
    assert (slopes.output.value, slopes.decided) == (3, [])


def test_a_delta_weighs_each_element_and_without_one_each_weighs_one(rng):
    x, delta = rng.standard_normal((3, 2)), rng.standard_normal((3, 2))
    one, weighed = Slopes.of(lambda x: x * x, {"x": x}), Slopes.of(lambda x: x * x, {"x": x}, delta)
    assert np.all(np.abs(one.by["x"].value - 2 * x) <= one.by["x"].allowed)
    assert np.all(np.abs(weighed.by["x"].value - 2 * x * delta) <= weighed.by["x"].allowed)
    assert np.array_equal(one.output.value, weighed.output.value)
    assert one.output.value.shape == (3, 2)


def test_the_output_is_the_true_one_where_floats_lose_it():
    """(1 + x) − 1 at x = 2⁻⁶⁰ is 0 in float64, and 2⁻⁶⁰ in truth: its bound is that of the floats."""
    x = np.array([2.0**-60])
    value, allowed = Slopes.of(lambda x: (1 + x) - 1, {"x": x}).output
    assert value == x
    assert x <= allowed < 1e-15


DECIDED = {
    "none": (lambda x: x * x, 0),
    "always above": (lambda x: np.maximum(x, -10.0), 1),
    "never above": (lambda x: np.maximum(x, 10.0), 1),
    "both": (lambda x: np.maximum(x, 0.0), 2),
    "both, by where": (lambda x: np.where(x > 0, x, 2 * x), 2),
}
"""Functions, and how many different answers their comparisons give."""


@pytest.mark.parametrize("name", DECIDED)
def test_the_answers_of_comparisons_are_kept(name):
    (function, answers), x = DECIDED[name], {"x": np.array([-1.0, 1.0])}
    assert Slopes.of(lambda x: np.maximum(x, 0.0), x).decided == [False, True]  # another function's are forgotten
    assert len(Slopes.of(function, x).decided) == answers
