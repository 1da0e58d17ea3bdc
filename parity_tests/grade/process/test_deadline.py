"""A hand-in's time is the processor's: what else the machine does takes none of it."""

from types import SimpleNamespace

import pytest

from experiments.grade.process import deadline
from experiments.grade.process.deadline import PATIENCE, Deadline


@pytest.mark.parametrize(
    ("taken", "clock", "passed"),
    [(59, 61, False), (61, 61, True), (0, 60 * PATIENCE - 1, False), (0, 60 * PATIENCE + 1, True)],
)
def test_a_process_ends_after_its_processor_time_or_a_multiple_of_it_by_the_clock(taken, clock, passed, monkeypatch):
    now, ended = SimpleNamespace(taken=0, clock=0), []
    monkeypatch.setattr(deadline, "used", lambda _: now.taken)
    monkeypatch.setattr(deadline, "time", SimpleNamespace(monotonic=lambda: now.clock))
    limit = Deadline(1, 60, lambda: ended.append(True))
    limit._timer.cancel()
    now.taken, now.clock = taken, clock
    limit._look()
    limit.cancel()
    assert (limit.passed, bool(ended), limit.left()) == (passed, passed, 60 - taken)
