"""A factor that a whole piece carries is another definition of its cost, and no mistake: ½ or not, a mean or a sum.

It is a convention only if every gradient carries it, the cost, too, where there is one, and at every batch size: c =
2ᵃ Nᵇ Mᶜ with a, b, c in {−1, 0, 1}, the same everywhere, where N is the number of examples and M that of outputs.
"""

from collections.abc import Sequence
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from manual.numbers.number_types import Array


class Measured(NamedTuple):
    """One quantity of one pass: ours, the reference, what is allowed, and the sizes of the batch."""

    ours: Array
    reference: Array
    allowed: Any
    examples: int
    outputs: int


def common_factor(measured: Sequence[Measured]) -> str:
    """The factor that all of them carry, in words; "" where there is none, or it is 1."""
    if not measured or any(m.ours.shape != m.reference.shape for m in measured):
        return ""
    for a, b, c in sorted(product((-1, 0, 1), repeat=3), key=lambda powers: sum(map(abs, powers))):
        if (a, b, c) != (0, 0, 0) and all(carries(m, 2.0**a * m.examples**b * float(m.outputs) ** c) for m in measured):
            powers = {"2": a, "N": b, "the number of outputs": c}
            return f"a convention: the cost and every gradient alike, times {_written(powers)}"
    return ""


def carries(m: Measured, factor: float) -> bool:
    """Whether ours is so many times the reference."""
    rounding = 4 * np.finfo(np.float64).eps * np.abs(m.ours)
    return bool(np.all(np.abs(m.ours - factor * m.reference) <= factor * m.allowed + rounding))


def _written(powers: dict[str, int]) -> str:
    above = " · ".join(name for name, power in powers.items() if power > 0)
    below = " · ".join(name for name, power in powers.items() if power < 0)
    if not below:
        return above
    return f"{above or 1}/({below})" if " " in below else f"{above or 1}/{below}"
