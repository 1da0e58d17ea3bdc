"""Two records side by side, what differs first: as text, and as a page.

Comparisons are matched by what was compared. A device that only one of the records has is held against the first of
the other, so that a run on a GPU is held against one on a CPU.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, isnan
from typing import Any, NamedTuple

from experiments.bench.clock import brief
from experiments.report.page.formats import ratio, scientific
from experiments.report.page.template import render
from experiments.report.record.json_record import Record, Speed
from torch_ref import Comparison
from torch_ref.tables import columns

LINES, ROWS, WIDTH = 10, 100, 44
"""How much of a table is shown: lines of the text, rows of the page; how wide a cell of the text is."""


class Both(NamedTuple):
    """One comparison that is in both records. `device` names that of each."""

    subject: str
    device: str
    a: Comparison
    b: Comparison

    @property
    def worse(self) -> bool:
        return failure(self.b) > failure(self.a)

    @property
    def distance(self) -> float:
        """How far the ratio moved, in units of what is allowed."""
        if repr(self.a.ratio) == repr(self.b.ratio):
            return 0.0
        distance = abs(self.b.ratio - self.a.ratio)
        return inf if isnan(distance) else distance


class Alone(NamedTuple):
    """Comparisons of one subject that one record has alone."""

    record: str
    kind: str
    subject: str
    dtype: str
    device: str
    comparisons: int
    fail: int

    @property
    def worse(self) -> int:
        """How many of them make B worse than A: what B lacks, and what fails there only."""
        return self.comparisons if self.record == "A" else self.fail


class Value(NamedTuple):
    """What else the records have under one name; None where one has nothing."""

    name: tuple[str, ...]
    a: Any
    b: Any


class Line(NamedTuple):
    """A row of a table; `bad` if it is what a reader must see."""

    cells: Sequence[str]
    bad: bool = False


class Table(NamedTuple):
    """What is shown, on the terminal and on the page. `what` is the same if there is no line; `numbers` are columns
    of them."""

    title: str
    what: str
    head: Sequence[str]
    numbers: Sequence[str]
    lines: Sequence[Line]


@dataclass(frozen=True)
class Difference:
    """What two records differ in, each kind the worst first. What is in `verdicts` is not in `moved`."""

    compared: int
    verdicts: list[Both]
    alone: list[Alone]
    moved: list[Both]
    trained: int
    results: list[Value]
    environment: list[Value]
    speeds: list[Value]

    @property
    def verdict(self) -> str:
        """One line: what makes B worse, then what else differs."""
        if not self.compared:
            return "the two have no comparison in common"
        worse = sum(both.worse for both in self.verdicts) + sum(one.worse for one in self.alone if one.record == "B")
        said = [f"{counted(worse, 'verdict')} got worse" if worse else "no verdict got worse"]
        for record, meaning in (("A", ", which counts as worse"), ("B", "")):
            if n := sum(one.comparisons for one in self.alone if one.record == record):
                said.append(f"{counted(n, 'comparison')} {'is' if n == 1 else 'are'} in {record} alone{meaning}")
        changed = len(self.verdicts) + len(self.moved)
        said.append(f"of {counted(self.compared, 'comparison')} in both, {changed:,} changed")
        if n := len(self.results):
            said.append(f"{n:,} of {self.trained:,} training results {'differs' if n == 1 else 'differ'}")
        return "; ".join(said)

    @property
    def status(self) -> int:
        """0 if no verdict got worse and B lacks no comparison, else 1; 1 where nothing could be compared."""
        return int(not self.compared or any(one.worse for one in (*self.verdicts, *self.alone)))

    @property
    def tables(self) -> list[Table]:
        """Everything, the gravest kind first."""
        what = ("subject", "quantity", "dtype", "device", "where")
        cause = ("likely cause",) if any(both.b.cause for both in self.verdicts) else ()
        ratios = ("A, of allowed", "B, of allowed")
        return [
            Table("Verdicts", "verdicts", ("A", "B", *ratios, *what, *cause), ratios, [
                Line((both.a.said, both.b.said, *sizes(both), *about(both), *[both.b.cause for _ in cause]), both.worse)
                for both in self.verdicts
            ]),
            Table("In one of the two", "what was compared",
                  ("run", "kind", "subject", "dtype", "device", "comparisons", "that fail"),
                  ("comparisons", "that fail"),
                  [Line((*one[:5], f"{one.comparisons:,}", f"{one.fail:,}"), one.worse > 0) for one in self.alone]),
            Table("Differences in units of what is allowed, where the verdict is the same", "differences",
                  ("A", "B", *what), ("A", "B"),
                  [Line((*sizes(both), *about(both)), failure(both.b) == 2) for both in self.moved]),
            Table("What training ended with", "training results",
                  ("A", "B", "apart by", "network", "implementation", "seed", "quantity"), ("A", "B", "apart by"),
                  [Line((number(value.a), number(value.b), apart_by(value), *value.name)) for value in self.results]),
            Table("Made with", "environment", ("", "A", "B"), (),
                  [Line((*value.name, value.a or "–", value.b or "–")) for value in self.environment]),
            Table("Speed: torch’s time for a training step over manual’s", "speed", ("network", "A", "B"), ("A", "B"),
                  [Line((*value.name, times(value.a), times(value.b))) for value in self.speeds]),
        ]  # fmt: skip

    @property
    def same(self) -> str:
        """What does not differ, in one line; "" if all does."""
        same = ", ".join(table.what for table in self.tables if not table.lines)
        return same and f"The same: {same}."


def difference(a: Record, b: Record) -> Difference:
    """Compare two records."""
    ours, theirs = named(a), named(b)
    pairs = [
        (one, other)
        for own, its in devices(a, b)
        for one in ours
        if one[0] == own and (other := (its, *one[1:])) in theirs
    ]
    trained = values(results(a), results(b))
    both = [
        Both(one[2], " and ".join(dict.fromkeys([one[0], other[0]])), ours[one], theirs[other]) for one, other in pairs
    ]
    paired = {key for pair in pairs for key in pair}
    return Difference(
        compared=len(both),
        verdicts=sorted((pair for pair in both if pair.a.said != pair.b.said), key=lambda pair: not pair.worse),
        alone=[*alone("A", ours, paired), *alone("B", theirs, paired)],
        moved=sorted(
            (pair for pair in both if pair.distance and pair.a.said == pair.b.said), key=lambda pair: -pair.distance
        ),
        trained=len(trained),
        results=sorted((v for v in trained if v.a != v.b), key=lambda v: -gap(v)),
        environment=[v for v in values(made(a), made(b)) if v.a != v.b],
        speeds=[v for v in values(speeds(a), speeds(b)) if v.a != v.b],
    )


def named(record: Record) -> dict[tuple[Any, ...], Comparison]:
    """Every comparison under its device, kind, subject, dtypes, place, quantity and shape, and which of these it is."""
    seen: Counter[tuple[Any, ...]] = Counter()
    found = {}
    for row in record.rows:
        for c in row.parity.comparisons:
            key = (row.parity.device, row.kind, row.subject, row.dtype, c.place, c.quantity, c.dtype, c.shape)
            found[*key, seen[key]] = c
            seen[key] += 1
    return found


def devices(a: Record, b: Record) -> list[tuple[str, str]]:
    """Which device of the one is held against which of the other."""
    ours, theirs = ([*dict.fromkeys(row.parity.device for row in record.rows)] for record in (a, b))
    if not ours or not theirs:
        return []
    pairs = [(d, d if d in theirs else theirs[0]) for d in ours] + [(d if d in ours else ours[0], d) for d in theirs]
    return [*dict.fromkeys(pairs)]


def alone(record: str, comparisons: dict[tuple[Any, ...], Comparison], paired: set[tuple[Any, ...]]) -> list[Alone]:
    """The comparisons that were paired with none, by what they are of."""
    counts: Counter[tuple[str, ...]] = Counter()
    fails: Counter[tuple[str, ...]] = Counter()
    for key, c in comparisons.items():
        if key not in paired:
            device, kind, subject, dtype, *_ = key
            counts[kind, subject, dtype, device] += 1
            fails[kind, subject, dtype, device] += not c.agrees
    return [
        Alone(record, kind, subject, dtype, device, n, fails[kind, subject, dtype, device])
        for (kind, subject, dtype, device), n in counts.items()
    ]


def values(a: dict[tuple[str, ...], Any], b: dict[tuple[str, ...], Any]) -> list[Value]:
    """What is in either, by name."""
    return [Value(name, a.get(name), b.get(name)) for name in {**a, **b}]


def made(record: Record) -> dict[tuple[str, ...], str]:
    """What a record was made with, by name."""
    return {(name,): value for name, value in record.made.items()}


def speeds(record: Record) -> dict[tuple[str, ...], Speed]:
    """How long torch takes for a step, of manual's time, by network."""
    return {(speed.workload,): speed for speed in record.speeds}


def results(record: Record) -> dict[tuple[str, ...], float]:
    """What its training runs came to, by network, implementation, seed and quantity."""
    return {(r.network, r.implementation, str(r.seed), r.quantity): r.value for r in record.results}


def failure(c: Comparison) -> int:
    """How bad a verdict is: it agrees, it says nothing, it differs."""
    return 0 if c.agrees else 1 if c.ratio <= 1 else 2


def about(both: Both) -> tuple[str, ...]:
    """Which comparison it is, as the first cells of a row."""
    return both.subject, both.a.quantity, both.a.dtype, both.device, both.a.place


def sizes(both: Both) -> tuple[str, str]:
    """The differences in A and in B, in units of what is allowed."""
    return ratio(both.a.ratio), ratio(both.b.ratio)


def counted(n: int, what: str) -> str:
    """`1 verdict`, `2 verdicts`."""
    return f"{n:,} {what}{'s' * (n != 1)}"


def times(speed: Speed | None) -> str:
    """A speed between its quartiles."""
    return f"{brief(speed.median)} ({brief(speed.q1)}–{brief(speed.q3)})" if speed else "–"


def number(value: float | None) -> str:
    """A result in six digits; – where there is none."""
    return "–" if value is None else f"{value:.6g}"


def gap(value: Value) -> float:
    """How far two results are apart; what one has not comes first."""
    return inf if value.a is None or value.b is None or isnan(value.a - value.b) else abs(value.a - value.b)


def apart_by(value: Value) -> str:
    """How far two results are apart, in words of a table."""
    return "–" if gap(value) == inf else scientific(gap(value))


def text(found: Difference) -> str:
    """The tables that have lines, for a terminal, and what is the same."""
    return "\n".join([*[_table(table) for table in found.tables if table.lines], *[found.same] * (found.same != "")])


def _table(table: Table) -> str:
    cells = [[clipped(cell) for cell in row] for row in (table.head, *[line.cells for line in table.lines[:LINES]])]
    rows = [f"  {row}" for row in columns(cells)]
    more = [f"  and {len(table.lines) - LINES:,} more"] if len(table.lines) > LINES else []
    return "\n".join([table.title, *rows, *more, ""])


def clipped(cell: str) -> str:
    """A cell no wider than a terminal's column."""
    return cell if len(cell) <= WIDTH else f"{cell[: WIDTH - 1]}…"


def page(names: Sequence[str], records: Sequence[Record], found: Difference) -> str:
    """The tables as HTML; `names` are those of the two files."""
    return render("compare.html", runs=[*zip("AB", names, records, strict=True)], found=found, rows=ROWS)
