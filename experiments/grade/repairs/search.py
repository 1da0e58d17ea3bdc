"""The search for a repair, in the process that runs the file: which single change makes what was observed agree."""

import ast
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import groupby
from types import CodeType, FrameType, ModuleType
from typing import Any, NamedTuple

import numpy as np

from experiments.grade.forms.loops.turns.kept import BESIDE
from experiments.grade.process.answers import Arrays, Repair
from experiments.grade.repairs.additions import additions_to, products_for, terms_of
from experiments.grade.repairs.atoms import Atom, atoms_of, is_float
from experiments.grade.repairs.code import Codes, Definition, Key, Statements, functions_of, running
from experiments.grade.repairs.edits import Edit, Filled, changes_of, renamed
from experiments.grade.repairs.places import SEE, Seen, Unit, looked_at, shaken, units_of
from experiments.grade.repairs.statements import places_of, statement_changes
from experiments.grade.repairs.wanted import Wanted, wrong

COMPILED, LINE = 300, 30
"""What to compile the least function costs, and to run a line, in nodes that are compiled."""
LONGEST = 100
"""Characters of a changed text that are shown."""
SLOWER = 20
"""By how much more lines than the file as it is a changed one may run."""


@dataclass
class Trial:
    """One pass on floats, and what it is to give: any one of these."""

    run: Callable[[], Arrays]
    wanted: list[Wanted]
    forward: Callable[[], Any] | None = None

    def wrong(self, found: Arrays) -> set[str]:
        """The quantities that it does not give."""
        return min((wrong(found, some) for some in self.wanted), key=len)


class Candidate(NamedTuple):
    """A change, and where it is."""

    definition: Definition
    unit: Unit
    edit: Edit
    of_forward: bool

    @property
    def order(self) -> tuple[bool, int, int]:
        """Those of the backward first, small ones, and late ones."""
        return self.of_forward, self.edit.size, -self.unit.statement.lineno

    @property
    def preference(self) -> tuple[bool, int]:
        """What was meant is likelier where a value is made than where it is only named, and late rather than early."""
        return self.is_name, -self.unit.statement.lineno

    @property
    def is_name(self) -> bool:
        """Whether what is changed is only named there."""
        return isinstance(self.edit.changes[0][0].node, ast.Name)

    def repair(self) -> Repair:
        """It, as it is told."""
        was, now = written(self.edit.changes[0][0].node), written(self.made()[0])
        return Repair(self.unit.statement.lineno, self.is_name, self.edit.kind, was, now)

    def made(self) -> list[Any]:
        """What is put in each place."""
        return [new.made() if isinstance(new, Filled) else new for _, new in self.edit.changes]


def written(node: Any) -> str:
    """A changed text, shortened to fit into a line; nothing, where it is an order of statements."""
    text = ast.unparse(ast.fix_missing_locations(node)) if isinstance(node, ast.AST) else ""
    text = re.sub(rf"{BESIDE}\w+", "", text)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


class TooLong(BaseException):
    """A changed file runs many more lines than it did."""


class Search:
    """The changes of a file's text that may repair a piece."""

    def __init__(self, found: list[Definition], module: ModuleType, path: str, trials: list[Trial]) -> None:
        self.module, self.path, self.trials = module, path, trials
        self.functions = functions_of(path)
        self.names: dict[Key, dict[str, Any]] = {}
        self.lines, self.most = 0, sys.maxsize
        self.left = 0
        self.reached: set[Key] = set()
        self.needed: dict[int, Any] = {}
        self.found: list[tuple[Repair, Codes]] = []
        self.seen = Seen()
        vars(module)[SEE] = self.seen
        numpy = [n for n, v in vars(module).items() if v is np]
        self.numpy = numpy[0] if numpy else ""
        self.first = next((t for t in trials if t.wrong(t.run())), trials[0])
        if self.first.forward:
            self.watched(self.first.forward)
        self.of_forward = {*self.names}
        self.before = self.watched(self.first.run)
        self.before_lines = self.lines
        self.most = SLOWER * (self.lines + 100)
        ran = {*self.names}
        self.definitions = [d for d in found if d.keys & ran]
        self.units = [(d, unit) for d in self.definitions for unit in units_of(d.node)]
        for number, place in enumerate(p for _, unit in self.units for p in unit.place.walk()):
            place.number = place.node.number = number

    # ---------------------------------------------------------------- runs

    def watched(self, run: Callable[[], Arrays]) -> Arrays:
        """A run, in which it is noted which functions ran, and what their names stood for."""

        def trace(frame: FrameType, event: str, _: Any) -> Any:
            if frame.f_code.co_filename != self.path:
                return None
            if event == "line":
                self.lines += 1
                if self.lines > self.most:
                    raise TooLong
            elif event == "return" and self.most == sys.maxsize:
                self.names[frame.f_code.co_name, frame.f_code.co_firstlineno] = {**frame.f_locals}
            return trace

        self.lines, before = 0, sys.gettrace()
        sys.settrace(trace)
        try:
            return run()
        finally:
            sys.settrace(before)

    def given(self, trial: Trial, codes: Codes) -> Arrays | None:
        """What a trial gives where the functions run other code; None where that fails."""
        try:
            with running(self.functions, codes):
                return self.watched(trial.run)
        except (Exception, TooLong):
            return None

    # ---------------------------------------------------------------- where

    def reach(self) -> list[tuple[Definition, Unit]]:
        """The units that all that is wrong depends on, and nothing that is right."""
        codes: dict[Key, CodeType] = {}
        for d in self.definitions:
            codes |= d.compiled(self.path, looked_at(d.node))
        before = self.given(self.first, codes)
        if before is None:
            return []
        missing, seen = self.first.wrong(before), {**self.seen.values}
        found = []
        for d, unit in self.units:
            if unit.place.number not in seen:
                continue
            self.seen.shaken = unit.place.number
            moved = self.given(self.first, codes)
            self.seen.shaken = None
            self._note_needed(unit.place.number, seen[unit.place.number], before, moved or {})
            if moved is None or missing == {n for n, a in before.items() if _differs(moved.get(n), a)}:
                found.append((d, unit))
        self.seen.values = seen
        self.reached = {key for d, _ in found for key in d.keys & self.names.keys()}
        return found

    def _note_needed(self, number: int, value: Any, before: Arrays, moved: Arrays) -> None:
        """Note what a value lacks, if it is handed on as it is to what is wrong; it only chooses what is tried."""
        for name in self.first.wrong(before):
            wanted = self.first.wanted[0][name].value
            if name not in moved or name not in before or not is_float(value):
                continue
            goes, came, step = moved[name], before[name], np.asarray(shaken(value) - value)
            alike = goes.shape == came.shape == wanted.shape == step.shape
            if alike and np.allclose(goes - came, step, rtol=1e-6, atol=1e-12):
                self.needed[number] = wanted - came

    # ---------------------------------------------------------------- what

    def edits(self) -> Iterator[Candidate]:
        """The changes at what was reached."""
        reached = self.reach()
        values = self.seen.values
        for d in {id(d): d for d, _ in reached}.values():
            every, places = self._atoms(d), places_of(d.node)
            loops = any(isinstance(n, ast.For | ast.While) for n in ast.walk(d.node))
            for unit in (unit for other, unit in reached if other is d):
                atoms = [a for a in every if loops or a.since < unit.statement.lineno]
                edits = [*statement_changes(unit, places, self.numpy)]
                edits += renamed(unit.place, values, atoms)
                edits += products_for(unit.place, self.needed.get(unit.place.number), atoms)
                for place in unit.place.walk():
                    edits += changes_of(place, values.get(place.number), values, atoms)
                for place in terms_of(unit.place):
                    edits += additions_to(place, values.get(place.number), values.get(unit.place.number), atoms)
                yield from (Candidate(d, unit, edit, not d.keys.isdisjoint(self.of_forward)) for edit in edits)

    def _atoms(self, d: Definition) -> list[Atom]:
        names: dict[str, Any] = {}
        for key in d.keys & self.names.keys():
            names |= self.names[key]
        named = [n for n in ast.walk(d.node) if isinstance(n, ast.Name)]
        if isinstance(d, Statements):  # which have all names of the file
            names = {n.id: names[n.id] for n in named if n.id in names}
        stored = [n for n in named if isinstance(n.ctx, ast.Store)]
        since = {n.id: n.lineno for n in sorted(stored, key=lambda n: -n.lineno)}
        return atoms_of(names, since)

    def compiled(self, c: Candidate) -> Codes | None:
        """The code of a function with a change; None where that is no Python."""
        before = [(place, place.node) for place, _ in c.edit.changes]
        try:
            for (place, old), new in zip(before, c.made(), strict=True):
                where = old[0] if isinstance(old, list) else old
                for node in (inner for one in (new if isinstance(new, list) else [new]) for inner in ast.walk(one)):
                    if "lineno" in node._attributes and not hasattr(node, "lineno"):
                        ast.copy_location(node, where)
                place.put(new)
            return c.definition.compiled(self.path)
        except (SyntaxError, ValueError, TypeError):
            return None
        finally:
            for place, old in before:
                place.put(old)

    def repairs(self, work: int) -> Iterator[tuple[Repair, Codes]]:
        """The smallest changes with which every trial gives what it is to give; the likeliest first."""
        self.left = work
        for _, some in groupby(sorted(self.edits(), key=lambda c: c.order), key=lambda c: c.order[:2]):
            found = []
            for c in some:
                if self.left < 0:
                    break
                codes = self.compiled(c)
                self.left -= c.definition.length + COMPILED + LINE * self.before_lines
                if codes and self.repaired(codes):
                    found.append((c, codes))
            if found:
                yield from ((c.repair(), codes) for c, codes in sorted(found, key=lambda f: f[0].preference))
                return

    def repaired(self, codes: Codes) -> bool:
        """Whether every trial gives what it is to give."""
        return self.agrees(self.first, codes) and all(self.agrees(t, codes) for t in self.trials)

    def agrees(self, trial: Trial, codes: Codes) -> bool:
        """Whether a trial gives what it is to give."""
        found = self.given(trial, codes)
        return found is not None and not trial.wrong(found)


def _differs(one: Any, other: Any) -> bool:
    return np.shape(one) != np.shape(other) or not np.array_equal(one, other, equal_nan=True)
