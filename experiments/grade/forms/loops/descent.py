"""Down which cost a step goes: found by differences, so that only the one that fits best is compared exactly.

A step has no other length than its rate's, so that ½ or not, a sum or a mean makes it none that is wrong: of a cost of
the file's own, those multiples are tried, too, and the one that was is said.
"""

from collections.abc import Callable, Iterator, Mapping
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from experiments.grade.forms.piece import Arrays
from manual.numbers.number_types import Array

STEP = 2.0**-16
CLOSE = 2.0**-10
"""How far a ratio of slopes may be from a factor, where they are the same: differences are no better."""
Cost = Callable[[Any], Any]


class Candidate(NamedTuple):
    """A cost of what is there after a turn, and what to call it; whether it is the file's own."""

    said: str
    cost: Cost
    own: bool


class Fit(NamedTuple):
    """A candidate times a factor, at a rate; by how many parameters the step goes down it, of how many."""

    said: str
    cost: Cost
    rate: float
    fits: int
    of: int
    parallel: bool


def fits(
    candidates: list[Candidate],
    rates: list[float],
    weights: Arrays,
    step: Callable[[Arrays], Arrays],
    after: Callable[[Arrays], Any],
    sizes: tuple[int, int],
) -> Iterator[Fit]:
    """How each candidate fits. `step` is what weights move by, `after` what there is after a turn in which none does;
    `sizes` are the numbers of examples and of outputs."""
    rng = np.random.default_rng(0)
    ways = {n: rng.standard_normal(w.shape) for n, w in weights.items()}
    moved = {n: float(np.sum(g * ways[n])) for n, g in step(weights).items()}
    ends = {n: [after({**weights, n: weights[n] + sign * STEP * way}) for sign in (1, -1)] for n, way in ways.items()}
    for one in candidates:
        slopes = {n: float(np.sum(one.cost(a) - one.cost(b))) / (2 * STEP) for n, (a, b) in ends.items()}
        for (said, factor), rate in product(_factors(*sizes) if one.own else [("", 1.0)], rates):
            ratios = [*_ratios(slopes, {n: m / rate for n, m in moved.items()})]
            close = sum(abs(r - factor) <= CLOSE * factor for r in ratios)
            parallel = bool(ratios) and max(ratios) - min(ratios) <= CLOSE * abs(max(ratios))
            at = f", learning rate {rate:g}" if rate != 1 else ""
            yield Fit(one.said + said + at, _times(one.cost, factor), rate, close, len(ratios), parallel)


def _ratios(slopes: Mapping[str, float], moved: Mapping[str, float]) -> Iterator[float]:
    """Those of all parameters that matter here."""
    most = max(map(abs, slopes.values()), default=0.0)
    for name, slope in slopes.items():
        if abs(slope) > CLOSE * CLOSE * most:
            yield moved[name] / slope
        elif abs(moved[name]) > CLOSE * most:
            yield np.inf


def _factors(examples: int, outputs: int) -> Iterator[tuple[str, float]]:
    """What a cost may be multiplied with, and what to call that: 2ᵃ Nᵇ Mᶜ, the plain ones first."""
    for a, b, c in sorted(product((0, 1, -1), repeat=3), key=lambda powers: sum(map(abs, powers))):
        factor = 2.0**a * float(examples) ** b * float(outputs) ** c
        yield ("" if factor == 1 else f", times {factor:g}"), factor


def _times(cost: Cost, factor: float) -> Cost:
    if factor >= 1:
        return lambda after: cost(after) * int(factor) if factor == int(factor) else cost(after) * factor
    return lambda after: cost(after) / int(1 / factor) if 1 / factor == int(1 / factor) else cost(after) * factor


def is_a_gradient(step: Callable[[Arrays], Arrays], weights: Arrays) -> bool:
    """Whether there is a cost that the step goes down: second derivatives are the same in either order.

    Along two directions u and v, u·∂g/∂v = v·∂g/∂u; of a wrong gradient they are two numbers that have nothing to do
    with each other.
    """
    rng = np.random.default_rng(1)
    u, v = ({n: rng.standard_normal(w.shape) for n, w in weights.items()} for _ in range(2))

    def slope(along: Arrays, other: Arrays) -> float:
        ends = [step({n: w + sign * STEP * along[n] for n, w in weights.items()}) for sign in (1, -1)]
        return sum(_dot(ends[0][n] - ends[1][n], other[n]) for n in weights) / (2 * STEP)

    one, other = slope(u, v), slope(v, u)
    return one != 0 and abs(one - other) <= CLOSE * CLOSE * abs(one)


def _dot(a: Array, b: Array) -> float:
    return float(np.sum(a * b))
