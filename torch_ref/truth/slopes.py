"""The derivative of a forward that torch has no module for, and how far a right backward may lie from it.

The derivative is certified by dual numbers over balls (certify.py). What is allowed is the error of evaluating it
backwards in float64: dual numbers over `Rounded`, whose derivatives are linear forms (linear_forms.py). A backward may
use another formula, in terms of the output, as a(1 − a) is, which loses digits where a is near 1: so the error of each
value of the forward is allowed, too, to every element that it depends on.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import numpy as np

from manual.numbers.number_types import Array
from torch_ref.truth.certify import derivative
from torch_ref.truth.decisions import decisions
from torch_ref.truth.dual import Dual
from torch_ref.truth.linear_forms import LinearForm, slopes
from torch_ref.truth.rounded import Rounded


class Slope(NamedTuple):
    """A certified number for each element, rounded to float64, and what is allowed to each of them."""

    value: Array
    allowed: Array


@dataclass(frozen=True)
class Slopes:
    """A function's output, and the derivative of the sum of δ·output by every array.

    `decided` are the answers, True and False, that the function's comparisons gave on the way. A derivative that is 0
    because of a decision that always falls alike says little about it.
    """

    output: Slope
    by: dict[str, Slope]
    decided: list[bool]

    @classmethod
    def of(cls, function: Callable[..., Any], arrays: Mapping[str, Array], delta: Array | None = None) -> Self:
        """The slopes of a function.

        Args:
            function: takes the arrays by name, as object arrays of numbers, and returns numbers. Floats that it adds or
                multiplies are taken as exact.
            arrays: float64.
            delta: the weight of each element of the output; 1 where there is none.

        Raises:
            Undecided: the function decides exactly on an edge.
        """
        weight: Any = 1 if delta is None else delta
        kept: list[Any] = []

        def total(**numbers: Array) -> Any:
            kept[:] = [np.asarray(function(**numbers), dtype=object)]
            return np.sum(weight * kept[0])

        with decisions() as taken:
            _, truth = derivative(total, arrays)
        decided = sorted({way for _, way in taken})
        output = np.vectorize(_middle, otypes=[np.float64])(kept[0]) if kept[0].size else np.zeros(kept[0].shape)
        errors, allowed = _errors(function, arrays, weight)
        by = {}
        for name, slope in truth.items():
            value = np.vectorize(float, otypes=[np.float64])(slope)
            by[name] = Slope(value, errors[name] + np.spacing(np.abs(value)) / 2)
        return cls(Slope(output, allowed + np.spacing(np.abs(output)) / 2), by, decided)


def _middle(number: Any) -> float:
    return float(number.v if isinstance(number, Dual) else number)


def _errors(function: Callable[..., Any], arrays: Mapping[str, Array], weight: Any) -> tuple[dict[str, Array], Array]:
    """How far rounding may take the derivative by each array, and the output."""
    directions, duals = [], {}
    for name, a in arrays.items():
        duals[name] = np.empty(a.shape, dtype=object)
        for place, number in np.ndenumerate(a):
            directions.append(LinearForm(depends=1 << len(directions)))
            duals[name][place] = Dual(Rounded(float(number)), directions[-1])
    output = np.asarray(function(**duals), dtype=object)
    values = [value for value in np.ravel(weight * output) if isinstance(value, Dual)]
    by = slopes(sum((value.d for value in values), start=LinearForm()))
    error = np.array([by[d.order].error if d.order in by else 0.0 for d in directions])
    for value in values:
        error += np.where(_bits(value.d.depends, len(directions)), value.v.error, 0)
    parts = np.split(error, np.cumsum([a.size for a in arrays.values()])[:-1])
    allowed = np.array([float(v.v.error) if isinstance(v, Dual) else 0.0 for v in output.ravel()]).reshape(output.shape)
    return {name: part.reshape(a.shape) for (name, a), part in zip(arrays.items(), parts, strict=True)}, allowed


def _bits(number: int, size: int) -> Array:
    """The first bits of a number, the lowest first."""
    octets = np.frombuffer(number.to_bytes(size // 8 + 1, "little"), dtype=np.uint8)
    return np.unpackbits(octets, count=size, bitorder="little")
