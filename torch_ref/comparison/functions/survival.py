"""A call that may end the process, as torch's own kernels do that divide by a size of 0: tried in a process of its own
first."""

import faulthandler
import os
import signal
import time
import warnings
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from weakref import WeakKeyDictionary

import torch

SECONDS = 10
"""A child that has not ended by then hangs; what it would have done is not known."""

_SURVIVED: Any = WeakKeyDictionary()


def survived(reference: Any, function: Any) -> set[Any]:
    """What the two of them survived before: a fork takes as long as twenty calls."""
    try:
        beside = _SURVIVED.setdefault(reference, WeakKeyDictionary())
        return beside.setdefault(getattr(function, "__self__", function), set())
    except TypeError:  # there is no weak reference to one of them
        return set()


def deadly(*calls: Callable[[], object]) -> tuple[int, str] | None:
    """The first of these calls that ends its process, and by which signal; None where none does, or where there is no
    fork."""
    if not hasattr(os, "fork") or torch.cuda.is_initialized():
        return None
    reads, writes = os.pipe()
    with warnings.catch_warnings(action="ignore"):  # of threads, which the child does not use
        child = os.fork()
    if not child:
        _each(calls, writes)
    os.close(writes)
    ended = _wait(child)
    with os.fdopen(reads, "rb") as pipe:
        done = len(pipe.read())
    return (done, signal.Signals(os.WTERMSIG(ended)).name) if os.WIFSIGNALED(ended) and done < len(calls) else None


def _each(calls: tuple[Callable[[], object], ...], writes: int) -> None:
    """In the child: every call, and a byte for each that is over. It never returns."""
    try:
        faulthandler.disable()  # the end is told by the parent
        torch.set_num_threads(1)
        for call in calls:
            with suppress(Exception):  # it is raised again where it can be told
                call()
            os.write(writes, b".")
    finally:
        os._exit(0)


def _wait(child: int) -> int:
    """How it ended; 0 for one that hangs, which is ended."""
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return status
        time.sleep(0.002)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return 0
