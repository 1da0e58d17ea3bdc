"""What was found, as a table, as CSV and as JSON."""

import csv
import json
from collections.abc import Iterator
from io import StringIO

from experiments.find.search import Finding, Search
from experiments.shared.printable import cell, printable
from torch_ref.tables import columns

YES = {True: "yes", False: "no"}


def summary(search: Search, findings: list[Finding]) -> str:
    """How many were found, in one line."""
    return f"{printable(search.positive)}: found in {sum(f.found for f in findings):,} of {len(findings):,} pictures"


def table(search: Search, findings: list[Finding]) -> Iterator[str]:
    """A row a picture; the last line is the summary."""
    heads = ("found", "file", "class", "probability", f"of {printable(search.positive)}")
    rows = [
        (
            YES[f.found],
            printable(f.file),
            printable(f.predicted),
            f"{f.probability:.4f}",
            f"{f.score:.4f}",
        )
        for f in findings
    ]
    yield from (f"{line}\n" for line in columns([heads, *rows]))
    yield f"{summary(search, findings)}\n"


def as_csv(_: Search, findings: list[Finding]) -> Iterator[str]:
    """A row a picture, in full precision; `sought` is the probability of the class that is looked for. Names are as in
    the table: a row is a line, whatever they hold, and nothing that a spreadsheet computes.
    """
    rows = [(cell(f.file), cell(f.predicted), f.probability, YES[f.found], f.score) for f in findings]
    text = StringIO()
    csv.writer(text, lineterminator="\n").writerows([("file", "class", "probability", "found", "sought"), *rows])
    yield text.getvalue()


def as_json(search: Search, findings: list[Finding]) -> Iterator[str]:
    """The same with the class that was looked for, and how."""
    pictures = [
        {
            "file": f.file,
            "class": f.predicted,
            "probability": f.probability,
            "found": f.found,
            "sought": f.score,
        }
        for f in findings
    ]
    yield json.dumps({"sought": search.positive, "threshold": search.threshold, "pictures": pictures}, indent=2) + "\n"
