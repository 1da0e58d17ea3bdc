"""What a check found out: a row for each quantity, a finding for each piece, a report for each file."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np

from experiments.printable import printable
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
        """Whether a right backward gives this."""
        return self.verdict == "agrees"

    @property
    def differs(self) -> bool:
        """Whether only a wrong one does; a quantity may also be such that nothing can be said."""
        return not self.agrees and not self.verdict.startswith(("cannot be judged", "undetermined"))


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

    def __post_init__(self) -> None:
        self.file = printable(self.file)

    @property
    def rows(self) -> list[Row]:
        return [row for finding in self.findings for row in finding.rows]

    @property
    def status(self) -> int:
        """0: all agree; 1: something differs; 2: something cannot be checked."""
        if any(row.differs for row in self.rows):
            return 1
        return 0 if self.rows and all(row.agrees for row in self.rows) and not any(f.unchecked for f in self.findings) else 2

    @property
    def verdict(self) -> str:
        """One line."""
        rows = [(f"{f.name} {row.quantity}", row) for f in self.findings for row in f.rows]
        wrong = [name for name, row in rows if row.differs]
        differ = [f"{len(wrong)} of {len(rows)} quantities fail: {', '.join(wrong)}"] if wrong else []
        open_ = [f"{name} {row.verdict}" for name, row in rows if not row.agrees and not row.differs]
        unchecked = [f"{f.name} cannot be checked: {f.unchecked}" for f in self.findings if f.unchecked]
        return printable(self.why or "; ".join([*differ, *open_, *unchecked]) or f"all {len(rows)} quantities agree")


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
