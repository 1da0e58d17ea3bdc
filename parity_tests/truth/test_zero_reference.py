"""Where 0 is the truth, 0 agrees; where a gradient is 0 by chance, or behind a dead decision, it is not judged."""

# pyright: reportIncompatibleMethodOverride=false, reportCallIssue=false, reportArgumentType=false

from typing import Any

import numpy as np
import pytest

from manual import CrossEntropyLoss, Layer, Linear, MSELoss, ReLU, Softmax, parameter, positive
from torch_ref import compare_layer, compare_loss
from torch_ref.comparison.verdict import DIFFERS, NOT_JUDGED, ZERO_REFERENCE
from torch_ref.truth.zero_reference import MOST, ZERO, why_not_zero


def draws(rng, n=8, shape=(3,)):
    return [{"a": rng.standard_normal(shape), "b": rng.standard_normal(shape)} for _ in range(n)]


def square(v):
    return v * v


@pytest.mark.parametrize(
    "function",
    [
        lambda a, b: (b * b).sum(),
        lambda a, b: ((a + b) - a).sum(),
        lambda a, b: (np.exp(b + a) / np.exp(a)).sum(),
        lambda a, b: (b * (a - a.sum() / 3)).sum() - ((b - b.sum() / 3) * a).sum(),
        lambda a, b: (0 * a + b * positive(a)).sum(),
        lambda a, b: np.exp(a - a.max()).sum() / np.exp(a - a.max()).sum() + b.sum(),
    ],
    ids=["no part", "rational", "exponential", "a sum", "steps", "softmax"],
)  # fmt: skip
def test_what_has_no_influence_is_certified_to_have_none(function, rng):
    assert why_not_zero(function, draws(rng), "a") == ""


@pytest.mark.parametrize(
    ("function", "why"),
    [
        (lambda a, b: (a * b).sum(), "its derivative is not 0"),
        (lambda a, b: (np.exp(a) - a).sum(), "its derivative is not 0"),
        (lambda a, b: (a * b * positive(a - 100)).sum(), "a decision fell the same way on every draw"),
        (lambda a, b: (b * positive(b) + a * positive(a - 100)).sum(), "a decision fell the same way on every draw"),
        (lambda a, b: (np.i0(a.astype(float)) * 0).sum(), "its derivative cannot be certified"),
        (lambda a, b: a.sum() / 2**300, "its derivative is not 0"),
    ],
    ids=["a product", "an exponential", "dead", "one dead of two", "no rule", "tiny but rational"],
)
def test_everything_else_is_not(function, why, rng):
    assert why_not_zero(function, draws(rng), "a").startswith(why)


def test_over_balls_0_is_known_to_a_power_of_two_alone(rng):
    tiny = (lambda a, b, k=k: (np.exp(a) * 2.0**-k).sum() for k in (150, 300))
    assert [bool(why_not_zero(f, draws(rng), "a")) for f in tiny] == [True, False]


def test_what_is_too_large_is_not_certified(rng):
    assert why_not_zero(lambda a, b: b.sum(), draws(rng, shape=(MOST,)), "a") == "it is too large to certify"


class LayerNorm(Layer):
    """A bias before a normalisation: it shifts every number of a row alike, and is taken off again."""

    normalized_shape: int
    weight: Any = parameter()
    bias: Any = parameter()

    def __post_init__(self):
        self.weight, self.bias = np.ones(self.normalized_shape), np.zeros(self.normalized_shape)

    def forward(self, x, /):
        u = x - x.sum(axis=1, keepdims=True) / x.shape[1]
        r = 1 / np.sqrt((u * u).sum(axis=1, keepdims=True) / x.shape[1] + 1e-5)
        return self.weight * (u * r) + self.bias, (u * r, r)

    def backward(self, delta, cache, /):
        h, r = cache
        g, n = delta * self.weight, h.shape[1]
        dx = r * (g - g.sum(axis=1, keepdims=True) / n - h * (g * h).sum(axis=1, keepdims=True) / n)
        return dx, self.like(weight=(delta * h).sum(axis=0), bias=delta.sum(axis=0))


def test_a_normalisation_of_one_number_gives_no_gradient_and_that_agrees(rng):
    by_quantity = {c.quantity: c for c in compare_layer(LayerNorm(1), rng.standard_normal((4, 1)), rng).comparisons}
    for quantity in ("dx", "dweight", "dweight, by gradient()"):
        assert by_quantity[quantity].agrees
        assert by_quantity[quantity].reason == ZERO


@pytest.mark.parametrize("wrong", [0.0, 1e-3])
def test_a_softmax_over_one_number_has_no_gradient(wrong, rng):
    class OfOne(Softmax):
        def backward(self, delta, a, /):
            return np.full_like(a, wrong), self

    OfOne.__name__ = "Softmax"
    _, dx = compare_layer(OfOne(), rng.standard_normal((4, 1)), rng).comparisons
    assert (dx.verdict, dx.reason) == ((DIFFERS, "") if wrong else ("agrees", ZERO))


def test_a_loss_of_one_class_has_no_gradient(rng):
    cost, delta = compare_loss(CrossEntropyLoss(), rng.standard_normal((3, 1)), np.zeros(3, int)).comparisons
    assert (cost.verdict, delta.verdict, delta.reason) == (NOT_JUDGED, "agrees", ZERO)


def test_a_zero_by_chance_and_one_behind_a_dead_relu_are_not_judged(rng):
    y = rng.standard_normal((3, 2))
    found = [
        *compare_layer(ReLU(), -1 - rng.random((4, 3)), rng).comparisons,
        *compare_loss(MSELoss(), y, y).comparisons,
        compare_layer(Linear(3, 2, rng=rng), np.zeros((4, 3)), rng).comparisons[2],
    ]
    assert {(c.verdict, c.reason) for c in found} == {(NOT_JUDGED, ZERO_REFERENCE)}
