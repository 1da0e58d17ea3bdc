"""An assignment, --task task.toml: what is expected, by which names, for how many points, and against what.

[[piece]]
expect = "linear"               one of KINDS; or "any", for what is only held against its own forward
names = ["linear", "dense"]     by which it may be handed in; else as `expect` says
points = 4                      else 1
reference = "teacher.py:dense"  your function of the same arguments in NumPy, in place of what KINDS has
"""

import hashlib
import importlib.util
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from types import ModuleType
from typing import Any

from experiments.grade.errors import CommandError
from experiments.grade.findings import Finding, Report
from experiments.grade.hand_ins import read
from experiments.grade.task.kinds import ANY, KINDS
from torch_ref.comparison.verdict import NOT_JUDGED

KEYS = {"expect": str, "names": list, "points": (int, float), "reference": str}


class NoTask(CommandError):
    """A task that is none, and why."""


@dataclass(frozen=True)
class Expected:
    """One piece: `reference` is the teacher's function, of `module`."""

    kind: str
    names: tuple[str, ...]
    points: float = 1.0
    reference: Any = None
    module: ModuleType | None = None

    def meant(self, piece: str) -> bool:
        """Whether a piece of this name is handed in for it."""
        return piece.split(" (")[0].lower() in {name.lower() for name in self.names}


@dataclass(frozen=True)
class Task:
    """All that is expected; `digest` is that of what says so."""

    pieces: tuple[Expected, ...]
    digest: str

    def __repr__(self) -> str:
        return self.digest

    def of(self, piece: str) -> Expected | None:
        """What a piece of this name is handed in for."""
        return next((e for e in self.pieces if e.meant(piece)), None)

    def applied(self, report: Report) -> Report:
        """The report with the points of each piece, and a row for each that is missing."""
        if report.why and not report.findings and report.died:
            return report
        findings = [replace(f, points=0.0) for f in report.findings]
        for expected in self.pieces:
            at = next((i for i, f in enumerate(findings) if expected.meant(f.name)), None)
            if at is None:
                why = report.why.removeprefix(f"{NOT_JUDGED}: ") or "it is missing"
                why = f"{why}; expected one named {' or '.join(expected.names)}"
                findings.append(Finding(expected.names[0], expected.kind, not_judged=why, points=expected.points))
            else:
                findings[at] = replace(findings[at], points=expected.points)
        return replace(report, findings=findings)


def load(path: Path) -> Task:
    """The task in a file.

    Raises:
        NoTask: a key, a kind or a reference is none.
    """
    try:
        content = read(path)
        found = tomllib.loads(content.decode("utf-8"))
    except OSError as error:
        raise NoTask(f"{path}: {error.strerror or error}") from None
    except ValueError as error:
        raise NoTask(f"{path} is no TOML: {error}") from None
    if found.keys() != {"piece"} or not isinstance(found["piece"], list):
        raise NoTask(f"{path}: expected [[piece]], got {', '.join(found) or 'nothing'}")
    digest = hashlib.sha256(content)
    pieces = tuple(_expected(path, i, one, digest) for i, one in enumerate(found["piece"], 1))
    names = [n for p in pieces for n in p.names]
    if twice := next((n for n in names if names.count(n) > 1), ""):
        raise NoTask(f"{path}: two pieces are named {twice}")
    return Task(pieces, digest.hexdigest())


def _expected(path: Path, number: int, one: Any, digest: Any) -> Expected:
    where = f"{path}, piece {number}"
    for key, value in one.items():
        if key not in KEYS:
            raise NoTask(f"{where}: there is no key {_near(key, [*KEYS])}")
        if not isinstance(value, KEYS[key]) or isinstance(value, bool):
            raise NoTask(f"{where}: {key} cannot be {value!r}")
    kind = one.get("expect", "")
    if kind not in (ANY, *KINDS) and "reference" not in one:
        raise NoTask(f"{where}: there is no kind {_near(kind, [ANY, *KINDS])} (a kind of your own needs a reference)")
    names = one.get("names", [kind])
    if not names or not all(isinstance(n, str) and n for n in names):
        raise NoTask(f"{where}: expected names of pieces, got {names!r}")
    if not 0 <= one.get("points", 1) < float("inf"):
        raise NoTask(f"{where}: points cannot be {one['points']!r}")
    module, reference = _reference(path, where, one["reference"], digest) if "reference" in one else (None, None)
    return Expected(kind, tuple(names), float(one.get("points", 1)), reference, module)


def _reference(path: Path, where: str, text: str, digest: Any) -> tuple[ModuleType, Any]:
    """The teacher's function, "FILE:FUNCTION", where FILE lies beside the task."""
    file, _, name = text.partition(":")
    source = path.parent / file
    try:
        digest.update(read(source))
        spec = importlib.util.spec_from_file_location(f"task {file}", source)
        module = importlib.util.module_from_spec(spec)  # pyright: ignore[reportArgumentType]
        spec.loader.exec_module(module)  # pyright: ignore[reportOptionalMemberAccess]
    except Exception as error:
        raise NoTask(f"{where}: reference {text!r}: {type(error).__name__}: {error}") from None
    if not callable(getattr(module, name, None)):
        raise NoTask(f"{where}: {source} has no function {_near(name, [*_functions(module)])}")
    return module, getattr(module, name)


def _functions(module: ModuleType) -> Iterator[str]:
    return (n for n, v in vars(module).items() if callable(v) and not n.startswith("_"))


def _near(word: str, known: list[str]) -> str:
    near = get_close_matches(word, known, 1)
    return f"{word!r}; did you mean {near[0]}?" if near else repr(word)
