"""What a piece computes, as formulas that run on every number type: on floats to see whether they come near, on
`Bounded` to prove it.
"""

from collections.abc import Callable, Iterable, Iterator
from copy import copy
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from manual.numbers.number_types import Array

Values = dict[str, Any]  # by the quantity's name: "dx", "dweight", "delta", "weight", "weight, exp_avg", …
Number = Callable[[Array], Any]  # an array of floats as one of another number type, which may be changed in place
Formula = Callable[[Number], Values]
Mistake = tuple[str, Formula]  # what is wrong, and what it leads to
Mistakes = Callable[[str, Any, Any], Iterable[Mistake]]  # of a quantity, given ours and the reference

EPSILONS = tuple(10.0**-k for k in range(12, 2, -1))
"""What people add to a denominator, to a root or inside a logarithm, against 0."""
WITHOUT_EPSILON = "ε is left out"


def epsilon_is(epsilon: float) -> str:
    """That ε has this value, not the right one."""
    return f"ε is {epsilon:g}"


ANOTHER_EPSILON = {WITHOUT_EPSILON, *map(epsilon_is, EPSILONS)}
"""Causes that differ in a number alone: where the numbers tell them not apart, it is another ε, and that is all."""


def none(_quantity: str, _ours: Any, _reference: Any) -> Iterator[Mistake]:
    """No mistakes."""
    yield from ()


@dataclass(frozen=True)
class Formulas:
    """What a piece computes, right and wrong.

    `right` is the formula that the mistakes are made in, so that `wrong` proves something only where `right` gives the
    reference: code that is itself at fault measures nothing; it is asked for each quantity, and computed once for each
    type of numbers. Where it does not, two proofs are left. `apart` are the
    wrong formulas that do without the piece's own derivative. `undone` are mistakes that undo themselves: what the
    piece computes with such a mistake made on purpose must be the reference.
    """

    right: Formula
    wrong: Mistakes
    apart: Mistakes = none
    undone: Mistakes = none

    def __post_init__(self) -> None:
        object.__setattr__(self, "right", cache(self.right))


class Inputs(NamedTuple):
    """What a piece was given, what its gradient by x is called, the references, and whether its output is not the
    reference."""

    x: Array
    delta: Array
    params: Values
    dx: str
    references: Values
    another_output: bool


def near(inputs: Inputs, values: Values, relative: float) -> bool:
    """Whether values come near the references, each relative to its largest element: worth a proof."""
    both = [(values[q], reference) for q, reference in inputs.references.items() if q in values]
    return bool(both) and all(
        np.shape(value) == reference.shape
        and np.abs(value - reference).max(initial=0) <= relative * np.abs(reference).max(initial=0)
        for value, reference in both
    )


def changed(piece: Any, **attributes: Any) -> Any:
    """A copy with other attributes."""
    piece = copy(piece)
    piece.__dict__ |= attributes
    return piece


def as_number(number: Number, values: Values) -> Values:
    """Arrays of floats as another number type; other values as they are."""
    return {
        name: number(v) if getattr(v, "dtype", None) in (np.float32, np.float64) else v for name, v in values.items()
    }


def blind(piece: Any) -> Any:
    """A copy without a derivative of its own: a formula that needs it does not apply."""
    piece, kind = copy(piece), type(piece)
    piece.__class__ = type(kind.__name__, (kind,), {"backward": None, "gradient": None})
    return piece
