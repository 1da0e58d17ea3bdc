"""Where a true derivative is 0, zeros tell nothing: other inputs are drawn, to see whether 0 must be.

A forward that jumps and is constant between its jumps, as a step, a sign or a rounding is, has the derivative 0. A
backward that gives another stands in for it on purpose (a straight-through estimator), which no derivative can judge.

This is what torch_ref/truth/zero_reference.py does for a piece of this project. Here the forward is the submission's,
which runs in its own process alone: of each draw, that says what is true and how the comparisons fell.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from experiments.grade.judging.checked_piece import CheckedPiece
from experiments.grade.process.answers import Observation
from torch_ref import Comparison
from torch_ref.comparison.verdict import AGREES, NOT_JUDGED, ROUNDING, ZERO_REFERENCE, compare

OPEN = (ZERO_REFERENCE, ROUNDING)
CANCELS = 2.0**-30
"""A truth this much smaller than what is allowed is 0."""
SURROGATE = "its forward is constant around its inputs; no derivative tells what may stand for its slope"
SEEDS = (1, 2)
"""Of the inputs that are drawn where a derivative is 0, or a decision lies on its edge."""


def settle_zeros(checked: CheckedPiece, redraw: Callable[[int], list[Observation]]) -> None:
    """Draw again. If the truth is 0 on every draw, and no decision was dead, 0 agrees; a surrogate is not judged."""
    agreed = {c.quantity for c in checked.comparisons if c.verdict == AGREES}
    still_open = {c.quantity for c in checked.comparisons if c.reason in OPEN} - agreed
    differing = {c.quantity for c in checked.comparisons if c.differs}
    truths = {q for one in checked.observed for q in one.truth if checked.shown(q) in differing}
    surrogates = {q for q in truths if _is_flat(q, checked.observed)}
    draws = [one for seed in SEEDS for one in redraw(seed)] if still_open or surrogates else []
    surrogates = {checked.shown(q) for q in surrogates if _is_flat(q, draws) and _jumps(draws)}
    for i, c in enumerate(checked.comparisons):
        if c.quantity in surrogates:
            checked.comparisons[i] = replace(c, verdict=NOT_JUDGED, reason=SURROGATE)
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


def _is_flat(quantity: str, draws: list[Observation]) -> bool:
    """Whether the outputs do not depend on the input at all: its derivative is 0, which no rounding reaches."""
    slopes = [one.truth[quantity] for one in draws if quantity in one.truth]
    return bool(slopes) and not any(np.any(s.value) or np.any(s.allowed) for s in slopes)


def _jumps(draws: list[Observation]) -> bool:
    """Whether the forward decides, and not always the same."""
    return len({way for one in draws for way in one.decided}) == 2


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
