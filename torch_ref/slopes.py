"""The derivative of a forward that torch has no module for, and how far a right backward may lie from it.

The derivative is certified by dual numbers over balls (truth.py). What is allowed comes from the same dual numbers over
`Bounded`: the error of evaluating that derivative in float64. Since a backward may use another formula, one that loses digits
where the value is small, as a(1 − a) does for a near 1, the largest error in an array is allowed to each of its elements.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from manual.number_types import Array
from torch_ref.bounds import Bounded
from torch_ref.truth import Dual, derivative


class Slope(NamedTuple):
    """A derivative, rounded to float64, and what is allowed to each of its elements."""

    value: Array
    allowed: float


def slopes(function: Callable[..., Any], arrays: Mapping[str, Array]) -> dict[str, Slope]:
    """The derivative of a scalar function by every array.

    Args:
        function: takes the arrays by name, as object arrays of numbers, and returns one number. Floats that it adds or
            multiplies are taken as exact.
        arrays: float64.

    Raises:
        Undecided: the function decides exactly on an edge.
    """
    _, truth = derivative(function, arrays)
    errors = _errors(function, arrays)
    found = {}
    for name, slope in truth.items():
        value = np.vectorize(float, otypes=[np.float64])(slope)
        allowed = errors[name].max(initial=0) + np.spacing(np.abs(value).max(initial=0)) / 2
        found[name] = Slope(value, float(allowed))
    return found


def _errors(function: Callable[..., Any], arrays: Mapping[str, Array]) -> dict[str, Array]:
    size, at, duals = sum(a.size for a in arrays.values()), 0, {}
    for name, a in arrays.items():
        duals[name] = np.empty(a.shape, dtype=object)
        for place, number in np.ndenumerate(a):
            direction = np.zeros(size)
            direction[at] = 1
            duals[name][place] = Dual(Bounded(number, np.float64), Bounded(direction, np.float64))
            at += 1
    result = function(**duals)
    error = result.d.error if isinstance(result, Dual) else np.zeros(size)
    parts = np.split(error, np.cumsum([a.size for a in arrays.values()])[:-1])
    return {name: part.reshape(a.shape) for (name, a), part in zip(arrays.items(), parts, strict=True)}
