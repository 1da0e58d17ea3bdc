"""What the report comes to: the comparisons whose tolerance is derived, and the training curves, whose limit is
chosen."""

from collections.abc import Iterable
from typing import NamedTuple

from experiments.report.record.survey import TRAINING, Row, together
from torch_ref import Parity


class Summary(NamedTuple):
    """`derived`: whatever is given torch's own inputs, and held against what rounding allows. `curves`: two training
    runs that run freely, held against `runs.LIMIT`.
    """

    derived: Parity
    curves: Parity

    @property
    def agrees(self) -> bool:
        """Whether all comparisons agree, and no curve leaves its limit."""
        return self.derived.agrees and all(c.agrees for c in self.curves.comparisons)

    @property
    def about_curves(self) -> str:
        """How many curves stay within the limit, or which leaves it first."""
        curves, first = self.curves.comparisons, self.curves.first
        if first is None:
            return f"{len(curves):,} training curves stay within a chosen limit"
        wrong = sum(not c.agrees for c in curves)
        about = f"{first.place}, {first.quantity}: {first.said}"
        return f"{wrong:,} of {len(curves):,} training curves leave a chosen limit; the first is {about}"

    @property
    def verdict(self) -> str:
        """One line."""
        return f"{self.derived.verdict}; {self.about_curves}" if self.curves.comparisons else self.derived.verdict


def summary(rows: Iterable[Row]) -> Summary:
    """Tell the two apart."""
    rows = [*rows]
    return Summary(
        *(together("", [row.parity for row in rows if (row.kind == TRAINING) is free]) for free in (False, True))
    )
