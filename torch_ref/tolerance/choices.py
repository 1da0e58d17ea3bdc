"""Maxima, orders, decisions and choices on `Bounded`.

The k-th largest of x and of y differ by at most max |x − y|, so that a maximum, a minimum and a sorted array have
bounds even where the order is open. An index or a truth has none: it is decided for every evaluation, or it raises
Undecided.
"""

from collections.abc import Callable
from functools import reduce
from typing import Any

import numpy as np

from manual import Undecided
from manual.numbers.number_types import Array
from torch_ref.tolerance.bounded import Bounded
from torch_ref.tolerance.sums import all_bounded


def extreme(f: Callable[..., Array]) -> Callable[..., Bounded]:
    """The rule of a maximum or minimum over axes: |max x − max y| ≤ max |x − y|."""

    def rule(x: Any, axis: Any = None, keepdims: bool = False) -> Bounded:
        value, error = f(x.value, axis=axis, keepdims=keepdims), x.error.max(axis=axis, keepdims=keepdims)
        return Bounded(value, x.dtype, error, positive=x.positive)

    return rule


def extremes(f: np.ufunc) -> Callable[..., Bounded]:
    """The same of every beginning of an axis."""

    def rule(x: Any, axis: int = 0) -> Bounded:
        return Bounded(f.accumulate(x.value, axis=axis), x.dtype, np.maximum.accumulate(x.error, axis=axis))

    return rule


def ptp(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Largest less smallest."""
    return np.max(x, axis, keepdims=keepdims) - np.min(x, axis, keepdims=keepdims)


def maximum(x: Any, y: Any) -> Bounded:
    """The larger, with its error, or where rounding leaves open which it is, with the larger of both."""
    x, y = all_bounded(x, y)
    error = _error_of(x, y, x.value > y.value)
    return Bounded(np.maximum(x.value, y.value), x.dtype, error, positive=y.positive or x.positive)


def minimum(x: Any, y: Any) -> Bounded:
    """The smaller, likewise."""
    x, y = all_bounded(x, y)
    error = _error_of(x, y, x.value < y.value)
    return Bounded(np.minimum(x.value, y.value), x.dtype, error, positive=x.positive and y.positive)


def _error_of(x: Bounded, y: Bounded, first: Array) -> Array:
    """The error of x where it is the first, else of y, if that is decided; else the larger."""
    with np.errstate(invalid="ignore"):  # ∞ − ∞
        decided = np.abs(x.value - y.value) > 2 * (x.error + y.error)
    return np.where(decided, np.where(first, x.error, y.error), np.maximum(x.error, y.error))


def clip(x: Any, a_min: Any = None, a_max: Any = None, *, min: Any = None, max: Any = None) -> Any:  # noqa: A002
    """As np.clip: min(max(x, low), high)."""
    low, high = (a if a is not None else b for a, b in ((a_min, min), (a_max, max)))
    x = x if low is None else maximum(x, low)
    return x if high is None else minimum(x, high)


# ---------------------------------------------------------------- orders


def place_of_extreme(f: Callable[..., Any]) -> Callable[..., Any]:
    """The rule of argmax and argmin: exact ties go to the first, and any other must be decided.

    Raises:
        Undecided: rounding leaves open which is the largest, or the smallest.
    """

    def rule(x: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
        flat, along = (x.ravel(), 0) if axis is None else (x, axis)
        found = f(flat.value, axis=along, keepdims=True)
        best, error = (np.take_along_axis(a, found, along) for a in (flat.value, flat.error))
        doubt = 2 * (flat.error + error)
        others = np.moveaxis(
            np.broadcast_to(np.arange(flat.shape[along]), np.moveaxis(flat.value, along, -1).shape), -1, along
        )
        if np.any((np.abs(flat.value - best) <= doubt) & (doubt > 0) & (others != found)):
            raise Undecided(f"{f.__name__}: the rounding errors leave open which it is")
        return f(x.value, axis=axis, keepdims=keepdims)

    return rule


def _in_order(x: Any, axis: int) -> tuple[Array, bool, bool]:
    """The order of an axis; whether it is decided; and whether equal elements are in it."""
    order = np.argsort(x.value, axis=axis, kind="stable")
    value, error = (np.moveaxis(np.take_along_axis(a, order, axis), axis, -1) for a in (x.value, x.error))
    gap, doubt = np.diff(value), 2 * (error[..., 1:] + error[..., :-1])
    return order, not np.any((gap <= doubt) & (doubt > 0)), bool(np.any(gap == 0))


def sort(x: Any, axis: Any = -1, kind: Any = None, *, stable: Any = None) -> Bounded:
    """In order, each with its error where the order is decided, and else with the largest of its row."""
    del kind, stable  # equal numbers are alike
    x, axis = (x.ravel(), 0) if axis is None else (x, axis)
    order, decided, _ = _in_order(x, axis)
    value, error = (np.take_along_axis(a, order, axis) for a in (x.value, x.error))
    error = error if decided else np.broadcast_to(x.error.max(axis=axis, keepdims=True), x.shape)
    return Bounded(value, x.dtype, error, positive=x.positive)


def argsort(x: Any, axis: Any = -1, kind: Any = None, *, stable: Any = None) -> Array:
    """The order, which must be decided; ties are so by a stable sort alone.

    Raises:
        Undecided: rounding leaves the order open.
    """
    x, axis = (x.ravel(), 0) if axis is None else (x, axis)
    order, decided, ties = _in_order(x, axis)
    if not decided or (ties and not stable and kind != "stable"):
        raise Undecided("argsort: the rounding errors, or a tie, leave the order open")
    return order


def median(x: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    """The middle of a sorted axis, or the mean of the middle two.

    Raises:
        TypeError: an option that has no rule.
    """
    if not (axis is None or isinstance(axis, int)):
        raise TypeError("numpy.median of a Bounded: expected one axis or None")
    n = x.size if axis is None else x.shape[axis]
    row = np.moveaxis(sort(x, axis), 0 if axis is None else axis, -1)  # pyright: ignore[reportArgumentType, reportCallIssue]
    middle: Any = row[..., n // 2] if n % 2 else (row[..., n // 2 - 1] + row[..., n // 2]) / 2
    shape = [1 if axis is None or i == axis % x.ndim else size for i, size in enumerate(x.shape)]
    return middle.reshape(shape) if keepdims else middle


# ---------------------------------------------------------------- decisions and choices


def is_true(x: Any) -> Array:
    """x ≠ 0, decided; of anything else than `Bounded`, itself."""
    return x != 0 if isinstance(x, Bounded) else x


def of_truth(f: Callable[..., Any]) -> Callable[..., Any]:
    """The rule of what asks which elements are not 0."""

    def rule(*arrays: Any, **options: Any) -> Any:
        return f(*map(is_true, arrays), **options)

    return rule


def where(condition: Any, *choices: Any) -> Any:
    """Each value with its own error. With a condition alone, its places."""
    if not choices:
        return np.nonzero(is_true(condition))
    condition = is_true(condition)
    if not any(isinstance(choice, Bounded) for choice in choices):
        return np.where(condition, *choices)
    a, b = all_bounded(*choices)
    value, error = (np.where(condition, *pair) for pair in ((a.value, b.value), (a.error, b.error)))
    return Bounded(value, a.dtype, error, positive=a.positive and b.positive)


def select(conditions: Any, choices: Any, default: Any = 0) -> Any:
    """The choice of the first condition that holds."""
    return reduce(
        lambda rest, pair: where(pair[0], pair[1], rest), [*zip(conditions, choices, strict=True)][::-1], default
    )


def of_finite(f: Callable[[Array], Array]) -> Callable[[Any], Array]:
    """The rule of isfinite, isinf and isnan, which rounding leaves open where an evaluation may overflow.

    Raises:
        Undecided: rounding leaves open whether it is finite.
    """

    def rule(x: Any) -> Array:
        if np.any((x.error != 0) & ~np.isfinite(x.error)):
            raise Undecided(f"{f.__name__}: an evaluation may overflow")
        return f(x.value)

    return rule


def nan_to_num(x: Any) -> Any:
    """Itself: infinity and NaN are refused.

    Raises:
        TypeError: an option that has no rule.
    """
    if not np.all(of_finite(np.isfinite)(x)):
        raise TypeError("numpy.nan_to_num of a Bounded: an element is not finite")
    return x.copy()


def isclose(a: Any, b: Any, rtol: Any = 1e-5, atol: Any = 1e-8) -> Any:
    """|a − b| ≤ atol + rtol·|b|, decided."""
    a, b = all_bounded(a, b)
    return abs(a - b) <= abs(b) * rtol + atol


CHOICES: dict[Callable[..., Any], Callable[..., Any]] = {
    np.max: extreme(np.max),
    np.min: extreme(np.min),
    np.amax: extreme(np.max),
    np.amin: extreme(np.min),
    np.ptp: ptp,
    np.maximum: maximum,
    np.minimum: minimum,
    np.clip: clip,
    np.argmax: place_of_extreme(np.argmax),
    np.argmin: place_of_extreme(np.argmin),
    np.sort: sort,
    np.argsort: argsort,
    np.median: median,
    np.greater: Bounded.__gt__,
    np.greater_equal: Bounded.__ge__,
    np.less: Bounded.__lt__,
    np.less_equal: Bounded.__le__,
    np.equal: Bounded.__eq__,
    np.not_equal: Bounded.__ne__,
    np.where: where,
    np.select: select,
    np.nan_to_num: nan_to_num,
    np.isclose: isclose,
    np.allclose: lambda *arrays, **options: bool(np.all(isclose(*arrays, **options))),
    np.array_equal: lambda a, b: a.shape == b.shape and bool(np.all(np.equal(a, b))),
    **{f: of_finite(f) for f in (np.isfinite, np.isinf, np.isnan)},
    **{
        f: of_truth(f)
        for f in (
            np.any, np.all, np.count_nonzero, np.nonzero, np.flatnonzero, np.argwhere,
            np.logical_not, np.logical_and, np.logical_or, np.logical_xor,
        )
    },
}  # fmt: skip
