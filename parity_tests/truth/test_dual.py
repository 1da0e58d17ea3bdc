"""NumPy code on object arrays of dual numbers: over balls its derivative is torch's, to within its error over
`Bounded`."""

from collections.abc import Callable
from typing import Any

import flint
import numpy as np
import pytest
import torch

from manual import Layer, Undecided, parameter
from parity_tests.for_each import for_each
from torch_ref import certify, compare_layer
from torch_ref.truth.certify import constants
from torch_ref.truth.dual import Dual
from torch_ref.truth.slopes import Slopes

FORWARDS: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "mean": (lambda x: x.mean(axis=1, keepdims=True), lambda t: t.mean(1, keepdim=True)),
    "np.mean": (np.mean, torch.mean),
    "var": (lambda x: x.var(axis=1, ddof=1), lambda t: t.var(1)),
    "np.var": (np.var, lambda t: t.var(correction=0)),
    "std": (lambda x: np.std(x, axis=0), lambda t: t.std(0, correction=0)),
    "average": (
        lambda x: np.average(x, axis=1, weights=np.array([1, 2, 3])),
        lambda t: (t * torch.arange(1, 4)).sum(1) / 6,
    ),
    "einsum": (lambda x: np.einsum("ij,kj->ik", x, x), lambda t: t @ t.T),
    "einsum of three": (lambda x: np.einsum("ij,kj,kl", x, x, x), lambda t: t @ t.T @ t),
    "tensordot": (lambda x: np.tensordot(x, x, axes=(1, 1)), lambda t: t @ t.T),
    "vdot": (lambda x: np.vdot(x, x), lambda t: (t * t).sum()),
    "outer": (lambda x: np.outer(x[0], x[1]), lambda t: torch.outer(t[0], t[1])),
    "clip": (lambda x: np.clip(x, -1, 1), lambda t: t.clamp(-1, 1)),
    "prod": (lambda x: x.prod(axis=1), lambda t: t.prod(1)),
    "cumsum": (lambda x: np.cumsum(x, axis=1), lambda t: t.cumsum(1)),
    "cumprod": (lambda x: np.cumprod(x, axis=1), lambda t: t.cumprod(1)),
    "minimum": (lambda x: np.minimum(x, 0), lambda t: t.clamp(max=0)),
    "max": (lambda x: x.max(axis=1), lambda t: t.amax(1)),
    "min": (lambda x: np.min(x, axis=0), lambda t: t.amin(0)),
    "ptp": (lambda x: np.ptp(x, axis=1), lambda t: t.amax(1) - t.amin(1)),
    "sort": (lambda x: np.sort(x, axis=1)[:, :1], lambda t: t.sort(1).values[:, :1]),
    "square": (np.square, torch.square),
    "reciprocal": (np.reciprocal, torch.reciprocal),
    "cubes by a float": (lambda x: x**3.0, lambda t: t**3),
    "a power of 0": (lambda x: x**0 + x, lambda t: t),
    "a root by power": (lambda x: np.abs(x) ** 0.5, lambda t: t.abs() ** 0.5),
    "a power of both": (lambda x: np.abs(x) ** x, lambda t: t.abs() ** t),
    "a power of 2": (lambda x: 2**x, lambda t: 2**t),
    "exp2": (np.exp2, torch.exp2),
    "log2": (lambda x: np.log2(np.abs(x)), lambda t: t.abs().log2()),
    "log10": (lambda x: np.log10(np.fabs(x)), lambda t: t.abs().log10()),
    "cbrt": (np.cbrt, lambda t: t.sign() * t.abs() ** (1 / 3)),
    "hypot": (lambda x: np.hypot(x, 2 * x + 1), lambda t: torch.hypot(t, 2 * t + 1)),
    "arctan2": (lambda x: np.arctan2(x, x * x + 1), lambda t: torch.arctan2(t, t * t + 1)),
    "sign": (lambda x: np.sign(x) * x, torch.abs),
    "norm": (np.linalg.norm, torch.linalg.norm),
    "norm of rows": (
        lambda x: np.linalg.norm(x, axis=1, keepdims=True),
        lambda t: torch.linalg.vector_norm(t, dim=1, keepdim=True),
    ),
    "positive and real": (lambda x: (+x).real.conj(), lambda t: t),
}


@for_each("name", FORWARDS)
def test_the_derivative_is_torch_s_to_within_its_error(name, rng):
    forward, theirs = FORWARDS[name]
    x = rng.uniform(0.3, 1.6, (2, 3)) * np.array([[1, -1, 1], [-1, 1, 1]])
    t = torch.tensor(x, requires_grad=True)
    y = theirs(t)
    delta = rng.standard_normal(tuple(y.shape))
    (expected,) = torch.autograd.grad(y, t, torch.tensor(delta))
    found = Slopes.of(lambda x: forward(x), {"x": x}, delta).by["x"]
    assert np.all(np.abs(found.value - expected.numpy()) <= found.allowed)
    assert np.all(found.allowed < 1e-12)


def layer_norm(name: str, statistics: Callable[[Any], tuple[Any, Any]]) -> type[Layer]:
    class LayerNorm(Layer):
        normalized_shape: int
        weight: Any = parameter()
        bias: Any = parameter()

        def __post_init__(self):
            self.weight, self.bias = np.ones(self.normalized_shape), np.zeros(self.normalized_shape)

        def forward(self, x, /):
            mean, r = statistics(x)
            return self.weight * ((x - mean) * r) + self.bias, ((x - mean) * r, r)

        def backward(self, delta, cache, /):
            h, r = cache
            g, rows = delta * self.weight, {"axis": 1, "keepdims": True}
            return r * (g - g.mean(**rows) - h * (g * h).mean(**rows)), self.like(
                weight=(delta * h).sum(axis=0), bias=delta.sum(axis=0)
            )

    LayerNorm.__name__ = name
    return LayerNorm


ROWS: dict[str, Any] = {"axis": 1, "keepdims": True}
STATISTICS: dict[str, Callable[[Any], tuple[Any, Any]]] = {
    "x.mean, x.var": lambda x: (x.mean(**ROWS), 1 / np.sqrt(x.var(**ROWS) + 1e-5)),
    "np.mean, np.var": lambda x: (np.mean(x, **ROWS), (np.var(x, **ROWS) + 1e-5) ** -0.5),
    "sum / n": lambda x: (
        m := x.sum(axis=1)[:, None] / x.shape[1],
        1 / np.sqrt(np.square(x - m).mean(axis=1)[:, None] + 1e-5),
    ),
    "einsum": lambda x: (
        m := np.einsum("ij->i", x)[:, None] / x.shape[1],
        1 / np.sqrt(np.einsum("ij,ij->i", x - m, x - m)[:, None] / x.shape[1] + 1e-5),
    ),
}


@pytest.mark.parametrize("statistics", STATISTICS.values(), ids=STATISTICS)
def test_a_normalisation_is_certified_and_agrees_however_its_mean_is_taken(statistics, rng):
    layer, x, delta = layer_norm("LayerNorm", statistics)(4), rng.standard_normal((5, 4)), rng.standard_normal((5, 4))  # pyright: ignore
    assert all(error < 1e-20 for error in certify(layer, x, delta).values())
    assert compare_layer(layer, x, rng).agrees


def test_a_backward_that_calls_what_balls_have_not_is_certified(rng):
    """The variance asks each element for its conjugate, and np.arctan for arctan, which flint calls atan."""

    class Standardised(Layer):
        def forward(self, x, /):
            return np.arctan(x), x

        def backward(self, delta, x, /):
            return delta * np.cos(np.arctan(x)) ** 2 * x.var() / np.var(x), self

    x, delta = rng.standard_normal((3, 2)), rng.standard_normal((3, 2))
    assert certify(Standardised(), x, delta)["dx"] < 1e-20


def test_a_constant_decides_as_its_value_does_and_what_moves_has_no_derivative_on_an_edge():
    zero, one = constants(np.array([0.0, 1.0]))
    assert one > zero >= 0
    assert zero == 0 != one
    assert not zero
    assert zero <= Dual(flint.arb(0), zero.d)
    assert zero < one
    moving = Dual(flint.arb(0), np.array([flint.arb(1)], dtype=object))
    for decide in (lambda: moving > 0, lambda: moving >= 0, lambda: moving == 0, lambda: bool(moving)):
        with pytest.raises(Undecided):
            decide()
    with pytest.raises(Undecided):
        _ = Dual(flint.arb(0, 1), zero.d) > 0
