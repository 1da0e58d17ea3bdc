"""The numbers that a program runs on, and NumPy's functions of them, element by element."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from manual.numbers.number_types import Array
from torch_ref.tolerance.bounded import Bounded
from torch_ref.truth.certify import exact
from torch_ref.truth.dual import Dual, function_of


def constant(array: Array) -> Array:
    """Floats as balls of no width; what is infinite or NaN stays a float."""
    lifted = np.empty(array.shape, dtype=object)
    for place, value in np.ndenumerate(array):
        lifted[place] = exact(np.asarray(value))[()] if math.isfinite(value) else float(value)
    return lifted


def is_number(x: Any) -> bool:
    """Whether it is numbers that stand for floats, and not integers or truths."""
    return isinstance(x, Bounded | Dual) or (isinstance(x, np.ndarray) and x.dtype == object)


def elementwise(f: Callable[..., Any]) -> Callable[[Any], Any]:
    """NumPy's function on arrays of any number type; an element that is an infinite float is NumPy's own business."""

    def one(value: Any) -> Any:
        if isinstance(value, float):
            with np.errstate(all="ignore"):
                return _as_element(float(f(value)))
        return function_of(value, f.__name__)

    each = np.frompyfunc(one, 1, 1)

    def rule(x: Any) -> Any:
        if isinstance(x, Bounded):
            return f(x)
        return np.asarray(each(x if is_number(x) else constant(np.asarray(x, float))), dtype=object)

    return rule


def _as_element(value: float) -> Any:
    return constant(np.asarray(value))[()]


def truth_of(x: Any) -> Array:
    """A comparison's answer as an array of truths."""
    return np.asarray(x, dtype=bool)


def as_array(x: Any) -> Any:
    """A result as an array: a bare number is one without axes."""
    return x if isinstance(x, Bounded | np.ndarray) else np.asarray(x)
