"""A step that keeps a velocity: v = momentum * v - lr * dw, w += v. From a velocity of 0 it is the gradient's alone."""

import copy
from collections.abc import Callable, Sequence

import numpy as np

from experiments.grade.forms.loops.space import Names, at
from experiments.grade.forms.stateful.slots import Slot, put
from manual.numbers.number_types import Array

CLOSE = 2.0**-20
After = Callable[[Names], Names]


def is_momentum(names: Names, after: After, weights: list[Slot], state: list[Slot]) -> bool:
    """Whether each weight has one velocity, of which the step and the next velocity take the same share everywhere, and
    the next velocity at 0 is the same multiple of every step: all so that what went before goes on, and not back."""
    rng = np.random.default_rng(0)
    still, pushed, pulled = (copy.deepcopy(names) for _ in range(3))
    for way in state:
        push = rng.standard_normal(np.shape(at(names, way)))
        put(still, way, 0 * push)
        put(pushed, way, push)
        put(pulled, way, -push)
    pushes = {way: at(pushed, way).copy() for way in state}
    zero, one, other = after(still), after(pushed), after(pulled)
    shares = []
    for weight in weights:
        moves = [at(ran, weight) - at(names, weight) for ran in (zero, one, other)]
        found = [(v, s) for v in state if (s := _ratio(moves[1] - moves[0], pushes[v])) is not None]
        if len(found) != 1 or not _same([_ratio(moves[2] - moves[0], -pushes[found[0][0]]), found[0][1]]):
            return False
        velocity, share = found[0]
        kept = _ratio(at(one, velocity) - at(zero, velocity), pushes[velocity])
        shares.append((share, kept, _ratio(at(zero, velocity), moves[0])))
    if len(weights) != len(state) or not all(_same(each) for each in zip(*shares, strict=True)):
        return False
    return all(0 < kept <= 1 and share * times > 0 for share, kept, times in shares)


def _ratio(one: Array, other: Array) -> float | None:
    """By how much one array is a multiple of another; None if it is none, or nothing."""
    if np.shape(one) != np.shape(other):
        return None
    share = float(np.sum(one * other) / np.sum(other * other))
    return share if share and np.allclose(one, share * other, rtol=CLOSE, atol=CLOSE * abs(share)) else None


def _same(values: Sequence[float | None]) -> bool:
    known = np.array([v for v in values if v is not None] or [np.nan])
    return None not in values and bool(np.ptp(known) <= CLOSE * np.abs(known).max())
