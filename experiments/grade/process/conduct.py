"""One pass of a submission, watched: what it does to what it is handed, which of its functions run, and what it
raises."""

import ast
import random
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, NamedTuple

import numpy as np

from experiments.grade.errors import Unclear
from experiments.grade.forms.branches import Decisions
from experiments.grade.forms.definitions import MODULE, bound_by
from experiments.grade.forms.piece import Arrays, Outputs, Ran, by_name
from experiments.grade.process.answers import Note
from experiments.grade.process.limits import MEMORY, numbers
from experiments.grade.process.lookout import Lookout

NOT_ARITHMETIC = (
    NotImplementedError, AssertionError, ImportError, SystemExit, KeyboardInterrupt, SyntaxError, MemoryError, OSError,
    EOFError,
)  # fmt: skip
"""What a submission may raise that says nothing about its numbers."""
UNFINISHED = "still to be written"


class Watched:
    """A file whose passes are watched. `conduct` is what its methods did besides; `ran` is what ran."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.conduct: list[Note] = []
        self.ran: set[CodeType] = set()
        self.lookout = Lookout(str(path), MODULE)
        self.tree = ast.Module([], [])
        self.decisions = Decisions(self.tree)

    def passed(self, inputs: Arrays, run: Callable[[Arrays], Ran], together: bool = False) -> "WatchedPass":
        """A forward pass on copies, made twice: what it does to them, and whether the second output is the first, is
        noted. It may make the gradients, too, `together` with the output."""
        first, again = (self.passed_once(inputs, run, together) for _ in range(2))
        if any(not np.array_equal(y, again.ran.outputs[n], equal_nan=True) for n, y in first.ran.outputs.items()):
            raise Unclear("forward gives another result when it is called again")
        return again

    def passed_once(self, inputs: Arrays, run: Callable[[Arrays], Ran], together: bool = False) -> "WatchedPass":
        """A forward pass on copies."""
        copies = {name: a.copy(order="K") for name, a in inputs.items()}
        with self.watching(gradients=together), self.in_stage("forward"):
            ran = seeded(run, dict(copies))
        outputs = {n: numbers(y).copy() for n, y in ran.outputs.items()}
        y = outputs if isinstance(ran.y, dict) else outputs["y"]
        self.unchanged("forward", copies, inputs)
        return WatchedPass(ran._replace(y=y), copies, {name: a.copy(order="K") for name, a in copies.items()})

    def backed(self, passed: "WatchedPass", delta: Outputs) -> dict[str, Any]:
        """A backward pass, each on a copy of δ; made twice from the same cache, if that is to outlast it."""
        found = []
        if passed.ran.backward is None:
            return {}
        for _ in range(2 if passed.ran.pure else 1):
            copies = {n: d.copy(order="K") for n, d in by_name(delta).items()} if delta is not None else {}
            with self.watching():
                given = copies if isinstance(delta, dict) else copies.get("y")
                found.append({n: numbers(g).copy() for n, g in passed.ran.backward(given).items()})
            if any(not np.array_equal(d, by_name(delta)[n], equal_nan=True) for n, d in copies.items()):
                self.conduct.append(Note("backward", "changes δ, which is its caller's", True))
            self.unchanged("backward", passed.copies, passed.before)
        first, again = found[0], found[-1]
        if any(not np.array_equal(g, again.get(n, np.nan), equal_nan=True) for n, g in first.items()):
            self.conduct.append(
                Note("backward", "gives another result when it is called again: it changes its cache", False)
            )
        return first

    def unchanged(self, method: str, copies: Arrays, before: Arrays) -> None:
        """Note what a method did to what it was handed."""
        for name, a in copies.items():
            if a.shape != before[name].shape or not np.array_equal(a, before[name], equal_nan=a.dtype.kind == "f"):
                self.conduct.append(Note(method, f"changes {name}, which is its caller's", False))

    @contextmanager
    def watching(self, *allowed: str, gradients: bool = True) -> Iterator[None]:
        """While this lasts, it is noted which functions of the file run, and how it decides while gradients are made.

        Raises:
            Unclear: the file does what may make it pass without a backward of its own.
        """
        path, lookout = str(self.path), self.lookout

        def note(frame: FrameType, event: str, function: Any) -> None:
            if event == "call":
                if frame.f_code.co_filename == path:
                    self.ran.add(frame.f_code)
                else:
                    lookout.called(frame, allowed)
            elif event == "c_call":
                lookout.called_in_c(function, frame)

        lookout.may_read = False
        sys.setprofile(note)
        try:
            with self.decisions.noted(gradients):
                yield
        finally:
            sys.setprofile(None)
            lookout.may_read = True
            if lookout.seen:
                raise Unclear(lookout.seen[0])

    @contextmanager
    def in_stage(self, method: str) -> Iterator[None]:
        """What is raised here says nothing about the arithmetic: the inputs may not be what the author expects."""
        try:
            yield
        except Unclear:
            raise
        except Exception as error:
            told = self.told(error)
            raise Unclear(told if told.startswith(UNFINISHED) else f"{method} raised {told}") from None

    def is_its_own(self, error: BaseException) -> bool:
        """Whether an exception is of the submission's arithmetic: raised by its code, and not because it is
        unfinished, lacks a module, asserts something of its own, or was called in another way than it expects.
        """
        if isinstance(error, NOT_ARITHMETIC):
            return False
        bound = {name for node in self.tree.body if not _is_there(node) for name in bound_by(node)}
        if type(error) is NameError and bound & {error.name, "*"}:
            return False  # it is left out, or failed, as may be what is in a course's module
        return any(Path(f.filename) == self.path for f in traceback.extract_tb(error.__traceback__))

    def told(self, error: BaseException) -> str:
        """What an exception says, in one line, and in which line of the file it arose."""
        return one_line(self._told(error))

    def _told(self, error: BaseException) -> str:
        if isinstance(error, SystemExit):
            return f"called sys.exit({error.code!r})"
        if isinstance(error, MemoryError):
            return f"asked for more than {MEMORY} GiB of memory"
        lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if Path(f.filename) == self.path]
        line = error.lineno if isinstance(error, SyntaxError) else lines[-1] if lines else None
        message = error.msg if isinstance(error, SyntaxError) else str(error)
        where = f" in line {line}" if line else ""
        if isinstance(error, NotImplementedError) and not message:
            return f"{UNFINISHED}{where}"
        return f"{type(error).__name__}{where}{f': {message}' if message else ''}"


def _is_there(node: ast.stmt) -> bool:
    """Whether it imports from a module that could be imported."""
    return isinstance(node, ast.ImportFrom) and node.module in sys.modules


class WatchedPass(NamedTuple):
    """A forward pass, the arrays that it was handed, and the same as it left them."""

    ran: Ran
    copies: Arrays
    before: Arrays


def seeded(run: Callable[[Arrays], Ran], arrays: Arrays) -> Ran:
    """A pass whose chance, if it comes from the global generators, is the same each time."""
    begin_chance()
    return run(arrays)


def begin_chance() -> None:
    """Let the global generators draw the same each time, so that a file which draws from these has one verdict."""
    np.random.seed(0)
    random.seed(0)
    if torch := sys.modules.get("torch"):
        torch.default_generator.manual_seed(0)  # torch.manual_seed takes 2 ms, most of it on devices that are not there
        if torch.cuda.is_initialized():
            torch.cuda.manual_seed_all(0)


def seed_new_generators() -> None:
    """Let a generator that is made without a seed take one from the global generators."""
    make = np.random.default_rng

    def made(seed: Any = None) -> Any:
        return make(np.random.randint(2**31) if seed is None else seed)

    np.random.default_rng = made


def one_line(text: str) -> str:
    """A text in one line of characters that can be printed, and not too long for a table."""
    text = "".join(c if c.isprintable() else "�" for c in " ".join(text.split()))
    return text if len(text) <= 200 else f"{text[:199]}…"
