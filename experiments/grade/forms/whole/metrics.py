"""A cost that a network only shows, as its mse, and a gradient that is another's: which is meant, is not known.

Right code may show one cost and go down another; code that forgets the slope of its last layer looks the same.
"""

import inspect
from collections.abc import Iterator, Sequence

import numpy as np

from experiments.grade.forms.piece import Example
from experiments.grade.forms.whole.network_data import COSTS, OF_A_COST

STEP, CLOSE, WAYS = 2.0**-16, 2.0**-10, 3


def shown_costs(kind: type) -> list[str]:
    """A class's methods that are called as a cost is, and not as the one that it learns by."""
    return [n for n in dir(kind) if n not in COSTS and OF_A_COST.search(n) and inspect.isfunction(getattr(kind, n))]


def is_of_another(shown: Example, usual: Sequence[Example]) -> bool:
    """Whether the gradient is that of a usual cost, and no multiple of that of the one that is shown."""
    ratios = [ours / slope for slope, ours in _slopes(shown)]
    return np.ptp(ratios) > CLOSE * np.abs(ratios).max() and any(map(_agrees, usual))


def _agrees(example: Example) -> bool:
    return all(abs(ours - slope) <= CLOSE * abs(slope) for slope, ours in _slopes(example))


def _slopes(example: Example) -> Iterator[tuple[float, float]]:
    """The cost's slope along some ways, by differences, and what the gradient says of it."""
    rng = np.random.default_rng(0)
    ran = example.run({n: a.copy() for n, a in example.arrays.items()})
    found = ran.backward(None) if ran.backward else {}
    for _ in range(WAYS):
        ways = {n: rng.standard_normal(a.shape) for n, a in example.floats.items() if f"d{n}" in found}
        there, back = (
            example.run(example.arrays | {n: example.arrays[n] + step * way for n, way in ways.items()}).y["cost"]
            for step in (STEP, -STEP)
        )
        ours = sum(float(np.sum(found[f"d{n}"] * way)) for n, way in ways.items())
        yield float(there - back) / (2 * STEP), ours
