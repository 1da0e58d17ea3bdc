"""The moments at which a run is killed: by the clock, or by what it writes."""

import math
import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from experiments.train.checkpoints.checkpoint import LAST


def kill(pid: int, moment: Callable[[], bool]) -> int:
    """Kill the process when the moment has come; its wait status. It may have ended before."""
    while not moment():
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return status
    os.kill(pid, signal.SIGKILL)
    return os.waitpid(pid, 0)[1]


def after(seconds: float) -> Callable[[], bool]:
    """A moment by the clock."""
    end = time.perf_counter() + seconds

    def moment() -> bool:
        time.sleep(1e-3)
        return time.perf_counter() >= end

    return moment


def writing(folder: Path, changes: int, delay: float) -> Callable[[], bool]:
    """A moment by what is seen of the checkpoints from outside: so long after so many changes of the file or of what
    is written beside it.
    """
    seen: list[Any] = [_seen(folder)]
    end = math.inf

    def moment() -> bool:
        nonlocal end
        if (now := _seen(folder)) != seen[-1]:
            seen.append(now)
            if len(seen) - 1 == changes:
                end = time.perf_counter() + delay
        return time.perf_counter() >= end

    return moment


def _seen(folder: Path) -> list[Any]:
    found = []
    for name in (LAST, f"{LAST}.part"):
        with suppress(FileNotFoundError):
            about = (folder / name).stat()
            found.append((name, about.st_ino, about.st_size, about.st_mtime_ns))
    return found
