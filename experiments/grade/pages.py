"""A report as text, as JSON and as a page."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from experiments.grade.findings import Finding, Report, Row
from experiments.grade.shown.words import SIGNS, came, factor, line
from experiments.shared.printable import printable
from experiments.shared.templates import templates
from torch_ref.comparison.verdict import NOT_JUDGED
from torch_ref.tables import columns


def text(report: Report) -> str:
    """A table for each piece, what is known of each quantity that differs, and the verdict in the last line."""
    left_out = [printable(f"left out: {'; '.join(report.left_out)}")] if report.left_out else []
    return "\n".join([*map(_table, report.findings), *left_out, f"{report.file}: {report.verdict}\n"])


def _table(finding: Finding) -> str:
    head = printable(f"{finding.name}: {headline(finding)}")
    unjudged = [printable(f"  {NOT_JUDGED}: {finding.not_judged}")] if finding.not_judged else []
    if not finding.rows:
        return "\n".join([head, *unjudged, ""])
    cells = [("quantity", "verdict", "how far off", "of allowed", "likely cause")]
    cells += [(*map(printable, (r.quantity, r.said)), *distances(r), printable(r.cause)) for r in finding.rows]
    table = [f"  {row}" for row in columns(cells)]
    return "\n".join([head, *table, *_known(finding.rows), *unjudged, ""])


def _known(rows: list[Row]) -> list[str]:
    """Where quantities differ, with the numbers, and what to look at; once for those of which the same is said."""
    whose: dict[str, list[str]] = {}
    for row in rows:
        if row.hint or came(row):
            where = ", ".join(filter(None, [came(row), line(row)]))
            whose.setdefault(". ".join(filter(None, [where, row.hint])), []).append(row.quantity)
    return [printable(f"  {', '.join(names)}: {said}") for said, names in whose.items()]


def headline(finding: Finding) -> str:
    """The form that was found, and what it was held against."""
    against = f", against {finding.against}; tolerance {finding.tolerance}" if finding.against else ""
    return finding.form + against


def distances(row: Row) -> tuple[str, str]:
    """How far off, absolutely and in units of what is allowed; empty where nothing could be subtracted, or divided."""
    far, ratio = (f"{number:.2g}" if np.isfinite(number) else "" for number in (row.difference, row.ratio))
    return far, ratio


def as_json(report: Report) -> str:
    """Everything; null where a distance is not finite."""
    return json.dumps({**_plain(asdict(report)), "verdict": report.verdict, "status": report.status}, indent=2) + "\n"


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(v) for key, v in value.items()}
    if isinstance(value, list):
        return [_plain(v) for v in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value


def from_json(content: str) -> Report:
    """What `as_json` wrote."""
    values = json.loads(content)
    findings = []
    for finding in values["findings"]:
        for row in finding["rows"]:
            row |= {name: np.inf for name in ("difference", "ratio") if row[name] is None}
        findings.append(Finding(**finding | {"rows": [Row(**row) for row in finding["rows"]]}))
    return Report(values["file"], findings, values["why"], values["left_out"], values["died"])


def page(report: Report) -> str:
    """One HTML file to hand back."""
    template = templates(Path(__file__).parent).get_template("page.html")
    return template.render(report=report, came=came, factor=factor, line=line, signs=SIGNS, headline=headline) + "\n"
