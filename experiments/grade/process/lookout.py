"""What a file does while it runs that may make it pass without a backward of its own, however its text hides it.

It uses what has the answers or differentiates by itself; it starts a process or a thread, opens a file or a connection,
looks at who calls it; it changes what the checker computes with. The student's code runs in the same process, so that
who means to can get round this, too: the parent does not trust what is compared here beyond that.
"""

import builtins
import math
import os
import signal
import sys
import sysconfig
from _thread import start_new_thread
from collections.abc import Iterator
from functools import cache
from operator import is_
from pathlib import Path
from types import FrameType, FunctionType, ModuleType
from typing import Any, NamedTuple

import numpy as np

ANSWERS = (
    "manual.layers", "manual.losses", "manual.optimizers", "manual.blocks", "manual.penalties", "torch_ref",
    "experiments.grade.process.differences", "experiments.grade.process.observation",
)  # fmt: skip
DIFFERENTIATE = ("torch", "jax", "autograd", "tensorflow", "sympy", "casadi", "aesara", "pytensor", "mxnet")
STARTS = (
    "subprocess.", "os.system", "os.posix_spawn", "os.spawn", "os.exec", "os.fork", "pty.", "socket.connect",
    "ctypes.dl", "ctypes.cdata", "ctypes.string_at",
)  # fmt: skip
CHANGES_FILES = ("os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.truncate", "os.chmod")
LOOKS = ("sys._getframe", "sys._current_frames", "sys.settrace", "sys.setprofile", "sys.monitoring", "gc.get_")
"""What shows the objects of others."""
FRAMES = {"tb_frame", "gi_frame", "cr_frame", "ag_frame"}
"""The attributes of a traceback, a generator or a coroutine that do so, too."""
EVENTS = (*STARTS, *CHANGES_FILES, *LOOKS, "open", "object.__getattr__")
SHOW_FRAMES = ("inspect.py", "traceback.py")
"""The modules of Python by which one may look, too."""
PYTHON = sysconfig.get_path("stdlib")
THE_IMPORT = ("<frozen importlib", f"{PYTHON}/importlib", f"{PYTHON}/linecache.py")
"""What opens a module itself, or its text for a message."""
CHECKER = str(Path(__file__).parents[3]) + os.sep
INSTALLED = (PYTHON, sysconfig.get_path("purelib"), sysconfig.get_path("platlib"), CHECKER)
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
        self.beside = str(Path(path).parent) + os.sep
        self.seen: list[str] = []
        self.may_read = True  # but not in a pass
        self.hears = False
        self.loaded = 0
        self.before: dict[tuple[str, str], Held] = {}
        self.signals = _signals()

    def begin(self) -> None:
        """Hear of what is opened, started and looked at from now on, which cannot be undone."""
        sys.addaudithook(self._heard)

    def called(self, frame: FrameType, allowed: tuple[str, ...]) -> None:
        """Note a call, if it is one by the file of what it may not use."""
        name = frame.f_globals.get("__name__", "")
        what = _forbidden(name, allowed)
        if not what:
            return
        kind = type(frame.f_locals.get("self"))
        if kind.__module__ == self.module or any(f.f_code.co_filename == self.path for f in _stack(frame.f_back)):
            self.seen.append(f"it uses {name}, which {what}")

    def called_in_c(self, function: Any, frame: FrameType) -> None:
        """Note a call by the file of a function that is no Python, and of which no event tells."""
        if function is sys.getprofile and self._is_its_own(frame):
            self.seen.append("it looks at what watches it")
        elif function is start_new_thread:
            starts = next((f for f in _stack(frame) if not f.f_code.co_filename.startswith(PYTHON)), frame)
            if self._is_its_own(starts):
                self.seen.append("it starts a thread, in which it is not watched")

    def _heard(self, event: str, args: tuple[Any, ...]) -> None:
        """Note what is opened, started, changed or looked at by the file, and refuse all of it but reading.

        Raises:
            PermissionError: it is no reading.
        """
        if self.hears or not event.startswith(EVENTS):
            return
        self.hears = True  # as what is asked here would be heard, too
        try:
            said = self._said(event, args, sys._getframe(1))
        finally:
            self.hears = False
        if said:
            self.seen.append(said)
        if said and not _reads(event, args):
            raise PermissionError(f"{event} is not allowed while a backward is checked")

    def _said(self, event: str, args: tuple[Any, ...], frame: FrameType) -> str:
        """What is said of an event; "" where it is not the file's, or harmless."""
        if event == "object.__getattr__" and args[1] not in FRAMES:
            return ""
        if event.startswith((*LOOKS, "object.")):
            what = args[1] if event.startswith("object.") else event
            return f"it looks at what others have ({what})" if self._looks(frame) else ""
        if not self._does(frame):
            return ""
        if event.startswith(STARTS):
            return f"it starts something else ({event}), which may have the answers"
        if self.may_read and (_reads(event, args) or _is_inside(args[0])):
            return ""
        if event != "open":
            return f"it changes files ({event})"
        return f"it opens {str(args[0])[:80]}, which may have the answers"

    def _looks(self, frame: FrameType) -> bool:
        """Whether it is the file that looks, itself or by a module that is there for that."""
        return self._is_its_own(frame) or (frame.f_code.co_filename.endswith(SHOW_FRAMES) and self._does(frame))

    def _does(self, frame: FrameType) -> bool:
        """Whether the file does it: it is on the stack, and neither Python's import nor the checker is above it."""
        for f in _stack(frame):
            if self._is_its_own(f):
                return True
            if f.f_code.co_filename.startswith(THE_IMPORT) or f.f_code.co_filename.startswith(CHECKER):
                return False
        return False

    def _is_its_own(self, frame: FrameType) -> bool:
        """Whether it is a function of the file, or of another beside it."""
        name = frame.f_code.co_filename
        return name == self.path or (name.startswith(self.beside) and not name.startswith(INSTALLED))

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
        if _signals() != self.signals:
            return "what a signal calls"
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


def _reads(event: str, args: tuple[Any, ...]) -> bool:
    return event == "open" and not args[2] & (os.O_WRONLY | os.O_RDWR)


def _is_inside(path: Any) -> bool:
    """Whether a path is of the process's own folder, which is removed, or leads nowhere."""
    return not isinstance(path, int) and (
        os.fsdecode(path) == os.devnull or Path.cwd() in Path(os.path.realpath(path)).parents
    )


def _signals() -> list[Any]:
    """What each signal calls."""
    return [signal.getsignal(number) for number in sorted(signal.valid_signals())]


def _owners() -> Iterator[tuple[tuple[str, str], Any]]:
    """NumPy and Python, and the checker's modules with their classes, by their names."""
    yield from (((library.__name__, ""), library) for library in LIBRARIES)
    for name, module in [*sys.modules.items()]:
        if name.startswith(OURS) and isinstance(module, ModuleType):
            yield (name, ""), module
            kinds = ((n, v) for n, v in [*vars(module).items()] if isinstance(v, type) and v.__module__ == name)
            yield from (((name, n), kind) for n, kind in kinds)
