"""A folder of hand-ins: a page for each student, one CSV row for each, and what went wrong how often.

The results are kept as they come, so that a run that was stopped goes on where it was. A hand-in is checked anew when
it was changed, or what it imports from beside it, or the checker; and where its process died, which it may have done
because the machine was busy.
"""

import hashlib
import os
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from experiments.grade.findings import Finding, Report, Row, strictly
from experiments.grade.forms import named
from experiments.grade.forms.told import Told, told
from experiments.grade.hand_ins import (
    EXPECTED,
    HandIn,
    Refused,
    cells_of,
    hand_ins,
    idle_bases,
    link_to_others,
    no_python,
    read,
)
from experiments.grade.judging.checker import ITSELF, NOTHING, check
from experiments.grade.kept import Kept, names
from experiments.grade.process.sandbox import stopping
from experiments.grade.shortcuts import in_file
from experiments.grade.shown.overview import Student, overview, spreadsheet, summary
from experiments.grade.shown.words import explained
from experiments.grade.task.assignment import Task
from experiments.shared.command import write
from manual import InputError
from torch_ref.comparison.verdict import NOT_JUDGED


class Checker(NamedTuple):
    """How to check a file."""

    timeout: float
    device: str
    strict: bool
    hints: str
    paths: Sequence[str] = ()
    adapter: str = ""
    task: Task | None = None

    def graded(self, path: Path) -> Report:
        """The report on one file, with the points of the task."""
        report = self.report(path)
        return self.task.applied(report) if self.task else report

    def report(self, path: Path, neighbours: frozenset[str] = frozenset()) -> Report:
        """The report on one file; of what is no Python file, why it is not judged."""
        own = Told()
        try:
            text, why = read(path).decode("utf-8", "replace"), no_python(path)
            own = told("\n".join(cells_of(text) if path.suffix == ".ipynb" else [text]).splitlines(), named())
        except OSError as error:
            why = error.strerror or str(error)
        except InputError as error:
            why = str(error)
        if why:
            return Report(path.name, [], f"{NOT_JUDGED}: {why}")
        try:
            report = check(path, self.timeout, self.device, self.paths, own, self.adapter, self.task)
        except Exception as error:  # one file takes no other down
            return Report(path.name, [], f"{NOT_JUDGED}: {ITSELF}: {type(error).__name__}: {error}", died=True)
        if report.findings:
            report.findings += _of_shortcuts(path, report, neighbours)
        return explained(strictly(report) if self.strict else report, path, self.hints)

    def report_of(self, hand_in: HandIn, neighbours: frozenset[str]) -> Report:
        """The report on all that a student handed in, with the points of the task."""
        report = self._report_of(hand_in, neighbours)
        return self.task.applied(report) if self.task else report

    def _report_of(self, hand_in: HandIn, neighbours: frozenset[str]) -> Report:
        if not hand_in.files:
            return Report(str(hand_in.name), [], f"{NOT_JUDGED}: {EXPECTED}, got a folder without files")
        own = {path.stem for path in (hand_in.name, *hand_in.files)}
        found = [(path, self.report(path, neighbours - own)) for path in hand_in.files]
        if len(found) == 1:
            ((_, report),) = found
            return Report(str(hand_in.name), report.findings, report.why, report.left_out, report.died)
        findings, bases = [], idle_bases(hand_in.files)
        for path, report in found:
            if report.why and not report.why.startswith(NOTHING):  # helpers of the others offer nothing
                findings.append(
                    Finding(path.name, "the whole file", not_judged=report.why.removeprefix(f"{NOT_JUDGED}: "))
                )
            findings += [f for f in report.findings if not (f.not_judged and f.name in bases)]
        why = "" if findings else found[0][1].why
        left_out = [f"{path.name}: {what}" for path, report in found for what in report.left_out]
        return Report(str(hand_in.name), findings, why, left_out, any(report.died for _, report in found))


def _of_shortcuts(path: Path, report: Report, neighbours: frozenset[str]) -> Iterator[Finding]:
    """A row for each thing in a file that may make it pass without a backward of its own."""
    said = {row.quantity for row in report.rows}
    found = [what for what in in_file(path, neighbours) if "import" not in said or "it imports torch" not in what]
    if found:
        yield Finding(path.name, "the whole file", rows=[Row("shortcut", NOT_JUDGED, reason=what) for what in found])


def _with_a_backward(every: list[HandIn]) -> frozenset[str]:
    """The modules that one student may import from another: what a course gives to all has no backward."""
    found = set()
    for name, path in ((one.name, path) for one in every for path in one.files if path.suffix == ".py"):
        with suppress(OSError):
            found |= {path.stem, name.stem} if b"backward" in read(path) else set()
    return frozenset(found)


def check_all(folder: Path, out: Path, checker: Checker) -> int:
    """Check every student's hand-in; the worst exit status.

    Raises:
        LookupError: there is none.
        OSError: a result cannot be written.
    """
    every = hand_ins(folder, out)
    if not every:
        raise LookupError(f"expected files in {folder}, found none")
    kept, name_of, reports = Kept(out), names(one.name for one in every), {}
    pool, neighbours = ThreadPoolExecutor(os.cpu_count()), _with_a_backward(every)
    try:
        linked = {one.name: link_to_others(one, folder) for one in every}
        waiting = {
            pool.submit(_checked, one, name_of[one.name], kept, checker, neighbours, linked[one.name]): one.name
            for one in every
        }
        for done in tqdm(as_completed(waiting), total=len(every), unit=" students", disable=None):
            reports[waiting[done]] = done.result()
        pool.shutdown()
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        with stopping():
            pool.shutdown()
        raise
    finally:
        students = [
            Student(str(one.name), name_of[one.name], reports[one.name]) for one in every if one.name in reports
        ]
        if students:
            write(out / "summary.csv", spreadsheet(students))
            write(out / "index.html", overview(students))
    print(summary(students))
    print(f"{out / 'index.html'}, summary.csv and a page for each")
    return max((student.report.status for student in students), key=(0, 2, 1).index)


def _checked(hand_in: HandIn, name: str, kept: Kept, checker: Checker, neighbours: frozenset[str], link: str) -> Report:
    """The report on one hand-in: the one that is there, or a new one; none on what is a link to another's."""
    if link:
        report = Report(str(hand_in.name), [], f"{NOT_JUDGED}: {link}")
        kept.keep(name, "", report)
        return report
    digest = _digest(hand_in, checker)
    report = digest and kept.result(name, digest)
    if not report:
        report = checker.report_of(hand_in, neighbours)
        kept.keep(name, "" if report.died else digest, report)
    return report


def _digest(hand_in: HandIn, checker: Checker) -> str:
    """Of all that the report depends on; "" where that cannot be read."""
    try:
        sources = b"".join(source for path in hand_in.files for source in _sources(path))
        sources += read(Path(checker.adapter)) if checker.adapter else b""
    except OSError:
        return ""
    return hashlib.sha256(f"{hand_in.name!r} {checker} {_checker()}".encode() + sources).hexdigest()


@cache
def _checker() -> str:
    """What the results depend on besides the files."""
    root = Path(__file__).parents[2]
    sources = [root / "manual", root / "torch_ref", Path(__file__).parent]
    content = b"".join(path.read_bytes() for folder in sources for path in sorted(folder.rglob("*.py")))
    return f"{hashlib.sha256(content).hexdigest()} {np.__version__} {version('torch')}"


def _sources(path: Path) -> Iterator[bytes]:
    """The file, and every module beside it whose name is a word in one of these."""
    beside = {other.stem: other for other in sorted(path.parent.glob("*.py"))}
    beside.pop(path.stem, None)
    waiting = [path]
    for source in waiting:
        try:
            content = read(source)
        except Refused:
            content = b""
        yield content
        words = re.findall(r"\w+", content.decode("utf-8", "replace"))
        waiting += [beside.pop(word) for word in words if word in beside]
