"""The certified derivative of the forward: manual and torch both lie within their own error of it."""

from itertools import pairwise
from typing import Any

import flint
import numpy as np
import pytest
import torch

import manual.layers
import manual.losses
from manual import (
    CrossEntropyLoss,
    HalfMSELoss,
    Layer,
    Linear,
    MSELoss,
    Network,
    ReLU,
    Sigmoid,
    Softmax,
    Tanh,
    Undecided,
    lift,
)
from manual.documents import hand_computation, one_two_one, sine
from parity_tests.conftest import few
from parity_tests.for_each import file_of, for_each
from torch_ref import certify, to_numpy, to_torch, twin
from torch_ref.examples import of_floats
from torch_ref.tolerance import torch_formulas
from torch_ref.tolerance.bounds import layer_bounds, loss_bounds
from torch_ref.truth.certify import Dual, derivative, distance, layer_truth, loss_truth, network_truth, ulps

DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])
ON_AN_EDGE = {
    "relu-1",
    "hardsigmoid-1",
    "max_pool2d-3",
    "bce_with_logits_loss-1",
}  # these examples hold a 0 or a tie, where the forward decides
LAYERS = dict(of_floats(manual.layers))


def each(package):
    return for_each("make", [(name, make) for name, make in of_floats(package) if name not in ON_AN_EDGE], file_of)


def torch_layer(layer, x, delta):
    module, inputs = twin(layer), to_torch(x).requires_grad_()
    names = [name for name, _ in module.named_parameters()]
    dx, *gradients = torch.autograd.grad(module(inputs), [inputs, *module.parameters()], to_torch(delta))
    return {"dx": to_numpy(dx), **{f"d{name}": to_numpy(g) for name, g in zip(names, gradients, strict=True)}}


@DTYPES
@each(manual.layers)
def test_a_layer_s_backward_and_torch_s_lie_within_their_error_of_the_truth(make, dtype, rng):
    layer, x = make()
    layer, x = layer.astype(dtype), x.astype(dtype)
    y, cache = layer.forward(x)
    delta = rng.standard_normal(y.shape).astype(dtype)
    dx, gradient = layer.backward(delta, cache)
    ours = {"dx": dx, **{f"d{name}": g for name, g in gradient.params.items()}}
    theirs, bounds = torch_layer(layer, x, delta), layer_bounds(layer, x, delta)
    for name, truth in layer_truth(layer, x, delta).items():
        assert (distance(ours[name], truth) <= bounds[name].error).all()
        assert (distance(theirs[name], truth) <= bounds[name].error).all()


@DTYPES
@each(manual.losses)
def test_a_loss_lies_within_its_error_of_the_truth(make, dtype):
    loss, prediction, target = make()
    prediction, target = prediction.astype(dtype), target.astype(dtype) if target.dtype.kind == "f" else target
    cost, cache = loss.forward(prediction, target)
    upstream = np.random.default_rng(0).standard_normal(cost.shape).astype(dtype) if np.ndim(cost) else None
    bounds = loss_bounds(loss, prediction, target, upstream)
    true_cost, true_delta = loss_truth(loss, prediction, target, upstream)
    if upstream is None:
        assert distance(cost, true_cost) <= bounds["cost"].error
    delta = loss.backward(cache) if upstream is None else loss.backward(cache, upstream)
    assert (distance(delta, true_delta) <= bounds["delta"].error).all()


@pytest.mark.parametrize("name", sorted(ON_AN_EDGE & LAYERS.keys()))
def test_where_the_forward_has_no_derivative_the_truth_says_so(name, rng):
    layer, x = LAYERS[name]()
    with pytest.raises(Undecided, match="decides exactly here"):
        layer_truth(layer, x, rng.standard_normal(layer.forward(x)[0].shape))


def test_the_truth_of_a_rational_network_is_exact():
    network, x, y = hand_computation(flint.fmpq)
    cost, gradient = network_truth(network, HalfMSELoss(), x, y)
    delta = (flint.fmpq(6, 10) * flint.fmpq(32, 100) + flint.fmpq(2, 10)) - flint.fmpq(8, 10)
    assert cost == delta * delta / 2
    assert gradient["2.weight"].tolist() == [[delta * flint.fmpq(32, 100), 0]]
    assert gradient["0.weight"].tolist() == [[flint.fmpq(6, 10) * delta / 2, flint.fmpq(6, 10) * delta / 10], [0, 0]]


def test_a_wrong_backward_has_no_part_in_the_truth(rng):
    class Lying(Sigmoid):
        def backward(self, delta, a, /):
            return delta * a * (1 + a), self

    x, delta = rng.standard_normal((3, 2)), rng.standard_normal((3, 2))
    truth, lying = layer_truth(Lying(), x, delta)["dx"], Lying()
    honest = layer_truth(Sigmoid(), x, delta)["dx"]
    assert all(t.mid() == h.mid() and t.rad() == h.rad() for t, h in zip(truth.ravel(), honest.ravel(), strict=True))
    wrong = lying.backward(lift(delta, flint.fmpq), lying.forward(np.vectorize(flint.arb, otypes=[object])(x))[1])[0]
    assert not any(t.overlaps(w) for t, w in zip(truth.ravel(), wrong.ravel(), strict=True))


def test_the_truth_is_known_to_1e_30_where_finite_differences_give_1e_5():
    """d/dx of tanh at 1/2 is 1 − tanh²(1/2) = 4e/(e + 1)²."""
    value, slopes = derivative(lambda x: np.tanh(x).sum(), {"x": np.array([0.5])})
    with flint.ctx.workprec(128):
        e = flint.arb(1).exp()
        assert slopes["x"][0].overlaps(4 * e / (e + 1) ** 2)
        assert float(slopes["x"][0].rad()) < 1e-30
        assert value.overlaps((e - 1) / (e + 1))


@pytest.mark.parametrize("bits", [100, 112, 113, 200])
def test_a_truth_has_60_bits_beyond_the_dtype_s(bits):
    """A function that is known to so many bits in the first precision, and to all in the next."""
    known = {128: flint.arb(1, flint.arb(2) ** -bits), 256: flint.arb(1)}
    asked = []

    def function(x):
        asked.append(flint.ctx.prec)
        return (x * known[flint.ctx.prec]).sum()

    derivative(function, {"x": np.array([1.0])})
    assert asked == ([128] if bits > 113 else [128, 256])


class Swish(Layer):
    """z σ(z), which the project has not; its derivative times a factor."""

    factor: Any = 1

    def forward(self, z, /):
        s = 1 / (1 + np.exp(-z))
        return z * s, (z, s)

    def backward(self, delta, cache, /):
        z, s = cache
        return delta * (s + z * s * (1 - s)) * self.factor, self


def test_a_layer_that_torch_lacks_is_certified_to_1e_20(rng):
    x, delta = rng.standard_normal((3, 2)), rng.standard_normal((3, 2))
    assert certify(Swish(), x, delta)["dx"] < 1e-20
    wrong = certify(Swish(1 + flint.fmpq(1, 10**18)), x, delta)["dx"]
    assert 0.5e-18 < wrong < 2e-18


def test_a_gradient_that_is_0_is_certified_too():
    x, nothing = np.ones((2, 2)), np.zeros((2, 2))
    assert certify(Swish(), x, nothing) == {"dx": 0}

    class Adds(Swish):
        def backward(self, delta, cache, /):
            return delta + 1, self

    assert certify(Adds(), x, nothing) == {"dx": np.inf}


@pytest.mark.parametrize("name", few(sorted(LAYERS.keys() - ON_AN_EDGE)))
def test_every_backward_of_the_project_is_certified_to_1e_20(name, rng):
    layer, x = LAYERS[name]()
    delta = rng.standard_normal(layer.forward(x)[0].shape)
    assert all(error < 1e-20 for error in certify(layer, x, delta).values())


def test_precision_is_raised_where_terms_cancel():
    """x² − (x − 2⁻²⁰⁰)(x + 2⁻²⁰⁰) = 2⁻⁴⁰⁰ has slope 0 by terms of size 2x."""

    def function(x):
        tiny = flint.arb(2) ** -200
        return (x * x - (x - tiny) * (x + tiny)).sum()

    value, slopes = derivative(function, {"x": np.array([1.0])})
    with flint.ctx.workprec(2048):
        assert value.overlaps(flint.arb(2) ** -400)
        assert value.rel_accuracy_bits() >= 113
        assert abs(slopes["x"][0]) < flint.arb(2) ** -1134


def test_the_distance_and_the_ulp_are_measured_from_the_truth():
    third = np.array([flint.fmpq(1, 3)], dtype=object)
    assert 0 < distance(np.array([1 / 3]), third)[0] < 2**-54
    assert 0.3 < ulps(np.array([1 / 3]), third)[0] < 0.5
    assert ulps(np.array([np.nextafter(1 / 3, 1)]), third)[0] > 0.5
    assert 0 < ulps(np.array([1 / 3], dtype=np.float32), third)[0] < 0.5


RULES = [
    "exp", "expm1", "log", "log1p", "tanh", "sin", "cos", "tan", "sinh", "cosh", "arcsin", "arccos", "arctan",
    "arcsinh",
    "arccosh", "arctanh", "sqrt", "abs", "reciprocal",
]  # fmt: skip
FLINT_S = {
    "arcsin": "asin",
    "arccos": "acos",
    "arctan": "atan",
    "arcsinh": "asinh",
    "arccosh": "acosh",
    "arctanh": "atanh",
}


@pytest.mark.parametrize("name", RULES)
def test_every_rule_of_the_dual_numbers_is_the_derivative(name):
    """Against the balls' own arithmetic: a central difference whose error, f'''h²/6, is far below the tolerance of
    1e-30."""
    f = {"abs": abs, "reciprocal": lambda x: 1 / x}.get(
        name,
        lambda x: getattr(x, name if isinstance(x, Dual) else FLINT_S.get(name, name))(),  # pyright: ignore[reportArgumentType]
    )
    with flint.ctx.workprec(600):
        x, h = flint.arb(1.7 if name == "arccosh" else 0.7), flint.arb(2) ** -150
        slope = (f(x + h) - f(x - h)) / (2 * h)
        assert abs(f(Dual(x, np.array([flint.arb(1)], dtype=object))).d[0] - slope) < 1e-30


def documents():
    network, x, y = hand_computation()
    yield network, HalfMSELoss(), x, y
    for activation in (Sigmoid, Tanh):
        yield one_two_one(activation=activation), MSELoss(), *sine(8)


def random_networks(count):
    for seed in range(count):
        rng = np.random.default_rng(seed)
        sizes = rng.integers(1, 5, size=rng.integers(2, 5))
        layers = []
        for n, m in pairwise(sizes):
            layers += [Linear(int(n), int(m), rng=rng), [Tanh, Sigmoid, ReLU, Softmax][rng.integers(4)]()]
        x = rng.standard_normal((rng.integers(1, 5), sizes[0]))
        if sizes[-1] > 1:
            yield Network(*layers[:-1]), CrossEntropyLoss(), x, rng.integers(sizes[-1], size=len(x))
        yield Network(*layers), HalfMSELoss(), x, rng.standard_normal((len(x), sizes[-1]))


def assert_both_near_the_truth(network, loss, x, y):
    """Layer by layer: given the same input and δ, both lie within one error of the truth."""
    a, tape, inputs = x, [], []
    for layer in network.layers:
        inputs.append(a)
        a, cache = layer.forward(a)
        tape.append(cache)
    _, cache = loss.forward(a, y)
    delta = loss.backward(cache)
    prediction = torch.tensor(a, requires_grad=True)
    (theirs,) = torch.autograd.grad(twin(loss)(prediction, torch.tensor(y)), prediction)
    _, true_delta = loss_truth(loss, a, y)
    torch_s = torch_formulas.BY_NAME.get(type(loss).__name__, type(loss))()
    for given, formula in ((delta, loss), (to_numpy(theirs), torch_s)):
        assert (distance(given, true_delta) <= loss_bounds(formula, a, y)["delta"].error).all()
    for layer, given, cache in zip(network.layers[::-1], inputs[::-1], tape[::-1], strict=True):
        bounds, truth, theirs = (
            layer_bounds(layer, given, delta),
            layer_truth(layer, given, delta),
            torch_layer(layer, given, delta),
        )
        delta, gradient = layer.backward(delta, cache)
        for name, ours in {"dx": delta, **{f"d{name}": g for name, g in gradient.params.items()}}.items():
            assert (distance(ours, truth[name]) <= bounds[name].error).all()
            assert (distance(theirs[name], truth[name]) <= bounds[name].error).all()


def test_both_lie_near_the_truth_on_the_documents_networks():
    for case in documents():
        assert_both_near_the_truth(*case)


@pytest.mark.parametrize(("count", "least"), [(20, 30), pytest.param(600, 1000, marks=pytest.mark.slow)])
def test_both_lie_near_the_truth_on_random_small_networks(count, least):
    cases = [*random_networks(count)]
    assert len(cases) >= least
    for case in cases:
        assert_both_near_the_truth(*case)
