"""Special functions, by python-flint's balls: their values, their slopes, and bounds of their slopes.

A rounding is at most so many units in the last place, twice the most that was measured of torch 2.13's kernels in
either precision where they are right; where a function is 0 beside a root, of the terms that cancel there.
"""

from collections.abc import Callable
from math import isfinite
from typing import Any, NamedTuple

import flint
import numpy as np

from manual.numbers.number_types import Array
from torch_ref.program.numbers import constant, is_number
from torch_ref.tolerance.bounded import Bounded
from torch_ref.truth.dual import Dual

Ball = flint.arb
OfBall = Callable[[Any], Any]


class Special(NamedTuple):
    """A function that NumPy has not, and its derivative, of a ball; `ulps` of its magnitude may be lost by rounding,
    which is |f| where nothing else is said."""

    value: OfBall
    slope: OfBall
    ulps: float
    magnitude: OfBall = lambda v: 0

    def of(self, value: Any) -> Any:
        """The function of a float, a ball or a dual number."""
        if isinstance(value, float):
            return constant(np.asarray(self._float(value, self.value)))[()]
        if isinstance(value, Dual):
            return Dual(self.value(value.v), self.slope(value.v) * value.d)
        return self.value(value)

    def bounded(self, x: Bounded) -> Bounded:
        """The function of numbers with bounds."""
        low, high = x.value - 2 * x.error, x.value + 2 * x.error
        with np.errstate(invalid="ignore"):
            middle, radius = (low + high) / 2, (high - low) / 2
        value = _each(lambda v: self._float(v, self.value), x.value)
        with np.errstate(invalid="ignore"):
            slope = _each(lambda v, r: _most(self.slope(Ball(v, r))) if r else 0.0, middle, radius)
            carried = np.where(x.error > 0, slope * x.error, 0)
        size = np.maximum(np.abs(value), _each(lambda v: self._float(v, self.magnitude), x.value))
        return x._rounded(value, carried, size + 2 * carried, False, 2 * self.ulps)

    @staticmethod
    def _float(value: float, f: OfBall) -> float:
        if not isfinite(value):
            return float(f(Ball(value)))
        return float(Ball(f(Ball(value))).mid())

    def __call__(self, x: Any) -> Any:
        """The rule of an operation."""
        if isinstance(x, Bounded):
            return self.bounded(x)
        return np.asarray(
            np.frompyfunc(self.of, 1, 1)(x if is_number(x) else constant(np.asarray(x, float))), dtype=object
        )


def _each(f: Callable[..., float], *arrays: Array) -> Array:
    return np.vectorize(f, otypes=[np.float64])(*arrays) if arrays[0].size else np.zeros(arrays[0].shape)


def _most(ball: Any) -> float:
    most = float(abs(Ball(ball)).upper())
    return most if isfinite(most) else np.inf


def polygamma_of(n: int) -> OfBall:
    """ψ⁽ⁿ⁾, n ≥ 1: (−1)ⁿ⁺¹ n! Σ_k≥0 (x + k)^−(n + 1), its first terms apart where x is negative."""

    def value(v: Any) -> Any:
        total, sign = Ball(0), (-1) ** (n + 1) * Ball(n).fac()
        while not v > 0 and v.is_finite() and not v.contains_integer():
            total, v = total + v ** -(n + 1), v + 1
        return sign * (total + Ball(n + 1).zeta(v))

    return value


def _lgamma(v: Any) -> Any:
    return v.lgamma() if v > 0 else -abs(v.rgamma()).log()


def _size_of_digamma(v: Any) -> Any:
    """What cancels in it: a recurrence up to 10, a logarithm, and below 0 a cotangent whose angle is rounded."""
    if v > 0:
        return abs(v.digamma()) + abs((v + 10).log()) + 1 / v
    return _size_of_digamma(1 - v) + (v * Ball.pi() / v.sin_pi()) ** 2


def _scaled_bessel(n: int) -> OfBall:
    return lambda v: v.bessel_i(n) * (-abs(v)).exp()


def _bell(v: Any) -> Any:
    return 2 / Ball.pi().sqrt() * (-v * v).exp()


def _ndtri(v: Any) -> Any:
    return Ball(2).sqrt() * (2 * v - 1).erfinv()


def _slope_of_i1(v: Any) -> Any:
    return v.bessel_i(0) - (Ball(1) / 2 if v == 0 else v.bessel_i(1) / v)


def _slope_of_i1e(v: Any) -> Any:
    size = (-abs(v)).exp()
    return size * (_slope_of_i1(v) - v.sgn() * v.bessel_i(1))


def _erfcx(v: Any) -> Any:
    return (v * v).exp() * v.erfc()


def polygamma(n: int, x: Any) -> Any:
    """ψ⁽ⁿ⁾(x)"""
    return SPECIAL["digamma"](x) if n == 0 else Special(polygamma_of(n), polygamma_of(n + 1), 16)(x)


def _erf(x: Any) -> Any:
    """GELU's, so that it is to be fast: `Bounded` has one of its own."""
    return x.erf() if isinstance(x, Bounded) else Special(Ball.erf, _bell, 4)(x)


SPECIAL: dict[str, Callable[..., Any]] = {
    "erf": _erf,
    "erfc": Special(Ball.erfc, lambda v: -_bell(v), 4),
    "erfinv": Special(Ball.erfinv, lambda v: 1 / _bell(v.erfinv()), 4),
    "lgamma": Special(_lgamma, Ball.digamma, 16),
    "digamma": Special(Ball.digamma, polygamma_of(1), 16, _size_of_digamma),
    "polygamma": polygamma,
    "special_ndtri": Special(_ndtri, lambda v: (2 * Ball.pi()).sqrt() * (_ndtri(v) ** 2 / 2).exp(), 8),
    "special_erfcx": Special(_erfcx, lambda v: 2 * v * _erfcx(v) - 2 / Ball.pi().sqrt(), 16),
    "i0": Special(lambda v: v.bessel_i(0), lambda v: v.bessel_i(1), 16),
    "special_i1": Special(lambda v: v.bessel_i(1), _slope_of_i1, 32),
    "special_i0e": Special(_scaled_bessel(0), lambda v: _scaled_bessel(1)(v) - v.sgn() * _scaled_bessel(0)(v), 8),
    "special_i1e": Special(_scaled_bessel(1), _slope_of_i1e, 32),
}
