"""Time some steps against each other, in one run on a machine that is not quiet.

They take turns, a slice of about 2 ms each. A round, one slice of each, in which another process took a core away is
thrown away. (Windows does not count such turns, `COUNTED`: there every round is left.)
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

try:
    import resource
except ImportError:  # Windows
    resource = None

SLICE = 0.002  # seconds: shorter than the turn that the scheduler gives to another process
FEWEST = 10  # undisturbed rounds that a median is taken of
PATIENCE = 20  # seconds to wait for them
COUNTED = resource is not None


class Slice(NamedTuple):
    """Some steps in a row: how long they took together, how often another process took a core away meanwhile, and how
    long this one then stood still.
    """

    steps: int
    seconds: float
    preemptions: int
    lost: float

    @property
    def disturbed(self) -> bool:
        """Whether another process made a difference that can be seen; a long step is interrupted for a moment now and
        then."""
        return self.preemptions > 0 and self.lost > 0.01 * self.seconds


@dataclass(frozen=True)
class Spread:
    """The median of some measurements, between their quartiles."""

    q1: float
    median: float
    q3: float

    @classmethod
    def of(cls, values: Any) -> "Spread":
        """That of some measurements."""
        return cls(*np.percentile(values, [25, 50, 75]).tolist())

    def __str__(self) -> str:
        return f"{brief(self.median)} ({brief(self.q1)}–{brief(self.q3)})"


def brief(value: float) -> str:
    """Three digits, and no power of ten: 0.759, 46.7, 56,400."""
    return f"{float(f'{value:.3g}'):,.12g}"


def preemptions() -> int:
    """How often another process has taken a core from a thread of this one, so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw if resource else 0


def timed(step: Callable[[], object], steps: int) -> Slice:
    """Time some steps; one before them, untimed, refills the processor's caches after the other side."""
    step()
    before, start, ran = preemptions(), time.perf_counter(), time.thread_time()
    for _ in range(steps):
        step()
    seconds = time.perf_counter() - start
    return Slice(steps, seconds, preemptions() - before, seconds - (time.thread_time() - ran))


def race(sides: Sequence[Callable[[], object]], seconds: float) -> list[list[Slice]]:
    """Rounds of one slice of each side, for so many seconds, or until enough of them are undisturbed. Each round
    begins with another side, so that none always follows the same one.
    """
    steps = []
    for side in sides:
        quickest = min(timed(side, 1).seconds for _ in range(5))
        steps.append(max(1, round(SLICE / quickest)))
    rounds, start = [], time.perf_counter()
    while (passed := time.perf_counter() - start) < seconds or (
        len(undisturbed(rounds)) < FEWEST and passed < PATIENCE
    ):
        turns = [(len(rounds) + i) % len(sides) for i in range(len(sides))]
        slices = {turn: timed(sides[turn], steps[turn]) for turn in turns}
        rounds.append([slices[turn] for turn in sorted(turns)])
    return rounds


def undisturbed(rounds: Sequence[list[Slice]]) -> list[list[Slice]]:
    """The rounds in which no other process made a difference."""
    return [slices for slices in rounds if not _disturbed(slices)]


def _disturbed(slices: list[Slice]) -> bool:
    return any(each.disturbed for each in slices)
