"""A step that goes by the squares of gradients, too: w -= lr * m / (sqrt(v) + eps), as Adam's, RMSprop's or AdaGrad's.

From a memory of 0 its next memory is a multiple of the gradient, and of its square, which tells what in the turn the
gradient is; and the step is one of these over a root of the other.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from experiments.grade.forms.loops.turns.space import Names, at
from experiments.grade.forms.stateful.slots import Slot, slots
from manual.numbers.number_types import Array

CLOSE = 2.0**-20
LARGEST = 0.01
"""Of a guard below the root, or beside it, beside the root."""


class Adaptive(NamedTuple):
    """Where the gradient of each weight is after a turn, and the rate of the step."""

    gradients: list[Slot]
    rate: float


def adaptive(before: Sequence[Names], ends: Sequence[Names], weights: list[Slot], state: list[Slot]) -> Adaptive | None:
    """The gradients of a step by such a rule, of turns that begin with a memory of 0; None, if it is none."""
    found, rates = list[Slot](), list[float]()
    for weight in weights:
        moves = np.ravel([at(one, weight) - at(end, weight) for one, end in zip(before, ends, strict=True)])
        shape = np.shape(at(ends[0], weight))
        kept = [np.ravel([at(end, way) for end in ends]) for way in state if np.shape(at(ends[0], way)) == shape]
        others = [way for way, a in slots(ends[0]) if a.shape == shape and way not in {*weights, *state}]
        ways = ((way, rate) for way in others if (rate := _rate(moves, _values(ends, way, moves), kept)) is not None)
        way, rate = next(ways, (None, 0.0))
        if way is None:
            return None
        found.append(way)
        rates.append(rate)
    return Adaptive(found, rates[0]) if np.ptp(rates) <= CLOSE * rates[0] else None


def _values(ends: Sequence[Names], way: Slot, like: Array) -> Array:
    try:
        values = np.ravel([at(end, way) for end in ends])
    except Exception:  # it is not there after every turn
        return np.zeros(like.shape)
    return values if values.shape == like.shape and values.dtype.kind == "f" else np.zeros(like.shape)


def _rate(moves: Array, gradient: Array, kept: list[Array]) -> float | None:
    """The rate of a step by this gradient and what is kept of it and of its square; None, if it is no such step."""
    squares = [k for k in kept if _is_multiple(k, gradient**2)]
    means = [k for k in kept if _is_multiple(k, gradient)]
    if not squares or not np.all(moves) or not np.all(gradient) or len(kept) > len(squares) + len(means):
        return None
    pairs: list[tuple[Any, Any]] = [(gradient, gradient**2), (gradient, squares[0])]
    pairs += [(mean, square) for mean in means for square in squares]
    for one, square in pairs:
        if (means and one is gradient and square is not pairs[0][1]) or (not means and square is pairs[0][1]):
            continue  # a corrected mean goes with a corrected square, and either both are or none
        for power in (1, 2):  # the guard is beside the root, or below it
            line = np.array([np.sqrt(square) ** power, np.ones(moves.shape)]).T
            (slope, guard), *_ = np.linalg.lstsq(line, (one / moves) ** power, rcond=None)
            fits = np.allclose(line @ (slope, guard), (one / moves) ** power, rtol=CLOSE, atol=0)
            signed = power == 1 or bool(np.all(one / moves > 0))
            if fits and signed and slope > 0 and -CLOSE * slope <= guard <= LARGEST * slope:
                return float(slope ** (-1 / power))
    return None


def _is_multiple(one: Array, other: Array) -> bool:
    share = float(np.sum(one * other) / (np.sum(other * other) or 1))
    return share > 0 and np.allclose(one, share * other, rtol=CLOSE, atol=0)
