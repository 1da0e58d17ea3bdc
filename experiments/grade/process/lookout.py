"""What a file does while it runs that may make it pass without a backward of its own, however its text hides it.

It uses what has the answers or differentiates by itself; it starts a process, opens a file or a connection; it changes
what the checker computes with. The student's code runs in the same process, so that who means to can get round this,
too: the parent does not trust what is compared here beyond that.
"""

import builtins
import math
import os
import sys
from collections.abc import Iterator
from functools import cache
from operator import is_
from types import FrameType, FunctionType, ModuleType
from typing import Any, NamedTuple

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
CHANGES_FILES = ("os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.truncate", "os.chmod")
OURS = ("__main__", "experiments.grade", "manual", "torch_ref")
LIBRARIES = (np, builtins, math)
CODE = (FunctionType, type)
CHANGES = {("Numbers", "floats")}
"""What of ours changes as it runs."""


class Held(NamedTuple):
    """A module or a class, and what it held before the file ran."""

    owner: Any
    values: dict[str, Any]

    def is_the_same(self) -> bool:
        """Whether it holds the very same: by identity, as what compares equal may be another."""
        now = vars(self.owner)
        return [*now] == [*self.values] and all(map(is_, now.values(), self.values.values()))


class Lookout:
    """Watches one file, by its path; `seen` is what it did since this was last asked."""

    def __init__(self, path: str, module: str) -> None:
        self.path, self.module = path, module
        self.seen: list[str] = []
        self.is_on = False
        self.loaded = 0
        self.before: dict[tuple[str, str], Held] = {}

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
        """Note what is opened, started or changed by the file, and refuse all of it but reading.

        Raises:
            PermissionError: it is no reading.
        """
        if not self.is_on or not event.startswith((*EVENTS, *CHANGES_FILES)):
            return
        frame = sys._getframe()
        if not self._is_on_the_stack(frame) or _imports(frame):
            return
        if event == "open":
            self.seen.append(f"it opens {str(args[0])[:80]}, which may have the answers")
        elif event.startswith(CHANGES_FILES):
            self.seen.append(f"it changes files ({event})")
        else:
            self.seen.append(f"it starts something else ({event}), which may have the answers")
        if event != "open" or args[2] & (os.O_WRONLY | os.O_RDWR):
            raise PermissionError(f"{event} is not allowed while a backward is checked")

    def _is_on_the_stack(self, frame: FrameType | None) -> bool:
        return any(f.f_code.co_filename == self.path for f in _stack(frame))

    # ------------------------------------------------------------ what is changed

    def remember(self) -> None:
        """Note what NumPy, Python and the checker are now, as far as they are loaded."""
        if len(sys.modules) == self.loaded:
            return
        self.loaded = len(sys.modules)
        for key, owner in _owners():
            known = self.before[key].values if key in self.before else {}
            self.before[key] = Held(owner, {**vars(owner), **known})

    def changed(self) -> str:
        """What of it is another now; "" if nothing is."""
        for (module, kind), held in self.before.items():
            if not kind and sys.modules.get(module) is not held.owner:
                return module
            if not held.is_the_same() and (name := _another(kind, held)):
                return ".".join(filter(None, (module, kind, name)))
        return ""


def _another(kind: str, held: Held) -> str:
    """A function or a class of a module that is another now, or any attribute of a class of ours, or one more."""
    now, library = vars(held.owner), held.owner in LIBRARIES
    for name, value in held.values.items():
        counts = not name.startswith("_abc") if kind else callable(value) if library else isinstance(value, CODE)
        if counts and now.get(name) is not value and (kind, name) not in CHANGES:
            return name
    return next((n for n, v in now.items() if kind and n not in held.values and isinstance(v, FunctionType)), "")


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


def _owners() -> Iterator[tuple[tuple[str, str], Any]]:
    """NumPy and Python, and the checker's modules with their classes, by their names."""
    yield from (((library.__name__, ""), library) for library in LIBRARIES)
    for name, module in [*sys.modules.items()]:
        if name.startswith(OURS) and isinstance(module, ModuleType):
            yield (name, ""), module
            kinds = ((n, v) for n, v in [*vars(module).items()] if isinstance(v, type) and v.__module__ == name)
            yield from (((name, n), kind) for n, kind in kinds)
