"""The comparisons of one run, in order: its verdict, and the table that it prints as."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from manual.numbers.number_types import Array
from torch_ref.comparison.verdict import (
    AGREES,
    NOT_JUDGED,
    ROUNDING,
    ZERO_REFERENCE,
    Comparison,
    compare,
    explained,
    failing,
    sentence,
)
from torch_ref.diagnosis import Case, diagnose
from torch_ref.tables import columns
from torch_ref.truth.zero_reference import ZERO


@dataclass
class Parity:
    """The comparisons of one run, in the order in which the quantities arise. Printed, it is a table.

    `distance`, of a training run, is how far apart the two are after each step when both run freely: the largest
    difference of a parameter. It is reported, not gated. `nans` names what was given with a NaN in it: there both
    sides are to have NaN.
    """

    device: str
    comparisons: list[Comparison] = field(default_factory=list)
    distance: list[float] = field(default_factory=list)
    nans: list[str] = field(default_factory=list)

    @property
    def agrees(self) -> bool:
        """Whether there are comparisons, and all of them agree."""
        return bool(self.comparisons) and self.first is None

    @property
    def first(self) -> Comparison | None:
        """The first comparison that does not agree: where to look."""
        return next((c for c in self.comparisons if not c.agrees), None)

    @property
    def verdict(self) -> str:
        """One line: how many comparisons agree, or what does not, first; and where an input has a NaN."""
        return "; ".join([self._verdict, *self.nans])

    @property
    def _verdict(self) -> str:
        if self.first is None:
            worst = float(f"{max((c.ratio for c in self.comparisons), default=0.0):.2g}")
            return (
                f"{len(self.comparisons):,} comparisons agree; the largest difference is "
                f"{100 * worst:g}% of the rounding tolerance"
            )
        return f"{failing(self.comparisons, len(self.comparisons))}; the first is {sentence(self.first)}"

    def add(self, place: str, quantity: str, ours: Any, reference: Any, allowed: Any, moved: Any = None) -> None:
        """Compare one quantity (see `compare`)."""
        self.comparisons.append(compare(place, quantity, ours, reference, allowed, moved))

    def name_nans(self, place: str, given: dict[str, Array]) -> bool:
        """Name the first NaN of each array that a piece is given; whether there is one."""
        before = len(self.nans)
        for name, array in given.items():
            if array.dtype.kind == "f" and np.isnan(array).any():
                self.nans.append(f"{place}: {name} has NaN at {tuple(map(int, np.argwhere(np.isnan(array))[0]))}")
        return len(self.nans) > before

    def not_judged(self, place: str, why: object, quantity: str = "all") -> None:
        """Add that a piece, or a quantity of it, could not be judged."""
        self.comparisons.append(Comparison(place, quantity, "", (), 0, 0, NOT_JUDGED, reason=str(why)))

    def add_all(self, place: str, case: Case, zero: Callable[[str], str] | None = None) -> None:
        """Compare the quantities of one piece, and look for the cause where they differ. `zero(quantity)` says why a
        gradient need not be 0, and "" where it is certified that it is: then zeros to within the tolerance agree.
        """
        for quantity, (ours, theirs, allowed) in case.compared.items():
            moved = theirs - case.before[quantity] if quantity in case.before else None
            comparison = compare(place, quantity, ours, theirs, allowed, moved)
            if (
                zero
                and comparison.reason in (ZERO_REFERENCE, ROUNDING)
                and np.isfinite(allowed).all()
                and not zero(quantity)
            ):
                comparison = replace(comparison, verdict=AGREES, reason=ZERO)
            if comparison.differs:
                comparison = explained(comparison, diagnose(case, quantity))
            self.comparisons.append(comparison)

    def __str__(self) -> str:
        rows = [("where", "quantity", "dtype", "shape", "difference", "of allowed", "verdict", "likely cause")] + [
            (c.place, c.quantity, c.dtype, str(c.shape), f"{c.difference:.1e}", f"{c.ratio:.2g}", c.said, c.cause)
            for c in self.comparisons
        ]
        if not any(c.cause for c in self.comparisons):
            rows = [row[:-1] for row in rows]
        return "\n".join([*columns(rows), self.verdict])
