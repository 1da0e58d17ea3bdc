"""One array against its reference: the four verdicts, and how each is reached.

agrees        no farther from the reference than two correct evaluations may be
convention    differs as good implementations do: another ε, another choice at a tie; the cause says which
differs       farther, or of another shape or dtype, or not a number where the reference is one
not judged    nothing can be told: the reason says why
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from torch_ref.tolerance.small_arrays import every, some

AGREES, CONVENTION, DIFFERS, NOT_JUDGED = VERDICTS = ("agrees", "convention", "differs", "not judged")
SAID = {
    DIFFERS: ("differs", "differ"),
    CONVENTION: ("agrees but for a convention", "agree but for a convention"),
    NOT_JUDGED: ("is not judged", "are not judged"),
}
ZERO_REFERENCE = "the reference is zero, so that zeros would pass"
ROUNDING = "rounding may exceed the value"
EMPTY = "it has no elements"


class Worst(NamedTuple):
    """The element that is farther from the reference than any other, in units of what is allowed there."""

    at: tuple[int, ...]
    ours: float
    reference: float


@dataclass(frozen=True)
class Comparison:
    """One quantity, ours against torch's. `ratio` is the largest difference in units of what is allowed there.

    `cause` is the likely cause of a difference, where there is a certain one (see diagnosis/); `reason` says in words
    what no number can; `tolerance` whether what is allowed is derived or measured, where both happen; `worst` is of
    what differs in numbers.
    """

    place: str
    quantity: str
    dtype: str
    shape: tuple[int, ...]
    difference: float
    ratio: float
    verdict: str
    cause: str = ""
    reason: str = ""
    worst: Worst | None = None
    tolerance: str = ""

    @property
    def agrees(self) -> bool:
        """Whether ours may stand for the reference, without a remark."""
        return self.verdict == AGREES

    @property
    def differs(self) -> bool:
        """Whether only wrong code gives this."""
        return self.verdict == DIFFERS

    @property
    def said(self) -> str:
        """The verdict and its reason."""
        return f"{self.verdict}: {self.reason}" if self.reason else self.verdict


def explained(comparison: Comparison, cause: str) -> Comparison:
    """A difference with its cause; one that is a convention is no longer a difference."""
    verdict = CONVENTION if cause.startswith("a convention: ") else comparison.verdict
    return replace(comparison, cause=cause, verdict=verdict)


def failing(comparisons: Sequence[Comparison], count: int) -> str:
    """Of so many comparisons, how many differ, are conventions, are not judged; any other word differs."""
    verdicts = Counter(c.verdict if c.verdict in SAID else DIFFERS for c in comparisons if not c.agrees)
    counted = [
        (f"{verdicts[v]:,}", one if verdicts[v] == 1 else many) for v, (one, many) in SAID.items() if verdicts[v]
    ]
    (number, said), *others = counted
    line = f"{number} of {count:,} comparison{'s' * (count != 1)} {said}"
    return " and ".join([line, *(f"{number} {said}" for number, said in others)])


def sentence(comparison: Comparison) -> str:
    """One comparison that does not agree, in a line."""
    line = f"{comparison.place}, {comparison.quantity}: {comparison.said}"
    return f"{line}; likely cause: {comparison.cause}" if comparison.cause else line


def compare(place: str, quantity: str, ours: Any, reference: Any, allowed: Any, moved: Any = None) -> Comparison:
    """Compare one array with its reference; `allowed` is how far a right value may be from it.

    `moved` is what a right value is told from, where that is not 0: for a quantity that a step changes, how far the
    reference came. A tolerance as large as the whole way would let parameters pass that were never updated.
    """
    is_missing = ours is None
    ours, reference = (_array(a) for a in (ours, reference))
    about = (place, quantity, _name(reference.dtype), reference.shape)
    apart = (*about, np.inf, np.inf, DIFFERS)
    if is_missing:
        return Comparison(*apart, reason="missing")
    if ours.shape != reference.shape:
        return Comparison(*apart, reason=f"shape {ours.shape}, expected {reference.shape}")
    if ours.dtype != reference.dtype:
        return Comparison(*apart, reason=f"dtype {ours.dtype}, expected {reference.dtype}")
    if at := _nan_alone(ours, reference, allowed):
        return Comparison(*apart, reason=at)
    settled = _settled(ours, reference)
    unequal = (ours != reference) & ~settled
    largest = ratio = 0.0
    if some(unequal):
        limit = np.broadcast_to(allowed, reference.shape)[unequal]
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):  # of 0; ∞ − ∞; far more than allowed
            difference = np.abs(np.subtract(ours[unequal], reference[unequal], dtype=np.float64))
            ratios = np.where(np.isfinite(limit), difference / limit, 0)
        largest, ratio = float(difference.max()), float(ratios.max())
        if not ratio <= 1:
            index = tuple(map(int, np.argwhere(unequal)[np.argmax(ratios)]))
            worst = Worst(index, float(ours[index]), float(reference[index]))
            return Comparison(*about, largest, ratio, DIFFERS, worst=worst)
    numbers = (*about, largest, ratio)
    if not reference.size:
        return Comparison(*numbers, NOT_JUDGED, reason=EMPTY)
    size = np.abs(reference if moved is None else moved)
    if not some((size > allowed) | np.isnan(size) | settled):
        return Comparison(*numbers, NOT_JUDGED, reason=ROUNDING if some(size) else ZERO_REFERENCE)
    if not every(np.isfinite(allowed) | settled):
        return Comparison(*numbers, NOT_JUDGED, reason=ROUNDING)
    return Comparison(*numbers, AGREES)


_name = cache(str)
"""A dtype's name, which NumPy puts together anew each time."""


def _settled(ours: np.ndarray[Any, Any], reference: np.ndarray[Any, Any]) -> Any:
    """Where both are NaN, or the same infinity: no rounding leads there."""
    finite = np.isfinite(reference)
    return np.False_ if every(finite) else ~finite & ((ours == reference) | _nan(ours) & _nan(reference))


def _nan(array: np.ndarray[Any, Any]) -> Any:
    return np.isnan(array) if array.dtype.kind in "fc" else np.False_


def _nan_alone(ours: np.ndarray[Any, Any], reference: np.ndarray[Any, Any], allowed: Any) -> str:
    """Where one of the two is NaN, the other is not, and a right value is bounded; "" where there is no such place."""
    alone = _nan(ours) != _nan(reference)
    if not some(alone) or not some(alone := alone & np.isfinite(allowed)):
        return ""
    at = tuple(map(int, np.argwhere(alone)[0]))
    return f"{ours[at]}, expected {reference[at]}, at index {at}" if at else f"{ours}, expected {reference}"


def _array(values: Any) -> Any:
    """An array, of a tensor, too: torch is loaded where there is one."""
    if isinstance(values, np.ndarray) or not hasattr(values, "detach"):
        return np.asarray(values)
    from torch_ref.twins import to_numpy

    return to_numpy(values)
