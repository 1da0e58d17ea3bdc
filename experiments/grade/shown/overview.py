"""A class in one view: a page of students by pieces, a spreadsheet, and how often each thing went wrong."""

import csv
import io
import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from experiments.grade.findings import Finding, Report
from experiments.grade.shown.words import SIGNS
from experiments.shared.printable import cell, printable
from experiments.shared.templates import templates
from torch_ref.comparison.verdict import NOT_JUDGED, VERDICTS

COLUMNS = 30
"""Of pieces, the commonest first, and where as many have each, those that somebody has wrong: a class in which each
student gives names of their own has no table."""


class Student(NamedTuple):
    """A name, that of the student's page without its suffix, and the report."""

    name: str
    page: str
    report: Report


class Mistake(NamedTuple):
    """What went wrong with some students' hand-ins."""

    what: str
    times: int
    example: Student


def spreadsheet(students: Sequence[Student]) -> str:
    """A row for each student, as CSV."""
    text = io.StringIO(newline="")
    rows = csv.writer(text)
    rows.writerow(["file", "result", "quantities", "differ", "verdict", "causes", "page", "score", "points"])
    for name, page, report in students:
        wrong = [row for row in report.rows if row.differs]
        causes = "; ".join(dict.fromkeys(row.cause for row in wrong if row.cause))
        score = round(sum(share(f) * f.points for f in report.findings), 2)
        cells = (
            name,
            report.result,
            len(report.rows),
            len(wrong),
            report.verdict,
            causes,
            f"{page}.html" if page else "",
            score,
        )
        cells = (*cells, sum(f.points for f in report.findings))
        rows.writerow([cell(c) if isinstance(c, str) else c for c in cells])
    return text.getvalue()


def overview(students: Sequence[Student]) -> str:
    """The class as one HTML file, which links to every student's."""
    pieces = Counter(name for student in students for name in {f.name for f in student.report.findings})
    wrong = {f.name for student in students for f in student.report.findings if any(row.differs for row in f.rows)}
    columns = sorted(pieces, key=lambda name: (-pieces[name], name not in wrong, name))[:COLUMNS]
    return (
        templates(Path(__file__).parent)
        .get_template("overview.html")
        .render(
            students=students,
            columns=columns,
            left_out=len(pieces) - len(columns),
            verdict_on=_verdict_on,
            signs=SIGNS,
            counts=Counter(student.report.result for student in students),
            mistakes=mistakes(students),
            link=lambda student: f"{quote(os.fsencode(student.page))}.html",
        )
        + "\n"
    )


def share(finding: Finding) -> float:
    """Which part of a piece's quantities agrees; none of what was not judged as a whole."""
    rows = finding.rows
    return sum(row.agrees for row in rows) / len(rows) if rows and not finding.not_judged else 0.0


def _verdict_on(report: Report, piece: str) -> str:
    """The verdict on a piece; "" where the student has none of its name."""
    findings = [f for f in report.findings if f.name == piece]
    return Report(report.file, findings).result if findings else ""


def summary(students: Sequence[Student]) -> str:
    """How many students agree, and with how many each thing went wrong."""
    results = Counter(student.report.result for student in students)
    lines = [f"{mistake.times:5}  {printable(mistake.what)}" for mistake in mistakes(students)]
    return "\n".join(
        [f"{len(students)} students: " + ", ".join(f"{result} {results[result]}" for result in VERDICTS), *lines]
    )


def mistakes(students: Sequence[Student]) -> list[Mistake]:
    """What went wrong, the commonest first, with the first student whom it happened to."""
    found: dict[str, list[Student]] = {}
    for student in students:
        for what in {*_mistakes(student.report)}:
            found.setdefault(what, []).append(student)
    commonest_first = sorted(found.items(), key=lambda one: (-len(one[1]), one[0]))
    return [Mistake(what, len(whose), whose[0]) for what, whose in commonest_first]


LINES = re.compile(r"line [0-9]+( or line [0-9]+)?: | \(line [0-9]+( or line [0-9]+)?\)")
"""What of a cause is of one file alone."""


def _mistakes(report: Report) -> Iterator[str]:
    """What went wrong: the cause, or else the verdict, without what is of one file alone."""
    if report.why:
        yield report.why.removeprefix(f"{NOT_JUDGED}: ").split(";")[0]
        return
    for finding in report.findings:
        yield from _mistakes_in(finding)


def _mistakes_in(finding: Finding) -> Iterator[str]:
    if finding.not_judged:
        yield f"{finding.name}: {NOT_JUDGED}: {finding.not_judged.split(';')[0]}"
    for row in finding.rows:
        if not row.agrees:
            said = re.sub(r" in line [0-9]+.*", "", row.said)
            cause = LINES.sub("", row.cause) or f"{row.quantity} {said}"
            yield cause if row.cause and not row.cause.startswith("line ") else f"{finding.name}: {cause}"
