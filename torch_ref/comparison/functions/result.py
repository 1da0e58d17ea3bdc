"""The result of a check: a table to read, and JSON to keep."""

import json
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from torch_ref.comparison.parity import Parity
from torch_ref.comparison.verdict import (
    AGREES,
    CONVENTION,
    DIFFERS,
    EMPTY,
    NOT_JUDGED,
    ROUNDING,
    ZERO_REFERENCE,
    Comparison,
    failing,
    sentence,
)
from torch_ref.tables import columns

ELSEWHERE = "other numbers"
"""The name of the trial at these."""
PLACES = "none"
"""The tolerance where only the places of what is not a number are compared."""
EQUAL = "equal"
"""The tolerance where every number is the reference's: which it is does not matter, and it is not made."""
NOT_NEEDED = "the tolerance is not needed: every float is the reference's"
SHOWN = 12
"""Failing comparisons in a failure's message."""
HEAD = ("where", "quantity", "dtype", "shape", "difference", "of allowed", "tolerance", "verdict", "likely cause")


@dataclass
class Checked(Parity):
    """The comparisons of a check, in the order in which they were made.

    `measured` says of each quantity without a derived tolerance why it has none; `not_offered` what the function does
    not offer, and its own words. What rounding leaves open in one trial is not judged there, and is no failure where
    the same quantity agrees in another. `strict` counts a convention, and what is not offered, as a failure.
    """

    measured: dict[str, str] = field(default_factory=dict)
    not_offered: dict[str, str] = field(default_factory=dict)
    seed: int = 0
    strict: bool = False

    @property
    def agrees(self) -> bool:
        """Whether there are comparisons, and none of them fails."""
        return bool(self.comparisons) and not self.failing and not (self.strict and self.not_offered)

    @property
    def failing(self) -> list[Comparison]:
        """The comparisons that fail."""
        fine = (AGREES,) if self.strict else (AGREES, CONVENTION)
        open_ = [id(c) for c in self.left_open]
        return [c for c in self.comparisons if c.verdict not in fine and id(c) not in open_]

    @property
    def first(self) -> Comparison | None:
        """The first comparison that fails."""
        return next(iter(self.failing), None)

    @property
    def left_open(self) -> list[Comparison]:
        """What is not judged in one trial, as rounding may exceed it, of a quantity that agrees in another."""
        known = {c.quantity for c in self.comparisons if c.agrees and c.tolerance != PLACES}
        return [c for c in self.comparisons if c.reason == ROUNDING and c.quantity in known]

    @property
    def word(self) -> str:
        """The verdict, one of the four words."""
        if any(c.differs for c in self.failing):
            return DIFFERS
        if self.failing or not self.comparisons:
            return NOT_JUDGED if not self.strict or any(c.verdict == NOT_JUDGED for c in self.failing) else DIFFERS
        return CONVENTION if any(c.verdict == CONVENTION for c in self.comparisons) else AGREES

    @property
    def verdict(self) -> str:
        """A line as for any comparisons; what is left open; what is not offered; where the tolerance is from."""
        open_ = self.left_open
        lines = [self._counted(len(self.comparisons) - len(open_))]
        if open_:
            lines.append(f"{len(open_)} more are not judged, as {ROUNDING}; their quantities agree elsewhere")
        if self.not_offered:
            lines.append("not offered: " + "; ".join(f"{name} ({why})" for name, why in self.not_offered.items()))
        return "\n".join([*lines, self.tolerance])

    def _counted(self, count: int) -> str:
        if not self.comparisons:
            return f"{NOT_JUDGED}: nothing is compared"
        if self.first is None:
            worst = max((c.ratio for c in self.comparisons if not c.differs), default=0.0)
            share = f"{100 * float(f'{worst:.2g}'):g}% of the rounding tolerance"
            line = f"{count:,} comparisons agree; the largest difference is {share}"
            conventions = sum(c.verdict == CONVENTION for c in self.comparisons)
            return f"{line}; {conventions} of them but for a convention" if conventions else line
        return f"{failing(self.failing, count)}; the first is {sentence(self.first)}"

    @property
    def tolerance(self) -> str:
        """Where it is from, and how many comparisons need none."""
        equal = self._count(EQUAL)
        same = f"; in {equal} of {len(self.comparisons)} comparisons every float is the reference's"
        return self.source + same * (self.source != NOT_NEEDED and equal > 0)

    @property
    def source(self) -> str:
        """Where the tolerance is from."""
        if not self.comparisons:
            return "there is no tolerance"
        if self._count(EQUAL) and not self.measured and not self._count("derived"):
            return NOT_NEEDED
        if not self.measured:
            return "the tolerance is derived"
        first, why = next(iter(self.measured.items()))
        others = f" and {len(self.measured) - 1} more" if len(self.measured) > 1 else ""
        return f"the tolerance of {first}{others} is measured: {why}"

    def _count(self, tolerance: str) -> int:
        return sum(c.tolerance == tolerance for c in self.comparisons)

    @property
    def failure(self) -> str:
        """What a failing test says: in one line, then the comparisons that fail, and how to see the trial again."""
        more = len(self.failing) - SHOWN
        rest = [f"… and {more} more"] if more > 0 else []
        first, *others = self.verdict.split("\n")
        return "\n".join([first, *_table(self.failing[:SHOWN]), *rest, *others, f"the seed is {self.seed}"])

    def json(self) -> str:
        """All of it."""
        whole = asdict(self) | {"verdict": self.word, "agrees": self.agrees, "tolerance": self.tolerance}
        return json.dumps({k: v for k, v in whole.items() if k not in ("distance", "nans")}, default=str)

    def __str__(self) -> str:
        return "\n".join([*_table(self.comparisons), self.verdict])


def _table(comparisons: list[Comparison]) -> list[str]:
    rows: list[tuple[Any, ...]] = [HEAD] + [
        (c.place, c.quantity, c.dtype, str(c.shape), _number(c.difference, ".1e"), _number(c.ratio, ".2g"), c.tolerance,
         c.said, c.cause)
        for c in comparisons
    ]  # fmt: skip
    return [*columns(rows if any(c.cause for c in comparisons) else [row[:-1] for row in rows])]


def _number(x: float, digits: str) -> str:
    """A distance; "" where nothing could be subtracted, or divided."""
    return f"{x:{digits}}" if np.isfinite(x) else ""


def judged(comparisons: list[Comparison]) -> list[Comparison]:
    """The comparisons, where a reference of zeros tells nothing against a quantity that elsewhere agrees with another
    one, or is 0 at other numbers, too, nor where nothing is rounded: of integers, and of no elements."""
    known = {c.quantity for c in comparisons if c.verdict in (AGREES, CONVENTION) and c.tolerance != PLACES}
    known |= {c.quantity for c in comparisons if c.reason == ZERO_REFERENCE and c.place.endswith(ELSEWHERE)}
    settled: list[Comparison] = []
    for c in comparisons:
        if c.reason == EMPTY:
            c = replace(c, verdict=AGREES, reason="")  # in shape and dtype, which is all that there is
        elif c.reason == ZERO_REFERENCE and c.verdict == NOT_JUDGED:
            agrees = c.quantity in known or not c.dtype.startswith(("float", "bfloat"))
            c = replace(c, verdict=AGREES, reason="") if agrees else replace(c, reason=f"{c.reason}, on every input")
        settled.append(c)
    return settled
