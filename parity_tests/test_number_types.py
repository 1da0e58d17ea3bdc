"""One code for floats, exact rationals and balls; and floats where they are hard."""

import flint
import numpy as np
import pytest

import manual.layers
import manual.losses
from manual import (
    Adam,
    AdamW,
    BCEWithLogitsLoss,
    CrossEntropyLoss,
    Linear,
    ReLU,
    RMSprop,
    Sigmoid,
    Softmax,
    Tanh,
    Undecided,
    lift,
    positive,
)
from torch_ref.examples import examples


@pytest.fixture(autouse=True)
def precision():
    """Enough bits to hold 1 and 1 − e⁻²⁰⁰⁰⁰ apart."""
    with flint.ctx.workprec(30_000):
        yield


def ball(p, q):
    return flint.arb(p) / q


def each(package):
    cases = [*examples(package)]
    return pytest.mark.parametrize("make", [make for _, make in cases], ids=[name for name, _ in cases])


def assert_in_balls(floats, balls):
    """Each float lies within 16 roundings of its ball's midpoint; the ball itself is far narrower."""
    assert np.asarray(balls).dtype == object
    assert np.shape(floats) == np.shape(balls)
    for value, truth in zip(np.ravel(floats), np.ravel(balls), strict=True):
        assert float(flint.arb(truth).rad()) < 1e-14
        assert abs(value - float(truth)) <= 16 * np.spacing(max(abs(value), 1.0))


@each(manual.layers)
def test_every_layer_runs_on_balls(make, rng):
    layer, x = make()
    y, cache = layer.forward(x)
    delta = rng.standard_normal(y.shape)
    dx, gradient = layer.backward(delta, cache)
    balls = layer.astype(ball)
    y_ball, cache = balls.forward(lift(x, ball))
    dx_ball, gradient_ball = balls.backward(lift(delta, ball), cache)
    assert_in_balls(y, y_ball)
    assert_in_balls(dx, dx_ball)
    for name, g in gradient.params.items():
        assert_in_balls(g, gradient_ball.params[name])


@each(manual.losses)
def test_every_loss_runs_on_balls(make):
    loss, prediction, target = make()
    cost, cache = loss.forward(prediction, target)
    balls = lift(target, ball) if target.dtype.kind == "f" else target
    cost_ball, cache_ball = loss.forward(lift(prediction, ball), balls)
    assert_in_balls(cost, np.asarray(cost_ball, dtype=object))
    assert_in_balls(loss.backward(cache), loss.backward(cache_ball))


@pytest.mark.parametrize("optimizer", [Adam, AdamW, RMSprop])
def test_every_optimizer_with_a_root_runs_on_balls(optimizer, rng):
    layer = Linear(3, 2, rng=rng)
    gradient = layer.like(weight=rng.standard_normal((2, 3)), bias=rng.standard_normal(2))
    balls, gradient_ball = layer.astype(ball), gradient.astype(ball)
    floating, exact = (
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
        exact.step(balls, gradient_ball)
    assert_in_balls(layer.weight, balls.weight)


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
    straddling = flint.arb(0, 1)
    for undecided in (straddling, flint.arb("nan")):
        with pytest.raises(Undecided):
            positive(np.array([flint.arb(1), undecided], dtype=object))
        with pytest.raises(Undecided):
            ReLU().forward(np.array([undecided], dtype=object))
    assert positive(np.array([flint.arb(1), flint.arb(0), flint.arb(-1)], dtype=object)).tolist() == [True, False, False]
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


def assert_close_to_truth(values, truths):
    """Within 8 ulp of the truth, or of the smallest normal number, where the truth is smaller than any float."""
    info = np.finfo(values.dtype)
    for value, truth in zip(values.ravel(), truths, strict=True):
        assert np.isfinite(value)
        assert abs(flint.arb(float(value)) - truth) <= 8 * float(info.eps) * abs(truth) + float(info.smallest_normal)


@pytest.mark.parametrize(("dtype", "large"), HARD)
def test_sigmoid_is_right_at_huge_logits(dtype, large):
    z = logits(dtype, large)
    a, cache = Sigmoid().forward(z)
    truth = [1 / (1 + (-flint.arb(float(v))).exp()) for v in z.ravel()]
    assert_close_to_truth(a, truth)
    assert_close_to_truth(Sigmoid().backward(np.ones_like(z), cache)[0], [p * (1 - p) for p in truth])


@pytest.mark.parametrize(("dtype", "large"), HARD)
def test_tanh_is_right_at_huge_logits(dtype, large):
    a, _ = Tanh().forward(logits(dtype, large))
    assert_close_to_truth(a, [flint.arb(float(v)).tanh() for v in logits(dtype, large).ravel()])


def softmax_truth(row):
    exponentials = [flint.arb(float(v)).exp() for v in row]
    return [e / sum(exponentials) for e in exponentials]


@pytest.mark.parametrize(("dtype", "large"), HARD)
def test_softmax_is_right_at_huge_logits(dtype, large):
    z = logits(dtype, large)
    a, cache = Softmax().forward(z)
    truth = [softmax_truth(row) for row in z]
    assert_close_to_truth(a, [p for row in truth for p in row])
    delta = np.ones_like(z) * np.array([1, 2, 4], dtype=dtype)
    slopes = [p[i] * (d - sum(p[j] * e for j, e in enumerate((1, 2, 4)))) for p in truth for i, d in enumerate((1, 2, 4))]
    assert_close_to_truth(Softmax().backward(delta, cache)[0], slopes)


@pytest.mark.parametrize(("dtype", "large"), HARD)
def test_cross_entropy_is_right_at_huge_logits(dtype, large):
    z, y = logits(dtype, large), np.array([0, 1, 2])
    loss = CrossEntropyLoss(reduction="sum")
    cost, cache = loss.forward(z, y)
    truth = [softmax_truth(row) for row in z]
    assert_close_to_truth(np.asarray(cost), [-sum(p[c].log() for p, c in zip(truth, y, strict=True))])
    assert_close_to_truth(loss.backward(cache), [p[i] - int(i == c) for p, c in zip(truth, y, strict=True) for i in range(3)])


@pytest.mark.parametrize(("dtype", "large"), HARD)
def test_binary_cross_entropy_is_right_at_huge_logits(dtype, large):
    z = logits(dtype, large)
    t = np.array([[1, 0, 1], [0, 1, 1], [1, 0, 0]], dtype=dtype)
    loss = BCEWithLogitsLoss(reduction="sum")
    cost, cache = loss.forward(z, t)
    truth = [1 / (1 + (-flint.arb(float(v))).exp()) for v in z.ravel()]
    surprise = [
        -(p if y else 1 / (1 + flint.arb(float(v)).exp())).log() for p, y, v in zip(truth, t.ravel(), z.ravel(), strict=True)
    ]
    assert_close_to_truth(np.asarray(cost), [sum(surprise)])
    assert_close_to_truth(loss.backward(cache), [p - int(y) for p, y in zip(truth, t.ravel(), strict=True)])
