"""Down which cost a step goes: found by differences, so that only the one that fits best is compared exactly.

A step has no other length than its rate's, so that ½ or not, a sum or a mean makes it none that is wrong: of a number
that the loop shows, those multiples are tried, too, and one that fits is a convention. A function that the file calls
its loss says what is gone down, and no multiple of it.
"""

from collections.abc import Callable, Iterator, Mapping
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from experiments.grade.forms.loops.turns.kept import BESIDE
from experiments.grade.forms.piece import Arrays
from manual.numbers.number_types import Array

RATE = 2.0**-4
"""What a learning rate with such a name is: not 1, at which one that is forgotten would be no other."""
STEP = 2.0**-16
CLOSE = 2.0**-10
"""How far a ratio of slopes may be from a factor, where they are the same: differences are no better."""
WAYS = 2
"""Directions that each parameter is moved in: along one alone, any two slopes of it have the same ratio."""
Way = tuple[str, int]
Cost = Callable[[Any], Any]


class Candidate(NamedTuple):
    """A cost of what is there after a turn, and what to call it; whether it is the file's own, and a number that may
    only be shown: what the file defines as its loss, or its cost, it goes down as it is, and down no multiple."""

    said: str
    cost: Cost
    own: bool
    only_shown: bool = True


def as_a_cost(name: str, cost: Cost, value: Any) -> tuple[str, Cost]:
    """What to call a cost, and it; a likelihood is gone up, where it is the logarithm of one, and no cost already."""
    plain = name.partition(BESIDE)[0]
    if "likelihood" in plain.lower() and value < 0:
        return f"cost −{plain}", lambda after: -cost(after)
    return f"cost {plain}", cost


class Fit(NamedTuple):
    """A candidate times a factor, at a rate; by how many parameters the step goes down it, of how many; whether it is
    a multiple of the slope, the same for all or one for each parameter, and how many go up it just as far; what is to
    be remarked, and whether the cost is the file's own."""

    said: str
    cost: Cost
    rate: float
    fits: int
    of: int
    parallel: bool
    each_parallel: bool
    turned: int
    convention: str
    own: bool


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
    ways = {(n, i): rng.standard_normal(w.shape) for i in range(WAYS) for n, w in weights.items()}
    steps = step(weights)
    moved = {(n, i): float(np.sum(steps[n] * way)) for (n, i), way in ways.items()}
    ends = {
        (n, i): [after({**weights, n: weights[n] + sign * STEP * way}) for sign in (1, -1)]
        for (n, i), way in ways.items()
    }
    for one in candidates:
        slopes = {key: float(np.sum(one.cost(a) - one.cost(b))) / (2 * STEP) for key, (a, b) in ends.items()}
        multiples = factors(*sizes) if one.own and one.only_shown else [("", 1.0)]
        for (said, factor), rate in product(multiples, rates):
            ratios = dict(_ratios(slopes, {key: m / rate for key, m in moved.items()}))
            matter = {n for n, _ in ratios}
            far = {n for (n, _), r in ratios.items() if not abs(r - factor) <= CLOSE * factor}
            parallel = _are_the_same([*ratios.values()]) and sum(weights[n].size for n in matter) > 1
            each = all(_are_the_same([r for (n, _), r in ratios.items() if n == one_of]) for one_of in matter)
            at = f", learning rate {rate:g}" if rate not in (1, RATE) else ""
            turned = len(matter - {n for (n, _), r in ratios.items() if not abs(r + factor) <= CLOSE * factor})
            fitting, remark = len(matter - far), f"a convention: it goes down {one.said}{said}" if said else ""
            cost = _times(one.cost, factor)
            yield Fit(one.said + said + at, cost, rate, fitting, len(matter), parallel, each, turned, remark, one.own)


def along(fit: Fit, weights: Arrays, step: Callable[[Arrays], Arrays], after: Callable[[Arrays], Any]) -> Array:
    """Along some ways, what weights move by at the rate of a fit, and its cost's slope."""
    rng, found = np.random.default_rng(0), []
    steps = step(weights)
    for _ in range(WAYS):
        ways = {n: rng.standard_normal(w.shape) for n, w in weights.items()}
        ends = [fit.cost(after({n: w + sign * STEP * ways[n] for n, w in weights.items()})) for sign in (1, -1)]
        moved = sum(_dot(steps[n], way) for n, way in ways.items()) / fit.rate
        found.append((moved, float(np.sum(ends[0] - ends[1])) / (2 * STEP)))
    return np.transpose(found)


def _are_the_same(ratios: list[float]) -> bool:
    return len(ratios) > 1 and max(ratios) - min(ratios) <= CLOSE * abs(max(ratios))


def _ratios(slopes: Mapping[Way, float], moved: Mapping[Way, float]) -> Iterator[tuple[Way, float]]:
    """Those of all parameters that matter here."""
    most = max(map(abs, slopes.values()), default=0.0)
    for key, slope in slopes.items():
        if abs(slope) > CLOSE * CLOSE * most:
            yield key, moved[key] / slope
        elif abs(moved[key]) > CLOSE * most:
            yield key, np.inf


def factors(examples: int, outputs: int) -> Iterator[tuple[str, float]]:
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
    return abs(one - other) <= CLOSE * CLOSE * abs(one)  # both are 0 where the cost is linear, as of absolute errors


def _dot(a: Array, b: Array) -> float:
    return float(np.sum(a * b))
