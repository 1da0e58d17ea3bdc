"""NumPy's functions of a number on `Bounded`: each with a bound of its slope between the ends of the operand's
interval.

|f(x) − f(X)| ≤ |x − X| max |f'|, where both lie in [low, high] = value ± 2·error; a function that may leave its
domain, or meet a pole, has no bound. The rounding of each is 4 ulp.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from manual import Undecided
from manual.numbers.number_types import Array
from torch_ref.tolerance.bounded import Bounded
from torch_ref.tolerance.precision import ULPS
from torch_ref.tolerance.sums import all_bounded

LOG_2, LOG_10 = float(np.log(2)), float(np.log(10))


def _above_0(least: Array, slope: Array) -> Array:
    return np.where(least > 0, slope, np.inf)


def _most(low: Array, high: Array) -> Array:
    return np.maximum(np.abs(low), np.abs(high))


def _tan(low: Array, high: Array) -> Array:
    """1/cos², where no pole lies between."""
    between = np.floor(low / np.pi + 0.5) != np.floor(high / np.pi + 0.5)
    return np.where(between, np.inf, 1 / np.minimum(np.cos(low) ** 2, np.cos(high) ** 2))


def _tanh(low: Array, high: Array) -> Array:
    """4q/(1 + q)² with q = e^(−2|x|), where 1 − tanh² would cancel."""
    least = np.where(low * high > 0, np.minimum(np.abs(low), np.abs(high)), 0)
    q = np.exp(-2 * least)
    return 4 * q / (1 + q) ** 2


def _at_most_1(_low: Array, _high: Array) -> int:
    return 1


SLOPES: dict[np.ufunc, Callable[[Array, Array], Any]] = {
    np.exp: lambda _, high: np.exp(high),
    np.exp2: lambda _, high: LOG_2 * np.exp2(high),
    np.expm1: lambda _, high: np.exp(high),
    np.log: lambda low, _: _above_0(low, 1 / low),
    np.log2: lambda low, _: _above_0(low, 1 / (LOG_2 * low)),
    np.log10: lambda low, _: _above_0(low, 1 / (LOG_10 * low)),
    np.log1p: lambda low, _: _above_0(1 + low, 1 / (1 + low)),
    np.sin: _at_most_1,
    np.cos: _at_most_1,
    np.tan: _tan,
    np.arcsin: lambda low, high: _above_0(1 - _most(low, high), 1 / np.sqrt(1 - _most(low, high) ** 2)),
    np.arccos: lambda low, high: _above_0(1 - _most(low, high), 1 / np.sqrt(1 - _most(low, high) ** 2)),
    np.arctan: _at_most_1,
    np.sinh: lambda low, high: np.cosh(_most(low, high)),
    np.cosh: lambda low, high: np.cosh(_most(low, high)),
    np.tanh: _tanh,
    np.arcsinh: _at_most_1,
    np.arccosh: lambda low, _: _above_0(low - 1, 1 / np.sqrt(low * low - 1)),
    np.arctanh: lambda low, high: _above_0(1 - _most(low, high), 1 / (1 - _most(low, high) ** 2)),
}


def function(f: np.ufunc, slope: Callable[[Array, Array], Any]) -> Callable[[Any], Bounded]:
    """The rule of a function with that bound of its slope."""

    def rule(x: Any) -> Bounded:
        with np.errstate(all="ignore"):
            return x._function(f, slope(x.value - 2 * x.error, x.value + 2 * x.error))

    return rule


_erf = np.vectorize(math.erf, otypes=[np.float64])


def erf(x: Any) -> Bounded:
    """Its slope, 2/√π e^(−x²), is the larger the nearer x is to 0."""
    low, high = x.value - 2 * x.error, x.value + 2 * x.error
    least = np.where(low * high > 0, np.minimum(np.abs(low), np.abs(high)), 0)
    return x._function(_erf, 2 / math.sqrt(math.pi) * np.exp(-least * least))


def sqrt(x: Any) -> Bounded:
    """|√x − √y| ≤ |x − y| / (2√least), and ≤ √|x − y|. An operand that may be negative has no bound."""
    least = x.value - 2 * x.error
    with np.errstate(all="ignore"):
        slope = np.where(least > 0, 1 / (2 * np.sqrt(least)), 1 / np.sqrt(x.error) if x.positive else np.inf)
        return x._function(lambda v: np.sqrt(np.where(x.error > 0, np.maximum(v, 0), v)), slope, ulps=1)


def cbrt(x: Any) -> Bounded:
    """|∛x − ∛y| ≤ |x − y| / (3 least^⅔), and ≤ ∛(4|x − y|)."""
    least = np.maximum(np.abs(x.value) - 2 * x.error, 0)
    with np.errstate(all="ignore"):
        slope = np.where(least > 0, 1 / (3 * np.cbrt(least) ** 2), np.cbrt(4 / x.error**2))
        return x._function(np.cbrt, slope)


def absolute(x: Any) -> Bounded:
    """||x| − |y|| ≤ |x − y|."""
    return Bounded(np.abs(x.value), x.dtype, x.error, positive=True)


def square(x: Any) -> Bounded:
    """x·x."""
    return x * x


def power(x: Any, n: Any) -> Bounded:
    """xⁿ; n small and whole, it may be n − 1 products. An exponent that the dtype rounds carries that error."""
    x, n = all_bounded(x, n)
    if (n.error > 0).any():
        return _power(x, n)
    whole = bool(np.all(n.value % 1 == 0))
    exponent = int(n.value) if whole and not n.shape else n.value
    least = np.maximum(np.abs(x.value) - 2 * x.error, 0)
    with np.errstate(all="ignore"):
        slope = np.abs(n.value) * np.maximum(x.most ** (n.value - 1), least ** (n.value - 1))
        if not whole:
            slope = np.where((x.value - 2 * x.error >= 0) | x.positive, slope, np.inf)
        result = x._function(lambda v: v**exponent, np.where(n.value == 0, 0, slope), np.maximum(ULPS, n.most))
    result._positive = x.positive or bool(np.all(n.value % 2 == 0))
    return result


def _power(x: Bounded, n: Bounded) -> Bounded:
    """For x ≥ 0: xⁿ is monotone in either, |∂/∂x| = |n| xⁿ⁻¹, |∂/∂n| = xⁿ |ln x|, which is 1/(e|n|) at most where x <
    1."""
    bases = np.maximum(x.value - 2 * x.error, 0), x.value + 2 * x.error
    exponents = n.value - 2 * n.error, n.value + 2 * n.error
    with np.errstate(all="ignore"):
        value = x.value**n.value
        by_x = n.most * np.max([b ** (m - 1) for b in bases for m in exponents], axis=0)
        by_n = np.max([b**m for b in bases for m in exponents], axis=0) * _most(*map(np.log, bases))
        near_0 = np.maximum(bases[1] ** exponents[1] * np.abs(np.log(bases[1])), 1 / (np.e * exponents[0]))
        by_n = np.where(bases[0] > 0, by_n, np.where(exponents[0] > 0, near_0, np.inf))
        carried = np.where(x.error > 0, by_x * x.error, 0) + np.where(n.error > 0, by_n * n.error, 0)
        nothing = (x.most == 0) & (exponents[0] > 0)
        inside = (x.value - 2 * x.error >= 0) | x.positive
        carried = np.where(nothing, 0, np.where(inside, carried, np.inf))
    return x._rounded(value, carried, np.abs(value) + 2 * carried, nothing, 2 * np.maximum(ULPS, n.most), positive=True)


def logaddexp(x: Any, y: Any) -> Bounded:
    """max + log1p(e^−|x − y|). The two slopes are positive and add up to 1; t·e^−t ≤ 1, so that the second term errs
    by 16u."""
    x, y = all_bounded(x, y)
    value, carried = np.logaddexp(x.value, y.value), np.maximum(x.error, y.error)
    rounding = 8 * float(np.finfo(x.dtype).eps)
    return x._rounded(value, carried + rounding, np.abs(value) + 2 * carried + 2 * rounding, False)


def hypot(x: Any, y: Any) -> Bounded:
    """√(x² + y²), with slopes of at most 1."""
    x, y = all_bounded(x, y)
    carried = x.error + y.error
    zero = (x.most == 0) & (y.most == 0)
    return x._rounded(
        np.hypot(x.value, y.value), carried, np.hypot(x.most, y.most), zero, 2 * ULPS, positive=True
    )  # fmt: skip


def arctan2(y: Any, x: Any) -> Bounded:
    """The slopes are at most 1/√(x² + y²); without bound where the jump at y = 0, x < 0 lies between."""
    y, x = all_bounded(y, x)
    least = np.hypot(*(np.maximum(np.abs(a.value) - 2 * a.error, 0) for a in (x, y)))
    jump = (x.value - 2 * x.error <= 0) & (np.abs(y.value) <= 2 * y.error) & (y.error > 0)
    value = np.arctan2(y.value, x.value)
    with np.errstate(all="ignore"):
        error = x.error + y.error
        carried = np.where(error > 0, np.where(jump, np.inf, error / least), 0)
    return x._rounded(
        value, carried, np.abs(value) + 2 * carried, (y.most == 0) & (x.value - 2 * x.error > 0), 2 * ULPS
    )


def step(f: Callable[[Array], Array]) -> Callable[[Any], Bounded]:
    """A function that is constant but for its jumps: exact, unless one lies between.

    Raises:
        Undecided: rounding leaves open on which side of the step it is.
    """

    def rule(x: Any) -> Bounded:
        with np.errstate(invalid="ignore"):
            low, high = f(x.value - 2 * x.error), f(x.value + 2 * x.error)
        if np.any(low != high):
            raise Undecided(f"{f.__name__}: the rounding errors leave open on which side of a jump a number lies")
        return Bounded(low, x.dtype)

    return rule


def copysign(x: Any, y: Any) -> Bounded:
    """|x| with the sign of y, which must be decided."""
    x, y = all_bounded(x, y)
    return abs(x) * step(lambda v: np.copysign(np.ones_like(v), v))(y).value


def heaviside(x: Any, at_0: Any) -> Bounded:
    """0, `at_0` or 1, as the sign of x is decided."""
    x, at_0 = all_bounded(x, at_0)
    sign = step(np.sign)(x).value
    return at_0 * (sign == 0) + Bounded(np.where(sign > 0, 1.0, 0.0), x.dtype)


def rounded(x: Any, decimals: int = 0) -> Bounded:
    """The nearest whole number, where that is decided.

    Raises:
        TypeError: decimals have no rule.
    """
    if decimals:
        raise TypeError("numpy.round of a Bounded: expected decimals=0: the multiples of 0.1 are not floats")
    return step(np.rint)(x)


FUNCTIONS: dict[Callable[..., Any], Callable[..., Any]] = {
    **{f: function(f, slope) for f, slope in SLOPES.items()},
    np.sqrt: sqrt,
    np.cbrt: cbrt,
    np.absolute: absolute,
    np.fabs: absolute,
    np.square: square,
    np.reciprocal: lambda x: 1 / x,
    np.power: power,
    np.logaddexp: logaddexp,
    np.hypot: hypot,
    np.arctan2: arctan2,
    **{f: step(f) for f in (np.sign, np.floor, np.ceil, np.rint, np.trunc)},
    np.copysign: copysign,
    np.heaviside: heaviside,
    np.round: rounded,
    np.positive: lambda x: x.copy(),
    np.conjugate: lambda x: x,
    np.real: lambda x: x,
}
