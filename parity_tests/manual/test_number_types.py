"""One code for floats, exact rationals and balls; and floats where they are hard."""

import flint
import numpy as np
import pytest

import manual.layers
import manual.losses
from manual import (
    Adadelta,
    Adagrad,
    Adam,
    AdamW,
    BCEWithLogitsLoss,
    CrossEntropyLoss,
    Linear,
    NAdam,
    RAdam,
    ReLU,
    RMSprop,
    Sigmoid,
    Softmax,
    Tanh,
    Undecided,
    lift,
    positive,
)
from manual.numbers.number_types import nonpositive
from parity_tests.derived import numbers, proved
from parity_tests.for_each import file_of, for_each
from torch_ref.examples import of_floats
from torch_ref.tolerance.bounds import layer_bounds, loss_bounds


@pytest.fixture(autouse=True)
def precision():
    """Enough bits to hold 1 and 1 − e⁻²⁰⁰⁰⁰ apart."""
    with flint.ctx.workprec(30_000):
        yield


def ball(p, q):
    return flint.arb(p) / q


def assert_in_balls(floats, balls, errors):
    """Each float lies as near to its ball as rounding allows."""
    assert np.asarray(balls).dtype == object
    assert np.shape(floats) == np.shape(balls)
    assert proved(floats, np.ravel(balls), errors)


@for_each("make", of_floats(manual.layers), file_of)
def test_every_layer_runs_on_balls(make, rng):
    layer, x = make()
    y, cache = layer.forward(x)
    delta = rng.standard_normal(y.shape)
    dx, gradient = layer.backward(delta, cache)
    bounds = layer_bounds(layer, x, delta)
    balls = layer.astype(ball)
    y_ball, cache = balls.forward(lift(x, ball))
    dx_ball, gradient_ball = balls.backward(lift(delta, ball), cache)
    assert_in_balls(y, y_ball, bounds["y"].error)
    assert_in_balls(dx, dx_ball, bounds["dx"].error)
    for name, g in gradient.params.items():
        assert_in_balls(g, gradient_ball.params[name], bounds[f"d{name}"].error)


@for_each("make", of_floats(manual.losses), file_of)
def test_every_loss_runs_on_balls(make):
    loss, prediction, target = make()
    cost, cache = loss.forward(prediction, target)
    bounds = loss_bounds(loss, prediction, target)
    balls = lift(target, ball) if target.dtype.kind == "f" else target
    cost_ball, cache_ball = loss.forward(lift(prediction, ball), balls)
    assert_in_balls(cost, np.asarray(cost_ball, dtype=object), bounds["cost"].error)
    assert_in_balls(loss.backward(cache), loss.backward(cache_ball), bounds["delta"].error)


@pytest.mark.parametrize("optimizer", [Adagrad, Adadelta, Adam, AdamW, NAdam, RAdam, RMSprop])
def test_every_optimizer_with_a_root_runs_on_balls(optimizer, rng):
    layer = Linear(3, 2, rng=rng)
    gradient = layer.like(weight=rng.standard_normal((2, 3)), bias=rng.standard_normal(2))
    within, gradient_within = numbers(layer), numbers(gradient)
    balls, gradient_ball = layer.astype(ball), gradient.astype(ball)
    floating, bounding, exact = (
        optimizer(),
        optimizer(),
        optimizer(
            **{
                name: tuple(flint.arb(v) for v in value)
                if isinstance(value, tuple)
                else value
                if isinstance(value, bool)
                else flint.arb(value)
                for name, value in optimizer().hyper.items()
            }
        ),
    )
    for _ in range(3):
        floating.step(layer, gradient)
        bounding.step(within, gradient_within)
        exact.step(balls, gradient_ball)
    assert_in_balls(layer.weight, balls.weight, within.weight.error)


def test_rational_layers_stay_rational(rng):
    layer = Linear(3, 2, rng=rng).astype(flint.fmpq)
    z, a = layer.forward(lift(rng.standard_normal((4, 3)), flint.fmpq))
    y, on = ReLU().forward(z)
    dz, _ = ReLU().backward(y, on)
    dx, gradient = layer.backward(dz, a)
    for array in (z, y, dx, gradient.weight, gradient.bias):
        assert {type(v) for v in array.ravel()} <= {flint.fmpq, int}


def test_a_float_in_exact_code_raises_and_does_not_become_a_float(rng):
    layer = Linear(3, 2, rng=rng).astype(flint.fmpq)
    with pytest.raises(TypeError):
        manual.SGD(lr=0.1).step(layer, layer.like(**layer.params))


def test_a_branch_that_the_number_leaves_open_raises():
    straddling = flint.arb(0, 0.001)
    for undecided in (straddling, flint.arb("nan")):
        for decide in (positive, nonpositive):
            with pytest.raises(Undecided, match=rf"^{decide.__name__}\(z\): an element is neither > 0 nor <= 0$"):
                decide(np.array([flint.arb(1), undecided], dtype=object))
        with pytest.raises(Undecided):
            ReLU().forward(np.array([undecided], dtype=object))
    assert positive(np.array([flint.arb(1), flint.arb(0), flint.arb(-1)], dtype=object)).tolist() == [
        True,
        False,
        False,
    ]
    assert positive(np.array([np.nan, 1.0, 0.0])).tolist() == [False, True, False]


def test_lift_is_exact_for_decimals_and_for_floats():
    assert lift(["0.1"], flint.fmpq)[0] == flint.fmpq(1, 10)
    assert lift([["0.4", "-2"]], flint.fmpq).tolist() == [[flint.fmpq(2, 5), flint.fmpq(-2)]]
    assert lift([0.1], flint.fmpq)[0] == flint.fmpq(3602879701896397, 36028797018963968)
    assert lift([[np.float32(0.5), 3]], flint.fmpq).tolist() == [[flint.fmpq(1, 2), flint.fmpq(3)]]
    assert lift(np.array([2, -3]), flint.fmpq).tolist() == [flint.fmpq(2), flint.fmpq(-3)]
    assert lift(["0.1"], np.float32).dtype == np.float32


HARD = [(np.float64, 1e4), (np.float32, 1e3)]


def logits(dtype, large):
    return np.array([[-large, -1, 0], [large, 1, -large], [large, large, 0.5]], dtype=dtype)


@pytest.mark.parametrize(
    ("layer", "truth", "derivative"),
    [
        (Sigmoid(), lambda v: 1 / (1 + (-v).exp()), lambda p: p * (1 - p)),
        (Tanh(), lambda v: v.tanh(), lambda p: 1 - p * p),
    ],
    ids=["Sigmoid", "Tanh"],
)
@pytest.mark.parametrize(("dtype", "large"), HARD)
def test_an_activation_and_its_slope_are_right_at_huge_logits(layer, truth, derivative, dtype, large):
    z = logits(dtype, large)
    a, cache = layer.forward(z)
    slope, _ = layer.backward(np.ones_like(z), cache)
    bounds, right = layer_bounds(layer, z, np.ones_like(z)), [truth(flint.arb(float(v))) for v in z.ravel()]
    assert proved(a, right, bounds["y"].error)
    assert proved(slope, [derivative(p) for p in right], bounds["dx"].error)
    assert not slope[abs(z) == large].any()


def softmax_truth(row):
    exponentials = [flint.arb(float(v)).exp() for v in row]
    return [e / sum(exponentials) for e in exponentials]


def shifted(z):
    """The logits with 0 as each row's largest: the same probabilities. All are halves, so that no difference is
    rounded."""
    return z - z.max(axis=1, keepdims=True)


@pytest.mark.parametrize(("dtype", "large"), HARD)
def test_softmax_is_right_at_huge_logits(dtype, large):
    z = logits(dtype, large)
    a, cache = Softmax().forward(z)
    truth = [softmax_truth(row) for row in z]
    delta = np.ones_like(z) * np.array([1, 2, 4], dtype=dtype)
    bounds = layer_bounds(Softmax(), shifted(z), delta)
    assert proved(a, [p for row in truth for p in row], bounds["y"].error)
    slopes = [
        p[i] * (d - sum(p[j] * e for j, e in enumerate((1, 2, 4)))) for p in truth for i, d in enumerate((1, 2, 4))
    ]
    dx, _ = Softmax().backward(delta, cache)
    assert proved(dx, slopes, bounds["dx"].error)
    assert not dx[(a == 0) | (a == 1)].any()


@pytest.mark.parametrize(("dtype", "large"), HARD)
def test_cross_entropy_is_right_at_huge_logits(dtype, large):
    z, y = logits(dtype, large), np.array([0, 1, 2])
    loss = CrossEntropyLoss(reduction="sum")
    cost, cache = loss.forward(z, y)
    truth = [softmax_truth(row) for row in z]
    bounds = loss_bounds(loss, shifted(z), y)
    assert proved(cost, [-sum(p[c].log() for p, c in zip(truth, y, strict=True))], bounds["cost"].error)
    slopes = [p[i] - int(i == c) for p, c in zip(truth, y, strict=True) for i in range(3)]
    assert proved(loss.backward(cache), slopes, bounds["delta"].error)


@pytest.mark.parametrize(("dtype", "large"), HARD)
def test_binary_cross_entropy_is_right_at_huge_logits(dtype, large):
    z = logits(dtype, large)
    t = np.array([[1, 0, 1], [0, 1, 1], [1, 0, 0]], dtype=dtype)
    loss = BCEWithLogitsLoss(reduction="sum")
    cost, cache = loss.forward(z, t)
    truth = [1 / (1 + (-flint.arb(float(v))).exp()) for v in z.ravel()]
    surprise = [
        -(p if y else 1 / (1 + flint.arb(float(v)).exp())).log()
        for p, y, v in zip(truth, t.ravel(), z.ravel(), strict=True)
    ]
    bounds = loss_bounds(loss, z, t)
    assert proved(cost, [sum(surprise)], bounds["cost"].error)
    delta = loss.backward(cache)
    assert proved(delta, [p - int(y) for p, y in zip(truth, t.ravel(), strict=True)], bounds["delta"].error)
    assert delta[2, 0] == 0  # right beyond doubt
