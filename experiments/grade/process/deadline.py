"""How long a process may take for an answer: so much processor time, whatever else the machine does.

One that waits uses none; it has `PATIENCE` times as long by the clock. Where the system does not tell a process's
processor time (it has no /proc), the clock counts.
"""

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

PATIENCE = 5
TICKS = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100


def used(pid: int) -> float:
    """Seconds of processor time that a process has taken; where that is not told, the clock."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
    except OSError:
        return time.monotonic()
    return (int(fields[11]) + int(fields[12])) / TICKS


class Deadline:
    """Calls `end` when the process has used `seconds`; `passed` says whether it has."""

    def __init__(self, pid: int, seconds: float, end: Callable[[], None]) -> None:
        self.pid, self.end, self.passed, self.over = pid, end, False, False
        self.most, self.latest = used(pid) + seconds, time.monotonic() + PATIENCE * seconds
        self._wait(seconds)

    def left(self) -> float:
        """Seconds of processor time."""
        return self.most - used(self.pid)

    def cancel(self) -> None:
        """The answer has come."""
        self.over = True
        self._timer.cancel()

    def _wait(self, seconds: float) -> None:
        self._timer = threading.Timer(max(seconds, 0.05), self._look)
        self._timer.start()

    def _look(self) -> None:
        if self.over:
            return
        left, by_the_clock = self.left(), self.latest - time.monotonic()
        self.passed = min(left, by_the_clock) <= 0
        if self.passed:
            self.end()
        else:
            self._wait(min(left, by_the_clock))
