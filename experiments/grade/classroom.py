"""A folder of hand-ins: a page for each file, one CSV row for each, and what went wrong how often.

The results are kept as they come, so that a run that was stopped goes on where it was. A file is checked anew when it
was changed, or what it imports from beside it, or the checker.
"""

import csv
import hashlib
import io
import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from tqdm import tqdm

from experiments.grade.findings import Report, strictly
from experiments.grade.judging.checker import check
from experiments.grade.pages import as_json, from_json, page
from experiments.shared.command import write
from experiments.shared.printable import printable
from torch_ref.comparison.verdict import NOT_JUDGED, VERDICTS

OURS = ("__pycache__", ".git", ".ipynb_checkpoints")
"""Folders that tools make, and no student hands in."""


class Checker(NamedTuple):
    """How to check a file."""

    timeout: float
    device: str
    strict: bool
    paths: Sequence[str] = ()

    def report(self, path: Path) -> Report:
        """The report on one file; of one that is neither Python nor a notebook, why it is not judged."""
        if path.suffix not in (".py", ".ipynb"):
            kind = f"a {path.suffix} file" if path.suffix else "no suffix"
            return Report(
                path.name, [], f"{NOT_JUDGED}: expected a Python file (.py) or a notebook (.ipynb), got {kind}"
            )
        report = check(path, self.timeout, self.device, self.paths)
        return strictly(report) if self.strict else report


def check_all(folder: Path, out: Path, checker: Checker) -> int:
    """Check every file of the folder; the worst exit status.

    Raises:
        LookupError: there is none.
        OSError: a result cannot be written.
    """
    files = sorted(
        f for f in folder.rglob("*") if _handed_in(f.relative_to(folder)) and (f.is_file() or f.is_symlink())
    )
    files = [f for f in files if out not in f.parents]
    if not files:
        raise LookupError(f"expected files in {folder}, found none")
    reports: dict[Path, Report] = {}
    pool = ThreadPoolExecutor(os.cpu_count())
    try:
        waiting = {pool.submit(_checked, f, out / f.relative_to(folder), checker): f for f in files}
        for done in tqdm(as_completed(waiting), total=len(files), unit=" files", disable=None):
            reports[waiting[done]] = done.result()
    finally:
        pool.shutdown(cancel_futures=True)
        found = [(printable(f.relative_to(folder)), reports[f]) for f in files if f in reports]
        if found:
            write(out / "summary.csv", _csv(found))
    print(summary([report for _, report in found]))
    print(f"{out / 'summary.csv'} and a page for each file")
    return max((report.status for _, report in found), key=(0, 2, 1).index)


def _handed_in(path: Path) -> bool:
    return not path.name.startswith(".") and not {*path.parts} & {*OURS}


def _checked(path: Path, result: Path, checker: Checker) -> Report:
    """The report on one file: the one that is there, or a new one."""
    if result.suffix != ".py":
        result = result.with_name(f"{result.name}.py")  # so that lab.ipynb and lab.py have a page each
    kept, mark = result.with_suffix(".json"), result.with_suffix(".sha256")
    try:
        digest = hashlib.sha256(f"{checker} {_checker()}".encode() + b"".join(_sources(path))).hexdigest()
    except OSError as error:  # a link to nowhere, or a file that may not be read
        digest, report = "", Report(path.name, [], f"{NOT_JUDGED}: {error.strerror}")
    else:
        if kept.exists() and mark.exists() and mark.read_text("utf-8") == digest:
            return from_json(kept.read_text("utf-8"))
        report = checker.report(path)
    kept.parent.mkdir(parents=True, exist_ok=True)
    write(result.with_suffix(".html"), page(report))
    write(kept, as_json(report))
    write(mark, digest)
    return report


@cache
def _checker() -> str:
    """What the results depend on besides the files."""
    root = Path(__file__).parents[2]
    sources = [root / "manual", root / "torch_ref", Path(__file__).parent]
    content = b"".join(path.read_bytes() for folder in sources for path in sorted(folder.rglob("*.py")))
    return f"{hashlib.sha256(content).hexdigest()} {np.__version__} {torch.__version__}"


def _sources(path: Path) -> Iterator[bytes]:
    """The file, and every module beside it whose name is a word in one of these."""
    beside = {other.stem: other for other in sorted(path.parent.glob("*.py")) if other.is_file()}
    beside.pop(path.stem, None)
    waiting = [path]
    for source in waiting:
        content = source.read_bytes()
        yield content
        waiting += [
            beside.pop(word) for word in re.findall(r"\w+", content.decode("utf-8", "replace")) if word in beside
        ]


def _csv(reports: Sequence[tuple[str, Report]]) -> str:
    text = io.StringIO(newline="")
    rows = csv.writer(text)
    rows.writerow(["file", "result", "quantities", "differ", "verdict", "causes"])
    for name, report in reports:
        wrong = [row for row in report.rows if row.differs]
        causes = "; ".join(dict.fromkeys(row.cause for row in wrong if row.cause))
        rows.writerow([name, report.result, len(report.rows), len(wrong), report.verdict, causes])
    return text.getvalue()


def summary(reports: Sequence[Report]) -> str:
    """How many files agree, and in how many each thing went wrong."""
    results = Counter(report.result for report in reports)
    troubles = Counter(trouble for report in reports for trouble in {*_troubles(report)})
    often_first = sorted(troubles.items(), key=lambda trouble: (-trouble[1], trouble[0]))
    lines = [f"{count:5}  {printable(trouble)}" for trouble, count in often_first]
    return "\n".join(
        [f"{len(reports)} files: " + ", ".join(f"{result} {results[result]}" for result in VERDICTS), *lines]
    )


def _troubles(report: Report) -> Iterator[str]:
    """What went wrong: the cause, or else the verdict, without what is of one file alone."""
    if report.why:
        yield report.why.split(";")[0]
    for finding in report.findings:
        if finding.not_judged:
            yield f"{NOT_JUDGED}: {finding.not_judged.split(';')[0]}"
        for row in finding.rows:
            if not row.agrees:
                yield row.cause or f"{row.quantity} {re.sub(r' in line [0-9]+.*', '', row.said)}"
