"""What a table says in words."""

import numpy as np

from experiments.bench import startup, table
from experiments.bench.clock import Spread
from experiments.bench.verdict import TARGETS, judged, notes
from experiments.bench.workloads import workloads


def test_every_target_is_one_of_a_workload():
    works = {work.name: work for work in workloads(np.float32)}
    for target in TARGETS:
        assert target.quantity == "ratio" or works[target.workload].flops >= table.LARGE
        assert target.table in ("steps", "kernel")


def timed(workload, ratio, of_gemm=None, choice="default", flops=1, us=1.0, besides_kb=0.0):
    spread = {"q1": ratio, "median": ratio, "q3": ratio}
    share = of_gemm and {"q1": of_gemm, "median": of_gemm, "q3": of_gemm}
    return {"workload": workload, "ratio": spread, "of_gemm": share, "choice": choice, "flops": flops,
            "manual_us": {"q1": us, "median": us, "q3": us}, "besides_kb": besides_kb}  # fmt: skip


def in_words(name, *rows, threads=1, dtype="float32"):
    made = {"table": name, "threads": threads, "dtype": dtype, "rows": rows}
    return [*notes(made | {"targets": judged(made)})]


def test_what_was_asked_is_said_to_be_reached_or_not():
    large = "784-512-512-10, batch 128"
    small = [timed("2-2-1, batch 1", 7), timed("1-2-1, batch 256", 5.9), timed("digits, batch 64", 2.499)]
    assert in_words("steps", *small, timed(large, 2, 0.7)) == [
        "2-2-1, batch 1, torch / manual: aim at least 5 (ideal 7): 7, reached, and the ideal",
        "1-2-1, batch 256, torch / manual: aim at least 4 (ideal 6): 5.9, reached",
        "digits, batch 64, torch / manual: aim at least 2.5 (ideal 3.5): 2.5, not reached",
        f"{large}, torch / manual: aim at least 1.7 (ideal 2): 2, reached, and the ideal",
        "Bluebird CNN, batch 64, torch / manual: aim at least 0.8 (ideal 1.15), not timed",
        "transformer block 128, T 64, batch 16, torch / manual: aim at least 1.2, not timed",
        f"{large}, of a product's rate: aim at least 0.7: 0.7, reached",
        "Bluebird CNN, batch 64, of a product's rate: aim at least 0.4, not timed",
    ]
    assert in_words("steps", timed(large, 2), threads=2) == in_words("steps", timed(large, 2), dtype="float64") == []


def test_where_torch_is_faster_is_said_with_the_way_in_which_it_is():
    said = in_words("growth", timed("a", 1.01), timed("b", 0.5, choice="fused update"), timed("c", 0.99), threads=2)
    assert said[0] == "torch is faster in 2 of 3: b (0.5, fused update); c (0.99)"


def test_what_starts_too_late_is_said_to_miss_its_limit():
    limits = [("import torch", None, 0), ("a", 1.2, 0), ("b", 1.2, 0), ("c", 1, 0.5), ("d", 1, 0.5)]
    seconds = [2, 2.3, 2.5, 2.4, 2.6]
    taken = {startup.Start(name, (), times, more): Spread(s, s, s)
             for (name, times, more), s in zip(limits, seconds, strict=True)}  # fmt: skip
    lines = startup.text(taken).splitlines()[1:]
    assert [line.split()[-1] for line in lines[1:]] == ["reached", "missed", "reached", "missed"]
    assert "1.15" in lines[1]


def test_what_startup_checks_is_right_so_that_all_of_it_is_judged(run_apart, tmp_path):
    status, result = run_apart(startup.filled_in(tmp_path))
    assert (status, len(result["findings"])) == (0, 3)


def test_how_time_and_memory_grow_is_said():
    grown = (("width 128", 1, 9), ("width 256", 4, 8), ("width 1,024", 64, 160))
    widths = [timed(name, 2, flops=flops, us=us) for name, flops, us in grown]
    said = in_words("growth", *widths, timed("batch 1", 2, besides_kb=7))
    assert said == [
        "from width 256 to 1,024 an operation takes 1 to 1.25 of its time at width 256",
        "besides parameters, gradient and activations a step takes at most 7 KB of memory, at any of these sizes",
    ]
    assert in_words("growth", widths[0], widths[2])[:-1] == []  # not without what it is measured by
