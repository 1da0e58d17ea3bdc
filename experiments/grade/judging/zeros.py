"""Where a true derivative is 0, zeros tell nothing: other inputs are drawn, to see whether 0 must be.

This is what torch_ref/truth/zero_reference.py does for a piece of this project. Here the forward is the submission's,
which runs in its own process alone: of each draw, that says what is true and how the comparisons fell.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from experiments.grade.judging.checked_piece import CheckedPiece
from experiments.grade.process.answers import Observation
from torch_ref import Comparison
from torch_ref.comparison.verdict import AGREES, ROUNDING, ZERO_REFERENCE, compare

OPEN = (ZERO_REFERENCE, ROUNDING)
CANCELS = 2.0**-30
"""A truth this much smaller than what is allowed is 0."""
SEEDS = (1, 2)
"""Of the inputs that are drawn where a derivative is 0, or a decision lies on its edge."""


def settle_zeros(checked: CheckedPiece, redraw: Callable[[int], list[Observation]]) -> None:
    """Draw again: 0 agrees if the truth is 0 on every draw, and no decision was dead."""
    agreed = {c.quantity for c in checked.comparisons if c.verdict == AGREES}
    still_open = {c.quantity for c in checked.comparisons if c.reason in OPEN} - agreed
    draws = [one for seed in SEEDS for one in redraw(seed)] if still_open else []
    for quantity in dict.fromkeys(name for one in draws for name in one.truth):
        shown = checked.shown(quantity)
        if shown not in still_open:
            continue
        having = [one for one in draws if quantity in one.truth]  # where a norm is tested, there is no derivative
        again = [_comparison(shown, quantity, one) for one in having]
        if _must_be_zero(quantity, having) and all(c.reason == ZERO_REFERENCE for c in again):
            agreed.add(shown)
            continue
        checked.comparisons += [c for c in again if c.reason not in OPEN]
        agreed |= {c.quantity for c in again if c.agrees}
    for i, c in enumerate(checked.comparisons):
        if c.quantity in agreed and c.reason in OPEN:
            checked.comparisons[i] = replace(c, verdict=AGREES, reason="")


def _must_be_zero(quantity: str, draws: list[Observation]) -> bool:
    """Whether the truth is 0 on every draw, and the decisions, if there were any, did not all fall the same way.

    What cancels is certified to lie far closer to 0 than float64 could tell, and not to be 0.
    """
    slopes = [one.truth[quantity] for one in draws]
    zero = all(np.all(np.abs(s.value) <= CANCELS * s.allowed) for s in slopes)
    return zero and len({way for one in draws for way in one.decided}) != 1


def _comparison(shown: str, quantity: str, one: Observation) -> Comparison:
    true = one.truth.get(quantity)
    value, allowed = (None, None) if true is None else (true.value, true.allowed)
    return compare("", shown, one.ours.get(quantity), value, allowed)  # pyright: ignore[reportArgumentType]
