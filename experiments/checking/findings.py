"""What a check found out: a row for each quantity, a finding for each piece, a report for each file."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np

from torch_ref import Comparison


@dataclass
class Row:
    """One quantity: the worst of its comparisons. `ratio` is the difference in units of what is allowed."""

    quantity: str
    verdict: str
    difference: float = np.inf
    ratio: float = np.inf
    cause: str = ""

    @property
    def agrees(self) -> bool:
        return self.verdict == "agrees"


@dataclass
class Finding:
    """What was found out about one piece."""

    name: str
    form: str
    against: str = ""
    tolerance: str = "derived"
    unchecked: str = ""
    rows: list[Row] = field(default_factory=list)


@dataclass
class Report:
    """What was found out about one file. `why`, if it cannot be checked, is said in one line."""

    file: str
    findings: list[Finding]
    why: str = ""

    @property
    def rows(self) -> list[Row]:
        return [row for finding in self.findings for row in finding.rows]

    @property
    def status(self) -> int:
        """0: all agree; 1: something differs; 2: something cannot be checked."""
        if not all(row.agrees for row in self.rows):
            return 1
        return 2 if not self.rows or any(f.unchecked for f in self.findings) else 0

    @property
    def verdict(self) -> str:
        """One line."""
        wrong = [f"{f.name} {row.quantity}" for f in self.findings for row in f.rows if not row.agrees]
        unchecked = [f"{f.name} cannot be checked: {f.unchecked}" for f in self.findings if f.unchecked]
        differ = [f"{len(wrong)} of {len(self.rows)} quantities fail: {', '.join(wrong)}"] if wrong else []
        return self.why or "; ".join([*differ, *unchecked]) or f"all {len(self.rows)} quantities agree"


def rows_of(comparisons: Iterable[Comparison]) -> Iterator[Row]:
    """One row a quantity, in the order in which they came: the first comparison that fails, or the largest difference."""
    cases: dict[str, list[Comparison]] = {}
    for c in comparisons:
        cases.setdefault(c.quantity, []).append(c)
    for quantity, found in cases.items():
        worst = next((c for c in found if not c.agrees), max(found, key=lambda c: c.ratio))
        verdict = worst.verdict
        if verdict == "differs":
            verdict = "differs" if np.isfinite(worst.difference) else "is not finite"
            if worst.dtype == "float32" and any(c.dtype == "float64" for c in found):
                verdict += ", in float32 alone"
        if not worst.agrees and worst.place:
            verdict += f" ({worst.place})"
        yield Row(quantity, verdict, worst.difference, worst.ratio, worst.cause)
