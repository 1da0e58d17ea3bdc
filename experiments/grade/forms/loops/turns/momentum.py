"""A step that keeps a velocity: v = momentum * v - lr * dw, w += v; or what it was before, w += lr * dw + M * last.

From a velocity of 0 it is the gradient's alone.
"""

import copy
from collections.abc import Callable, Sequence

import numpy as np

from experiments.grade.forms.loops.turns.space import Names, at
from experiments.grade.forms.stateful.slots import Slot, put
from manual.numbers.number_types import Array

CLOSE = 2.0**-20
After = Callable[[Names], Names]


def is_momentum(names: Names, after: After, weights: list[Slot], state: list[Slot]) -> bool:
    """Whether each weight has one velocity, of which the step and the next velocity take the same share everywhere, and
    the next velocity at 0 is the same multiple of every step: all so that what went before goes on, and not back."""
    rng = np.random.default_rng(0)
    still, *pushed = (copy.deepcopy(names) for _ in range(3))
    for way in state:
        for own, size in ((still, 0), *((own, 1) for own in pushed)):
            put(own, way, size * rng.standard_normal(np.shape(at(names, way))))
    pushes = {way: np.array([at(own, way) for own in pushed]) for way in state}
    zero, *others = map(after, (still, *pushed))
    shares = []
    for weight in weights:
        moved = np.array([at(ran, weight) - at(zero, weight) for ran in others])
        found = [(v, s) for v in state if (s := _ratio(moved, pushes[v])) is not None]
        if len(found) != 1:
            return False
        velocity, share = found[0]
        kept = _ratio(np.array([at(ran, velocity) - at(zero, velocity) for ran in others]), pushes[velocity], True)
        move = at(zero, weight) - at(names, weight)
        if np.any(move) or np.any(at(zero, velocity)):  # else both are 0 here, and tell nothing
            shares.append((share, kept, _ratio(at(zero, velocity), move)))
    if len(weights) != len(state) or not shares or not all(_same(each) for each in zip(*shares, strict=True)):
        return False
    # a velocity that keeps all of itself adds up gradients that were to begin at 0 again
    return all(0 <= kept < 1 - CLOSE and share * times > 0 for share, kept, times in shares)


def _ratio(one: Array, other: Array, or_nothing: bool = False) -> float | None:
    """By how much one array is a multiple of another; None if it is none, or nothing."""
    if np.shape(one) != np.shape(other):
        return None
    if or_nothing and not np.any(one):
        return 0.0
    share = float(np.sum(one * other) / np.sum(other * other))
    return share if share and np.allclose(one, share * other, rtol=CLOSE, atol=CLOSE * abs(share)) else None


def _same(values: Sequence[float | None]) -> bool:
    known = np.array([v for v in values if v is not None] or [np.nan])
    return None not in values and bool(np.ptp(known) <= CLOSE * np.abs(known).max())
