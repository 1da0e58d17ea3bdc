"""Reports as the systems read them that courses and builds use: Gradescope's results.json, JUnit's XML, CSV.

The status of a command that writes one of these for a system says that it was written: the verdict is in it.
"""

import json
from collections.abc import Iterator
from typing import NamedTuple
from xml.sax.saxutils import quoteattr

from experiments.grade.findings import Finding, Report
from experiments.grade.shown.overview import Student, share, spreadsheet
from experiments.grade.shown.words import came, factor, line
from experiments.shared.printable import printable
from torch_ref.comparison.verdict import NOT_JUDGED

VISIBLE = {"visibility": "visible"}


class Test(NamedTuple):
    """One piece as a test: its points, and what is said of it."""

    name: str
    result: str
    score: float
    points: float
    output: str


def tests(report: Report) -> Iterator[Test]:
    """A test for each piece; one that is not earned where nothing could be judged."""
    for finding in report.findings:
        result = Report(report.file, [finding]).result
        yield Test(finding.name, result, share(finding) * finding.points, finding.points, said(finding))
    if not report.findings:
        yield Test(report.file, NOT_JUDGED, 0.0, 1.0, report.verdict)


def said(finding: Finding) -> str:
    """A line for each quantity, and for why the piece was not judged."""
    lines = [f"{NOT_JUDGED}: {finding.not_judged}"] if finding.not_judged else []
    for row in finding.rows:
        see = f"see {line(row)}" if line(row) else ""
        parts = [f"{row.quantity} {row.said}", came(row), factor(row.cause), row.hint, see]
        lines.append("; ".join(filter(None, parts)))
    return "\n".join(map(printable, lines))


def gradescope(report: Report) -> str:
    """Its results.json: https://gradescope-autograders.readthedocs.io/en/latest/specs/"""
    found = [
        {
            "name": printable(t.name),
            "score": t.score,
            "max_score": t.points,
            "output": t.output,
            "visibility": "visible",
        }
        for t in tests(report)
    ]
    return json.dumps({"output": report.verdict, "tests": found} | VISIBLE, indent=2) + "\n"


def junit(report: Report) -> str:
    """A suite of the file, a test of each piece: a failure if something differs, an error if it was not judged."""
    found = [*tests(report)]
    bad = [t for t in found if t.result == "differs"]
    open_ = [t for t in found if t.result == NOT_JUDGED]
    lines = ['<?xml version="1.0" encoding="UTF-8"?>']
    counts = f'tests="{len(found)}" failures="{len(bad)}" errors="{len(open_)}"'
    lines.append(f"<testsuite name={quoteattr(report.file)} {counts}>")
    for t in found:
        kind = "failure" if t in bad else "error" if t in open_ else ""
        inner = f"<{kind} message={quoteattr(t.output)}/>" if kind else ""
        lines.append(
            f"  <testcase classname={quoteattr(report.file)} name={quoteattr(printable(t.name))}>{inner}</testcase>"
        )
    return "\n".join([*lines, "</testsuite>", ""])


def as_csv(report: Report) -> str:
    """The row that the file has in a class."""
    return spreadsheet([Student(report.file, "", report)])
