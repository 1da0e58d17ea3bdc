"""How a step is timed, on a machine that is not quiet."""

import os
import subprocess
import sys
import time
from typing import Any

import numpy as np
import pytest

from experiments.bench import clock, table
from experiments.bench.clock import Slice, Spread
from experiments.bench.workloads import classification

TICK, TICK_US = 2**-6, 15_625  # seconds and microseconds, both exact in binary
WORK = classification("", [2, 2], 1, np.float32)


def test_rounds_in_which_another_process_took_the_core_are_thrown_away():
    undisturbed = [Slice(10, 10 * TICK, 0, 0), Slice(5, 25 * TICK, 0, 0)]
    for_a_moment = [Slice(10, 10 * TICK, 2, TICK / 20), Slice(5, 25 * TICK, 0, 0)]
    ours_preempted = [Slice(10, 5000 * TICK, 1, 4990 * TICK), Slice(5, 25 * TICK, 0, 0)]
    theirs_preempted = [Slice(10, 10 * TICK, 0, 0), Slice(5, 5000 * TICK, 3, 4975 * TICK)]
    assert len(clock.undisturbed([undisturbed, for_a_moment, ours_preempted, theirs_preempted])) == 2
    rounds = [undisturbed] * 10 + [for_a_moment] * 2 + [ours_preempted] * 40 + [theirs_preempted] * 40
    row: Any = table.row(WORK, ["manual", "default"], rounds)
    assert (row.rounds, row.kept) == (92, 12)
    assert [s.q3 for s in (row.manual_us, row.torch_us, row.ratio)] == [TICK_US, 5 * TICK_US, 5]


@pytest.mark.skipif(
    not hasattr(os, "sched_setaffinity"), reason="needs a system on which two processes can be put on one core"
)
def test_another_process_on_the_same_core_is_noticed():
    allowed = os.sched_getaffinity(0)
    core, before, patience = {min(allowed)}, clock.preemptions(), time.monotonic() + 10
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as other:
        try:
            os.sched_setaffinity(other.pid, core)
            os.sched_setaffinity(0, core)
            while clock.preemptions() == before and time.monotonic() < patience:
                pass
        finally:
            os.sched_setaffinity(0, allowed)
            other.kill()
    assert clock.preemptions() > before


def test_a_time_is_the_median_between_its_quartiles():
    rounds = [[Slice(1, TICK, 0, 0), Slice(1, n * TICK, 0, 0)] for n in range(21)]
    row: Any = table.row(WORK, ["manual", "default"], rounds)
    assert (row.torch_us.q1, row.torch_us.median, row.torch_us.q3) == (5 * TICK_US, 10 * TICK_US, 15 * TICK_US)
    assert (row.ratio.q1, row.ratio.median, row.ratio.q3) == (5, 10, 15)


def test_times_are_written_in_three_digits_without_a_power_of_ten():
    spread = Spread(0.75912, 46.68, 56_439)
    assert str(spread) == "46.7 (0.759–56,400)"
