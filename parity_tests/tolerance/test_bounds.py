# pyright: reportAttributeAccessIssue=false
# NumPy says of its functions that they return arrays, which here are Bounded.

"""The derived tolerance: no correct evaluation lies outside, and little that is wrong lies inside."""

import copy
from itertools import pairwise
from typing import Any

import flint
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from manual import SGD, Adam, CrossEntropyLoss, Layer, Linear, Network, ReLU, RMSprop, Sigmoid, Tanh, Undecided
from manual.correlation import correlate, correlate_pictures
from torch_ref import (
    compare,
    compare_layer,
    compare_network,
    compare_optimizer,
    params_of,
    state_of,
    to_numpy,
    to_torch,
    twin,
    twin_optimizer,
)
from torch_ref.tolerance.bounded import Bounded
from torch_ref.tolerance.bounds import update_bounds

DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])
few = settings(deadline=None, max_examples=25, derandomize=True)
seeds = st.integers(0, 2**32 - 1)


@pytest.fixture(autouse=True)
def precision():
    with flint.ctx.workprec(300):
        yield


def draw(seed, shape, dtype, spread=3):
    """Numbers of either sign over some orders of magnitude, so that sums cancel and terms differ in size."""
    rng = np.random.default_rng(seed)
    return (rng.standard_normal(shape) * 10.0 ** rng.uniform(-spread, spread, shape)).astype(dtype)


def exactly(array):
    return np.array([flint.arb(float(v)) for v in np.ravel(array)], dtype=object).reshape(np.shape(array))


def assert_within(evaluations, truth, bounded):
    """Every evaluation lies within the bound of the truth; and the bound is finite."""
    errors = np.broadcast_to(bounded.error, bounded.shape)
    assert np.isfinite(errors).all()
    for evaluation in evaluations:
        assert np.shape(evaluation) == np.shape(truth) == bounded.shape
        for value, exact, error in zip(np.ravel(evaluation), np.ravel(truth), np.ravel(errors), strict=True):
            assert abs(flint.arb(float(value)) - exact) <= float(error)


def left_to_right(terms):
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total


@DTYPES
@few
@given(seed=seeds, n=st.integers(1, 40))
def test_a_sum_in_any_order_lies_within_its_bound(dtype, seed, n):
    x = draw(seed, n, dtype)
    orders = [x, x[::-1], x[np.argsort(x)], x[np.argsort(-np.abs(x))]]
    assert_within([*map(left_to_right, orders), x.sum()], sum(exactly(x)), Bounded(x, dtype).sum())


@DTYPES
@few
@given(seed=seeds, n=st.integers(1, 20))
def test_a_weighted_sum_with_its_bias_is_one_sum_in_any_order(dtype, seed, n):
    a, W, b = draw(seed, (3, n), dtype), draw(seed + 1, (2, n), dtype), draw(seed + 2, 2, dtype, spread=6)
    bias_last = a @ W.T + b
    bias_first = np.array(
        [[left_to_right([bias, *(row * weights)]) for weights, bias in zip(W, b, strict=True)] for row in a]
    )
    truth = (exactly(a) @ exactly(W).T) + exactly(b)
    assert_within([bias_last, bias_first], truth, Bounded(a, dtype) @ Bounded(W, dtype).T + Bounded(b, dtype))


@DTYPES
@few
@given(seed=seeds, kernel=st.integers(1, 3), stride=st.integers(1, 3), padding=st.integers(0, 2))
def test_a_correlation_in_any_order_lies_within_its_bound(dtype, seed, kernel, stride, padding):
    """Both kinds, forward and by way of the kernels: ours, torch's, and a loop over the terms, the last ones first."""
    x, k = draw(seed, (2, 2, 4, 5), dtype), draw(seed + 1, (3, 2, kernel, kernel), dtype)
    size = (4 + 2 * padding - kernel) // stride + 1, (5 + 2 * padding - kernel) // stride + 1
    geometry = size, (stride, stride), (padding, padding)
    delta = draw(seed + 2, (2, 3, *size), dtype)
    field, backwards = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding))), np.zeros_like(delta)
    met = np.zeros_like(k)
    for u, v, c in [*np.ndindex(kernel, kernel, 2)][::-1]:
        window = field[:, None, c, u : u + stride * size[0] : stride, v : v + stride * size[1] : stride]
        backwards += window[:, :, : size[0], : size[1]] * k[:, c, u, v, None, None]
    for n, i, j in [*np.ndindex(2, *size)][::-1]:
        rows, columns = slice(stride * i, stride * i + kernel), slice(stride * j, stride * j + kernel)
        met += delta[n, :, i, j, None, None, None] * field[n, :, rows, columns]
    x_, k_ = (torch.tensor(a, requires_grad=True) for a in (x, k))
    y_ = torch.nn.functional.conv2d(x_, k_, stride=stride, padding=padding)
    (met_,) = torch.autograd.grad(y_, k_, torch.tensor(delta))

    bounded = correlate(Bounded(x, dtype), Bounded(k, dtype), *geometry)  # pyright: ignore[reportArgumentType]
    evaluations = [correlate(x, k, *geometry), y_.detach().numpy(), backwards]
    assert_within(evaluations, correlate(exactly(x), exactly(k), *geometry), bounded)

    how = (kernel, kernel), *geometry[1:]
    bounded = correlate_pictures(Bounded(x, dtype), Bounded(delta, dtype), *how)  # pyright: ignore[reportArgumentType]
    evaluations = [correlate_pictures(x, delta, *how), met_.numpy(), met]
    assert_within(evaluations, correlate_pictures(exactly(x), exactly(delta), *how), bounded)


@DTYPES
@few
@given(seed=seeds)
def test_products_and_quotients_lie_within_their_bound_in_either_order(dtype, seed):
    x, y, z = (draw(seed + i, 8, dtype) for i in range(3))
    B, C, D = (Bounded(v, dtype) for v in (x, y, z))
    X, Y, Z = map(exactly, (x, y, z))
    assert_within([x * y, y * x], X * Y, B * C)
    assert_within([x / y], X / Y, B / C)
    assert_within([x * (y / z), (x * y) / z], X * Y / Z, B * (C / D))
    assert_within([1 / (1 + x * x)], 1 / (1 + X * X), 1 / (1 + B * B))


@DTYPES
@pytest.mark.parametrize("function", [np.exp, np.log, np.log1p, np.tanh, np.sqrt, np.abs], ids=lambda f: f.__name__)
@few
@given(seed=seeds)
def test_functions_carry_the_error_of_their_operand(dtype, function, seed):
    x, y = draw(seed, 8, dtype, spread=1), draw(seed + 1, 8, dtype, spread=1)
    if function in (np.log, np.log1p, np.sqrt):
        x, y = np.abs(x), np.abs(y)
    X, Y = exactly(x), exactly(y)
    assert_within([function(x)], function(X), function(Bounded(x, dtype)))
    sums = [function(x + y), function(y + x)]
    assert_within(sums, function(X + Y), function(Bounded(x, dtype) + Bounded(y, dtype)))


@DTYPES
def test_a_sigmoid_that_overflows_is_bounded_by_the_smallest_normal_number(dtype):
    z = np.array([-1e4, -800, -200, -95, 95, 1e4], dtype=dtype)
    a, _ = Sigmoid().forward(z)
    b: Any = Sigmoid().forward(Bounded(z, dtype))[0]  # pyright: ignore[reportArgumentType]
    with flint.ctx.workprec(30_000):
        assert_within([a], 1 / (1 + np.exp(-exactly(z))), b)
    assert (b.error[z < -89] <= 1.2e-38).all() if dtype is np.float32 else (b.error[z < -709] <= 2.3e-308).all()


@DTYPES
@few
@given(seed=seeds)
def test_the_root_of_squares_that_underflow_has_a_bound_and_of_a_difference_has_none(dtype, seed):
    """g² may underflow to 0, and √g² be 0 for |g|; it is never negative. A difference may be, and its root is no
    number."""
    half = np.log10(np.sqrt(float(np.finfo(dtype).smallest_normal)))
    g = (np.random.default_rng(seed).standard_normal(8) * 10.0 ** (half + np.linspace(-3, 3, 8))).astype(dtype)
    G, B = exactly(g), Bounded(g, dtype)
    assert_within([np.sqrt(g * g), np.sqrt(g * g * 2 / 2)], np.sqrt(G * G), np.sqrt(B * B))
    assert_within([np.sqrt(g * g + g * g)], np.sqrt(2 * G * G), np.sqrt(B * B + B * B))
    assert np.isinf(np.sqrt(B * B - B * B).error).any()


def test_exact_zeros_stay_exact():
    zero, x = Bounded(np.zeros(3), np.float64), Bounded(np.ones(3), np.float64)
    for result in (zero * x, zero @ x, zero / x, np.sqrt(zero), zero + zero):
        assert not result.error.any()


def test_an_in_place_step_really_steps():
    p = kept = Bounded(np.array([1.0, 2.0]), np.float64)
    p -= 0.1 * Bounded(np.array([1.0, 1.0]), np.float64)
    assert kept is p
    np.testing.assert_array_equal(kept.value, np.array([1.0, 2.0]) - 0.1 * np.array([1.0, 1.0]))
    assert (kept.error > 0).all()
    p *= 2
    p += 1
    p /= 4
    np.testing.assert_array_equal(kept.value, ((np.array([1.0, 2.0]) - 0.1) * 2 + 1) / 4)
    p[0] = 5.0
    assert kept.value[0] == 5
    with pytest.raises(ValueError, match=r"in place: expected shape \(2,\), got \(3, 2\)"):
        p += Bounded(np.ones((3, 2)), np.float64)


def test_a_branch_that_the_error_leaves_undecided_raises():
    x = Bounded(np.array([0.1]), np.float64) + 0.2
    with pytest.raises(Undecided):
        _ = x > 0.1 + 0.2
    with pytest.raises(Undecided):
        ReLU().forward(x - 0.3)  # pyright: ignore[reportArgumentType]
    assert (x > 0.29).all()
    assert not (Bounded(np.zeros(1), np.float64) > 0).any()


def test_where_rounding_exceeds_the_value_nothing_is_judged(rng):
    """The variance of a constant gradient goes to 0: centered RMSprop then divides by the root of a rounding error."""

    class Constant:
        def standard_normal(self, shape):
            return np.full(shape, 0.3)

    parity = compare_optimizer(RMSprop(centered=True, alpha=0.5), Linear(2, 2, rng=rng), Constant(), steps=60)  # pyright: ignore
    assert not parity.agrees
    verdicts = {c.said for c in parity.comparisons if c.place.startswith("step 60,") and c.quantity == "weight"}
    assert verdicts == {"not judged: rounding may exceed the value"}


# -------------------------------------------------------------------- what is caught


def spoilt(layer_class, factor):
    """A layer of that name with a relative error in one quantity."""

    def backward(self, delta, cache, /):
        dx, gradient = layer_class.backward(self, delta, cache)
        return dx * (1 + factor), gradient

    return type(layer_class.__name__, (layer_class,), {"backward": backward})


@pytest.mark.parametrize("fan_in", [4, 16, 64])
def test_a_relative_error_of_1e_12_in_one_array_is_caught_up_to_fan_in_64(fan_in, rng):
    x = rng.standard_normal((16, fan_in))
    for layer_class in (Linear, Tanh, Sigmoid):
        arguments = {"in_features": fan_in, "out_features": fan_in, "rng": rng} if layer_class is Linear else {}
        right, wrong = layer_class(**arguments), spoilt(layer_class, 1e-12)(**arguments)
        assert compare_layer(right, x, rng).agrees
        parity = compare_layer(wrong, x, rng)
        assert [c.quantity for c in parity.comparisons if not c.agrees] == ["dx"]


def wrong_optimizer(base, update):
    return type(base.__name__, (base,), {"update": update})


def adam_with_eps_before_the_bias_correction(self, p, g, state, /):
    (b1, b2), t = self.betas, int(state.get("step", 0)) + 1
    state["step"] = t
    m = state["exp_avg"] = b1 * state.get("exp_avg", 0 * p) + (1 - b1) * g
    v = state["exp_avg_sq"] = b2 * state.get("exp_avg_sq", 0 * p) + (1 - b2) * (g * g)
    p -= self.lr / (1 - b1**t) * m / ((np.sqrt(v) + self.eps) / (1 - b2**t) ** 0.5)


def test_adam_s_eps_before_the_bias_correction_is_caught_even_at_step_500(rng):
    layer = Linear(3, 4, rng=rng)
    module = twin(layer)
    theirs = twin_optimizer(Adam(), module)

    def draw_gradient():
        for p in module.parameters():
            p.grad = to_torch(rng.standard_normal(p.shape))

    for _ in range(499):
        draw_gradient()
        theirs.step()
    before, state = params_of(module), state_of(theirs, module)
    draw_gradient()
    theirs.step()
    gradient = {name: to_numpy(p.grad) for name, p in module.named_parameters() if p.grad is not None}
    errors = update_bounds(Adam(), layer.like(**before), gradient, state)
    wrong = wrong_optimizer(Adam, adam_with_eps_before_the_bias_correction)()
    for optimizer, verdict in ((Adam(), "agrees"), (wrong, "differs")):
        ours = layer.like(**{name: p.copy() for name, p in before.items()})
        optimizer.state = copy.deepcopy(state)
        optimizer.step(ours, layer.like(**gradient))
        for name, after in params_of(module).items():
            moved = after - before[name]
            assert compare("step 500", name, ours.params[name], after, 2 * errors[name].error, moved).verdict == verdict


def test_a_weight_decay_of_1e_6_on_the_wrong_side_is_caught(rng):
    def decoupled(self, p, g, state, /):
        p -= self.lr * self.weight_decay * p
        undecayed = Adam(self.lr, self.betas, self.eps)
        undecayed.update(p, g, state)

    layer = Linear(3, 4, rng=rng)
    assert compare_optimizer(Adam(weight_decay=1e-6), layer, rng).agrees
    assert not compare_optimizer(wrong_optimizer(Adam, decoupled)(weight_decay=1e-6), layer, rng).agrees


def test_1e_8_added_to_a_denominator_is_caught(rng):
    class Softmax(Layer):
        dim: int = -1

        def forward(self, z, /):
            e = np.exp(z - z.max(axis=self.dim, keepdims=True))
            a = e / (e.sum(axis=self.dim, keepdims=True) + 1e-8)
            return a, a

        def backward(self, delta, a, /):
            return a * (delta - (delta * a).sum(axis=self.dim, keepdims=True)), self

    parity = compare_layer(Softmax(), rng.standard_normal((5, 4)), rng)
    assert [c.quantity for c in parity.comparisons if not c.agrees] == ["y", "dx"]


@DTYPES
@pytest.mark.parametrize("sizes", [[4, 8, 3], [64, 64, 64, 10], [784, 64, 10]], ids=str)
def test_right_code_raises_no_alarm_whatever_the_fan_in(sizes, dtype, rng):
    layers: list[Layer] = []
    for n, m in pairwise(sizes):
        layers += [Linear(n, m, rng=rng), Tanh()]
    network = Network(*layers[:-1]).astype(dtype)
    parity = compare_network(
        network, CrossEntropyLoss(), rng.standard_normal((32, sizes[0])).astype(dtype), rng.integers(sizes[-1], size=32)
    )
    assert parity.agrees, str(parity)


def test_a_wrong_layer_s_bound_comes_from_the_project_s_own_layer(rng):
    """A wrong backward that loses much to rounding cannot buy itself a wider tolerance."""

    class Tanh(Layer):
        def forward(self, z, /):
            a = np.tanh(z)
            return a, a

        def backward(self, delta, a, /):
            return delta * (1 - a * a) + (1e20 * a - 1e20 * a + 1e-9), self

    assert not compare_layer(Tanh(), rng.standard_normal((5, 4)), rng).agrees


def test_sgd_in_float32_moves_by_more_than_is_allowed(rng):
    """The tolerance for a weight is far below one step, so that untrained weights cannot pass."""

    def forget(self, p, g, state, /):
        pass

    parity = compare_optimizer(wrong_optimizer(SGD, forget)(lr=1e-3), Linear(3, 4, rng=rng).astype(np.float32), rng)
    assert {c.verdict for c in parity.comparisons} == {"differs"}
