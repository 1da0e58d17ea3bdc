"""What a file does while it runs that may make it pass without a backward of its own, however its text hides it.

It uses what has the answers or differentiates by itself; it starts a process, opens a file or a connection; it changes
what the checker computes with. The student's code runs in the same process, so that who means to can get round this,
too: the parent does not trust what is compared here beyond that.
"""

import builtins
import math
import sys
from collections.abc import Iterator
from functools import cache
from types import FrameType, FunctionType, ModuleType
from typing import Any

import numpy as np

ANSWERS = ("manual.layers", "manual.losses", "manual.optimizers", "manual.blocks", "manual.penalties", "torch_ref")
DIFFERENTIATE = ("torch", "jax", "autograd", "tensorflow", "sympy", "casadi", "aesara", "pytensor", "mxnet")
EVENTS = (
    "subprocess.",
    "os.system",
    "os.posix_spawn",
    "os.spawn",
    "os.exec",
    "os.fork",
    "pty.",
    "socket.connect",
    "open",
)
OURS = ("__main__", "experiments.grade", "manual", "torch_ref")
CHANGES = {("Numbers", "floats")}
"""What of ours changes as it runs."""


class Lookout:
    """Watches one file, by its path; `seen` is what it did since this was last asked."""

    def __init__(self, path: str, module: str) -> None:
        self.path, self.module = path, module
        self.seen: list[str] = []
        self.is_on = False
        self.loaded = 0
        self.before: dict[tuple[str, str, str], Any] = {}

    def begin(self) -> None:
        """Hear of what is opened and started from now on, which cannot be undone."""
        sys.addaudithook(self._heard)

    def called(self, frame: FrameType, allowed: tuple[str, ...]) -> None:
        """Note a call, if it is one by the file of what it may not use."""
        name = frame.f_globals.get("__name__", "")
        what = _forbidden(name, allowed)
        if not what:
            return
        kind = type(frame.f_locals.get("self"))
        if kind.__module__ == self.module or self._is_on_the_stack(frame.f_back):
            self.seen.append(f"it uses {name}, which {what}")

    def _heard(self, event: str, args: tuple[Any, ...]) -> None:
        if not self.is_on or not event.startswith(EVENTS):
            return
        frame = sys._getframe()
        if self._is_on_the_stack(frame) and not _imports(frame):
            what = f"opens {str(args[0])[:80]}" if event == "open" else f"starts something else ({event})"
            self.seen.append(f"it {what}, which may have the answers")

    def _is_on_the_stack(self, frame: FrameType | None) -> bool:
        return any(f.f_code.co_filename == self.path for f in _stack(frame))

    # ------------------------------------------------------------ what is changed

    def remember(self) -> None:
        """Note what NumPy, Python and the checker are now, as far as they are loaded."""
        if len(sys.modules) != self.loaded:
            self.loaded = len(sys.modules)
            self.before |= {key: value for key, value in _all() if key not in self.before}

    def changed(self) -> str:
        """What of it is another now; "" if nothing is."""
        now = dict(_all())
        for key, value in self.before.items():
            if now.get(key, value) is not value and key[1:] not in CHANGES:
                return ".".join(filter(None, key))
        known = {key[:2] for key in self.before if key[1]}
        added = (k for k, v in now.items() if k not in self.before and k[:2] in known and isinstance(v, FunctionType))
        return next((".".join(key) for key in added), "")


@cache
def _forbidden(name: str, allowed: tuple[str, ...]) -> str:
    """What a module has that a file may not use; "" if it may."""
    rooms = (*ANSWERS, *DIFFERENTIATE)
    room = next((r for r in rooms if r not in allowed and f"{name}.".startswith(f"{r}.")), "")
    return room and ("has the answers" if room in ANSWERS else "differentiates by itself")


def _stack(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back


def _imports(frame: FrameType) -> bool:
    """Whether Python itself opens a module, or its text for a message."""
    return any("importlib" in f.f_code.co_filename or "linecache" in f.f_code.co_filename for f in _stack(frame))


def _all() -> Iterator[tuple[tuple[str, str, str], Any]]:
    """Every value of NumPy and Python, and every function and attribute of the checker's classes."""
    for module in (np, builtins, math):
        yield from (((module.__name__, "", n), v) for n, v in [*vars(module).items()] if callable(v))
    for name, module in [*sys.modules.items()]:
        if name.startswith(OURS) and isinstance(module, ModuleType):
            for n, v in [*vars(module).items()]:
                if isinstance(v, FunctionType):
                    yield (name, "", n), v
                elif isinstance(v, type) and v.__module__ == name:
                    yield from (((name, n, a), f) for a, f in [*vars(v).items()] if not a.startswith("_abc"))
