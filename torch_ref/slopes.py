"""The derivative of a forward that torch has no module for, and how far a right backward may lie from it.

The derivative is certified by dual numbers over balls (truth.py). What is allowed comes from the same dual numbers over
`Bounded`: the error of evaluating that derivative in float64. A backward may use another formula, in terms of the output, as
a(1 − a) is, which loses digits where a is near 1: so the error of each value of the forward is allowed, too, to every element
that it depends on.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from manual.number_types import Array
from torch_ref.bounds import Bounded
from torch_ref.dual import Dual
from torch_ref.truth import derivative


class Slope(NamedTuple):
    """A derivative, rounded to float64, and what is allowed to each of its elements."""

    value: Array
    allowed: Array


def slopes(function: Callable[..., Any], arrays: Mapping[str, Array]) -> dict[str, Slope]:
    """The derivative of the sum of a function's values by every array.

    Args:
        function: takes the arrays by name, as object arrays of numbers, and returns numbers: y times an upstream gradient, or
            a cost. Floats that it adds or multiplies are taken as exact.
        arrays: float64.

    Raises:
        Undecided: the function decides exactly on an edge.
    """
    _, truth = derivative(lambda **numbers: np.sum(function(**numbers)), arrays)
    errors = _errors(function, arrays)
    found = {}
    for name, slope in truth.items():
        value = np.vectorize(float, otypes=[np.float64])(slope)
        found[name] = Slope(value, errors[name] + np.spacing(np.abs(value)) / 2)
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
    values = [value for value in np.ravel(function(**duals)) if isinstance(value, Dual)]
    error = sum(values[1:], start=values[0]).d.error if values else np.zeros(size)
    for value in values:
        error = error + np.where(value.d.most > 0, value.v.error, 0)
    parts = np.split(error, np.cumsum([a.size for a in arrays.values()])[:-1])
    return {name: part.reshape(a.shape) for (name, a), part in zip(arrays.items(), parts, strict=True)}
