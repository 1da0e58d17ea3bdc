"""Comparisons, and what is chosen by them."""

from collections.abc import Callable
from typing import Any

import numpy as np

from manual import Undecided
from manual.numbers.number_types import Array
from torch_ref.program.numbers import truth_of
from torch_ref.tolerance.bounded import Bounded

OPPOSITE = {
    np.greater: np.less_equal, np.less: np.greater_equal, np.equal: np.not_equal,
    np.greater_equal: np.less, np.less_equal: np.greater, np.not_equal: np.equal,
}  # fmt: skip


def comparison(f: np.ufunc) -> Callable[..., Any]:
    """The rule of a comparison: an array of truths.

    Raises:
        Undecided: neither it nor its opposite holds of two balls.
    """

    def rule(a: Any, b: Any) -> Array:
        truth = truth_of(f(a, b))
        if any(isinstance(x, np.ndarray) and x.dtype == object for x in (a, b)):
            open_ = truth == truth_of(OPPOSITE[f](a, b))
            if np.any(open_ & ~(is_nan(a) | is_nan(b))):
                raise Undecided(f"{f.__name__}: two balls overlap")
        return truth

    return rule


def clamp(x: Any, min: Any = None, max: Any = None) -> Any:  # noqa: A002
    """min(max(x, low), high)"""
    if min is not None:
        x = np.where(truth_of(x < min), min, x)
    return x if max is None else np.where(truth_of(x > max), max, x)


def sign(x: Any) -> Any:
    """1, −1, and 0 where x is 0"""
    return np.asarray(truth_of(x > 0), dtype=int) - truth_of(x < 0)


def is_nan(x: Any) -> Array:
    """Whether a number is NaN: no ball and no dual number is."""
    return np.isnan(x) if isinstance(x, Bounded) else truth_of(_EACH_NAN(x))


_EACH_NAN = np.frompyfunc(lambda value: isinstance(value, float) and np.isnan(value), 1, 1)


CHOICES: dict[str, Callable[..., Any]] = {
    "gt": comparison(np.greater),
    "ge": comparison(np.greater_equal),
    "lt": comparison(np.less),
    "le": comparison(np.less_equal),
    "eq": comparison(np.equal),
    "ne": comparison(np.not_equal),
    "where": lambda condition, a, b: np.where(truth_of(condition), a, b),
    "maximum": np.maximum,
    "minimum": np.minimum,
    "fmax": np.maximum,
    "fmin": np.minimum,
    "clamp": clamp,
    "clamp_min": lambda x, low: clamp(x, low),
    "relu": lambda x: np.where(truth_of(x > 0), x, 0),
    "sign": sign,
    "angle": lambda x: np.where(truth_of(x < 0), np.pi, 0.0),
    "softshrink_backward": lambda delta, x, edge: np.where(truth_of(np.abs(x) > edge), delta, 0),
    "hardshrink_backward": lambda delta, x, edge: np.where(truth_of(np.abs(x) > edge), delta, 0),
    "isnan": is_nan,
    "logical_and": lambda a, b: truth_of(a) & truth_of(b),
    "logical_or": lambda a, b: truth_of(a) | truth_of(b),
    "logical_not": lambda a: ~truth_of(a),
    "bitwise_and": np.bitwise_and,
    "bitwise_or": np.bitwise_or,
    "bitwise_xor": np.bitwise_xor,
    "bitwise_not": np.invert,
}
