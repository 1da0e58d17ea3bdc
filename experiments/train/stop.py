"""Ctrl-C and SIGTERM end a run between two training steps, where it can be saved. A second one ends it at once."""

import os
import signal
from types import FrameType

FIRST = "BACKPROP_FIRST_PROCESS"
"""The variable that tells the processes that the first starts which one that is. Lightning, which starts them, is not
loaded here: signals are heard before."""
SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stopped(SystemExit):
    """A signal ended the command; the exit status is what a shell expects, 130 for Ctrl-C and 143 for SIGTERM."""

    def __init__(self, number: int) -> None:
        super().__init__(128 + number)
        self.name = signal.Signals(number).name

    def __str__(self) -> str:
        return f"stopped by {self.name}"


class Stop:
    """Hears the signals while it is entered.

    Attributes:
        asked: what to raise, once a signal came; else None.
        waits: whether training steps are being made: who makes them looks at `asked` after each. Else it is raised at
            once.
    """

    def __init__(self) -> None:
        self.asked: Stopped | None = None
        self.waits = False

    def __enter__(self) -> "Stop":
        before = {number: signal.getsignal(number) for number in SIGNALS}
        ignored = signal.SIG_IGN if FIRST not in os.environ else None  # else it is the first process that ignores them
        self._before = {number: handler for number, handler in before.items() if handler != ignored}
        self.listen()
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def listen(self) -> None:
        """Be the one who hears them, but for those that are ignored, as by a shell in the background."""
        for number in self._before:
            signal.signal(number, self._heard)

    def _heard(self, number: int, _: FrameType | None) -> None:
        for each in self._before:
            signal.signal(each, signal.SIG_DFL)
        self.asked = Stopped(number)
        if not self.waits:
            raise self.asked
