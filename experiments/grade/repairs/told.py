"""What a repair tells of a difference. That all agrees with it is judged here, on plain arrays, as every verdict is."""

from collections.abc import Iterator
from contextlib import suppress

from experiments.grade.errors import Failed, Fault
from experiments.grade.findings import Row
from experiments.grade.judging.checked_piece import CheckedPiece
from experiments.grade.process.answers import Observation, Repair
from experiments.grade.process.requests import DrawExamples, FindRepairs, ObserveExample, Repaired
from experiments.grade.process.sandbox import Sandboxed
from experiments.grade.repairs.wanted import wrong

MOST = 4
"""Repairs of a piece that are judged."""
OUTPUTS = ("y", "cost", "forward", "backward", "step")
"""Rows of what no change of a backward mends: its forward, and what its methods do besides."""


def tell_repairs(child: Sandboxed, found: list[CheckedPiece]) -> None:
    """Say of each piece that differs which single change of its text makes all of it agree, if there is one.

    It is the last that is asked of the file: what a changed one does to the process, no verdict sees.
    """
    others = [o.number for checked in found if _agrees(checked) for o in checked.observed]
    for checked in found:
        differing = [row for row in checked.finding.rows if row.differs]
        if differing and not checked.finding.not_judged and not any(row.quantity in OUTPUTS for row in differing):
            with suppress(Failed, Fault):
                if repairs := [*_repairs(child, checked, others)]:
                    _tell(differing, repairs)


def _agrees(checked: CheckedPiece) -> bool:
    return not checked.finding.not_judged and all(row.agrees for row in checked.finding.rows)


def _repairs(child: Sandboxed, checked: CheckedPiece, others: list[int]) -> Iterator[Repair]:
    """The repairs with which every observation of the piece has its truth, and every step is one by its rule.

    Raises:
        Failed: the changed file ends the process, or nothing can be observed.
    """
    child.begin()
    observed = checked.observed if checked.observed or checked.steps else [*_by_its_own_truth(child, checked.name)]
    asked = FindRepairs(checked.name, [o.number for o in observed], checked.steps, others)
    for number, repair in enumerate(child.ask(asked).found[:MOST]):
        now = [(child.ask(Repaired(number, o.number, None)).by, [o.truth]) for o in observed]
        for steps in checked.steps:
            by = child.ask(Repaired(number, -1, steps.asked)).by
            now.append((by, [{"next_w": wanted} for wanted in steps.wanted]))
        if all(any(not wrong(by, some) for some in wanted) for by, wanted in now):
            yield repair


def _by_its_own_truth(child: Sandboxed, piece: str) -> Iterator[Observation]:
    """Observations of a piece that is judged against torch."""
    for number in range(len(child.ask(DrawExamples(piece, seed=0)).examples)):
        found = child.ask(ObserveExample(piece, number))
        yield found if not found.undecided else child.ask(ObserveExample(piece, number, moved=1))


def _tell(rows: list[Row], repairs: list[Repair]) -> None:
    """The rows' cause: the likeliest repair, beside what is known to explain all of them alike.

    Of two lines that may be repaired alike, both are told.
    """
    repair = repairs[0]
    lines = sorted({other.line for other in repairs if other.kind == repair.kind and not other.is_name})
    where = " or ".join(f"line {n}" for n in (lines if len(lines) == 2 else [repair.line]))
    causes = {row.cause for row in rows}
    is_known = len(causes) == 1 and "" not in causes and " or " not in rows[0].cause
    for row in rows:
        row.line = repair.line
        told = f"{where}: {repair.kind}"
        beside = where if repair.kind in row.cause else told
        row.cause = f"{row.cause} ({beside})" if is_known and row.cause != repair.kind else told
        row.hint = f"With {repair.now} in place of {repair.was} all of it agrees" if repair.now else ""
