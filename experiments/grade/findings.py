"""What a check found out: a row for each quantity, a finding for each piece, a report for each file.

Rows have the four verdicts of every comparison (torch_ref/comparison/verdict.py). A finding may also be not judged as a
whole: what was not run, not recognised or not compared never counts as agreement.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from experiments.shared.printable import printable
from manual.numbers.number_types import Array
from torch_ref.comparison.verdict import AGREES, CONVENTION, DIFFERS, NOT_JUDGED, Comparison


@dataclass
class Row:
    """One quantity: the worst of its comparisons. `ratio` is the difference in units of what is allowed.

    `reason` says in words what no number can; `remark` what does not make it wrong. Of a difference in numbers, `ours`
    and `expected` are those at the `index` that is farthest off, on `inputs`. `line` is that of the file which makes
    the quantity, and `hint` what to look at.
    """

    quantity: str
    verdict: str
    difference: float = np.inf
    ratio: float = np.inf
    cause: str = ""
    reason: str = ""
    remark: str = ""
    index: list[int] | None = None
    ours: float | None = None
    expected: float | None = None
    inputs: str = ""
    line: int | None = None
    hint: str = ""

    @property
    def agrees(self) -> bool:
        """Whether a right backward gives this, as a convention or with a remark, too."""
        return self.verdict in (AGREES, CONVENTION)

    @property
    def differs(self) -> bool:
        """Whether only a wrong one does; a quantity may also be such that nothing can be said."""
        return self.verdict == DIFFERS

    @property
    def said(self) -> str:
        """The verdict, its reason and the remark."""
        return "; ".join(filter(None, [f"{self.verdict}: {self.reason}" if self.reason else self.verdict, self.remark]))


@dataclass
class Finding:
    """What was found out about one piece. `not_judged` says why it was not judged, or not wholly; `points`
    are those that it is worth."""

    name: str
    form: str
    against: str = ""
    tolerance: str = "derived"
    not_judged: str = ""
    rows: list[Row] = field(default_factory=list)
    points: float = 1.0


@dataclass
class Report:
    """What was found out about one file. `why`, if nothing of it can be judged, is said in one line; `left_out` is what
    of it was not run; `died` whether the process that ran it did, so that another run may tell more.
    """

    file: str
    findings: list[Finding]
    why: str = ""
    left_out: list[str] = field(default_factory=list)
    died: bool = False

    def __post_init__(self) -> None:
        self.file = printable(self.file)

    @property
    def rows(self) -> list[Row]:
        return [row for finding in self.findings for row in finding.rows]

    @property
    def status(self) -> int:
        """0: all agree; 1: something differs; 2: something was not judged."""
        if any(row.differs for row in self.rows):
            return 1
        return (
            0
            if self.rows and all(row.agrees for row in self.rows) and not any(f.not_judged for f in self.findings)
            else 2
        )

    @property
    def result(self) -> str:
        """The verdict on the whole file, in one of the four words."""
        conventions = any(row.verdict == CONVENTION for row in self.rows)
        return (CONVENTION if conventions else AGREES, DIFFERS, NOT_JUDGED)[self.status]

    @property
    def verdict(self) -> str:
        """One line."""
        rows = [(f"{f.name} {row.quantity}", row) for f in self.findings for row in f.rows]
        wrong = [name for name, row in rows if row.differs]
        said = [f"{len(wrong)} of {len(rows)} quantities differ: {', '.join(wrong)}"] if wrong else []
        if left := self._not_judged:
            right = [f for f in self.findings if f.rows and not f.not_judged and all(row.agrees for row in f.rows)]
            said += [f"{len(right)} of {len(self.findings)} pieces agree"] * (len(self.findings) > 1) + left
        if not said:
            how = [f"{name} by {row.cause}" for name, row in rows if row.verdict == CONVENTION]
            how += [f"{name} {row.remark}" for name, row in rows if row.remark]
            said = [f"all {len(rows)} quantities agree", *how]
        return printable(self.why or "; ".join(said))

    @property
    def _not_judged(self) -> list[str]:
        """What was not judged, by the reason, whatever line it arose in."""
        found = [(f"{f.name} {row.quantity}", row.said) for f in self.findings for row in f.rows]
        found += [(f.name, f"{NOT_JUDGED}: {f.not_judged}") for f in self.findings if f.not_judged]
        whose: dict[str, list[str]] = {}
        for name, said in found:
            if said.startswith(NOT_JUDGED):
                whose.setdefault(LINE.sub("", said), []).append(name)
        return [f"{', '.join(names)} {said}" for said, names in whose.items()]


LINE = re.compile(" in line [0-9]+")
FITS = 40
"""Numbers of an input that is shown whole."""


def inputs_text(inputs: dict[str, Array]) -> str:
    """An input, whole where it fits."""
    return "; ".join(f"{name} = {_array(a)}" for name, a in inputs.items())


def _array(a: Array) -> str:
    if a.size > FITS:
        return f"{a.dtype} {a.shape}"
    return " ".join(np.array2string(a, precision=3, max_line_width=10_000, separator=", ").split())


def strictly(report: Report) -> Report:
    """The report by the measure of --strict: a convention differs, and so does what has a remark."""
    return replace(report, findings=[replace(f, rows=[*map(_strict, f.rows)]) for f in report.findings])


def _strict(row: Row) -> Row:
    if row.verdict == CONVENTION or (row.agrees and row.remark):
        return replace(row, verdict=DIFFERS, reason=row.reason or row.remark, remark="")
    return row


def rows_of(comparisons: Iterable[Comparison]) -> Iterator[Row]:
    """One row a quantity, in the order in which they came: the worst of its comparisons.

    What differs is worse than what was not judged, that than a convention, and that than the largest difference.
    """
    cases: dict[str, list[Comparison]] = {}
    for c in comparisons:
        cases.setdefault(c.quantity, []).append(c)
    for quantity, found in cases.items():
        worst = next((c for verdict in (DIFFERS, NOT_JUDGED, CONVENTION) for c in found if c.verdict == verdict), None)
        if worst is None:
            best = max(found, key=lambda c: c.ratio)
            yield Row(quantity, AGREES, best.difference, best.ratio)
            continue
        places = [worst.place] if worst.place else []
        if worst.dtype == "float32" and all(c.agrees for c in found if c.dtype == "float64"):
            places += ["in float32 alone"] * any(c.dtype == "float64" for c in found)
        reason = worst.reason or "it is not finite" * (worst.differs and not np.isfinite(worst.difference))
        reason = ", ".join(filter(None, [reason, *places]))
        row = Row(quantity, worst.verdict, worst.difference, worst.ratio, worst.cause, reason)
        if worst.worst is not None:
            row.index, row.ours, row.expected = [*worst.worst.at], worst.worst.ours, worst.worst.reference
        yield row
