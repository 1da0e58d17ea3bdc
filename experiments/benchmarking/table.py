"""The benchmark's rows: both sides compared, then timed."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from experiments.benchmarking.clock import FEWEST, Slice, Spread, brief, race, undisturbed
from experiments.benchmarking.machine import machine
from experiments.benchmarking.steps import Step, compiled_side, manual_side, torch_side
from experiments.benchmarking.workloads import TARGETS, Workload
from torch_ref import compare_network, compare_training
from torch_ref.columns import columns

SECONDS = 2       # for each workload
LARGE = 10**7     # floating-point operations of a step from which on it is held against the rate of a matrix product
SQUARE = 512      # rows and columns of that product
SLOW_TO_COMPARE = 10**6  # parameters from which on the update, which is the same rule for each of them, is not compared too
LAYOUTS = {"default": torch.contiguous_format, "channels last": torch.channels_last}


class Void(RuntimeError):
    """A benchmark that says nothing: the two sides do not compute the same."""


@dataclass(frozen=True)
class Row:
    """One workload's result: microseconds a step; how many times as long torch takes, round by round, eager in its faster
    memory layout and compiled; and manual's share of the rate of a matrix product.
    """

    workload: str
    manual_us: Spread
    torch_us: Spread
    layout: str
    ratio: Spread
    compiled: Spread | str | None
    gflops: float | None
    of_gemm: Spread | None
    rounds: int
    kept: int


@dataclass(frozen=True)
class Untimed:
    """A workload for which the machine was never quiet."""

    workload: str
    reason: str


def table(name: str, threads: int, dtype: str, works: Iterable[Workload], compiled: bool = False) -> dict[str, Any]:
    """A table of the benchmark, as JSON has it.

    Raises:
        Void: the two sides of a workload do not compute the same.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        with threadpool_limits(threads):
            results = [*measure(works, compiled)]
    finally:
        torch.set_num_threads(before)
    about = {"table": name, "threads": threads, "dtype": dtype, "machine": machine()}
    rows, untimed = ([asdict(r) for r in results if isinstance(r, kind)] for kind in (Row, Untimed))
    return about | {"rows": rows, "untimed": untimed}


def measure(works: Iterable[Workload], compiled: bool = False) -> Iterator[Row | Untimed]:
    """Compare both sides of each workload, then time them; with torch.compile too, if asked for.

    Raises:
        Void: they do not compute the same.
    """
    for work in works:
        check(work)
        sides: dict[str, Step] = {"manual": manual_side(work)[1]}
        for layout, memory in LAYOUTS.items():
            if layout == "default" or work.x.ndim == 4:
                sides[layout] = torch_side(work, memory)[1]
        made = compiled_side(work) if compiled else None
        if callable(made):
            sides["compiled"] = made
        if work.flops >= LARGE:
            sides["product"] = matrix_product(work.x.dtype)
        rounds = race([*sides.values()], SECONDS)
        yield row(work, [*sides], rounds, made if isinstance(made, str) else None)


def check(work: Workload) -> None:
    """Raise Void unless a step by hand and one in torch come to the same."""
    if sum(p.size for p in work.network.params.values()) < SLOW_TO_COMPARE:
        parity = compare_training(work.network, work.loss, work.optimizer, work.x, work.y, steps=1)
    else:
        parity = compare_network(work.network, work.loss, work.x, work.y)
    if not parity.agrees:
        raise Void(f"{work.name}: manual and torch do not compute the same, so nothing was timed: {parity.verdict}")


def matrix_product(dtype: np.dtype) -> Step:
    """A product of two square matrices: as fast as arithmetic gets."""
    a = np.random.default_rng(0).random((SQUARE, SQUARE)).astype(dtype)
    out = np.empty_like(a)
    return lambda: np.matmul(a, a, out=out)


def row(work: Workload, sides: Sequence[str], rounds: Sequence[list[Slice]], not_compiled: str | None = None) -> Row | Untimed:
    """What the undisturbed rounds say, if there are enough of them."""
    kept = undisturbed(rounds)
    if len(kept) < FEWEST:
        reason = f"other processes left {len(kept)} of {len(rounds)} rounds undisturbed, fewer than {FEWEST}"
        return Untimed(work.name, reason)
    seconds = {side: np.array([each.seconds / each.steps for each in column])
               for side, column in zip(sides, zip(*kept, strict=True), strict=True)}  # fmt: skip
    ours = seconds["manual"]
    layout = min(LAYOUTS.keys() & seconds, key=lambda side: np.median(seconds[side]))
    of_gemm = work.flops / ours * seconds["product"] / (2 * SQUARE**3) if "product" in seconds else None
    return Row(
        work.name, Spread.of(1e6 * ours), Spread.of(1e6 * seconds[layout]), layout, Spread.of(seconds[layout] / ours),
        Spread.of(seconds["compiled"] / ours) if "compiled" in seconds else not_compiled,
        *((None, None) if of_gemm is None else (float(np.median(work.flops / ours)) / 1e9, Spread.of(of_gemm))),
        len(rounds), len(kept),
    )


TITLES = {
    "steps": "One training step", "kernel": "The same, NumPy's BLAS held to its AVX2 kernel", "growth": "A network that grows",
}


def text(table: dict[str, Any]) -> str:
    """A table as text."""
    held = table["table"] == "steps" and (table["threads"], table["dtype"]) == (1, "float32")
    lines = [["", "manual, µs", "torch, µs", "torch / manual", *["at least (aim)"] * held, "torch.compile / manual",
              "GFLOP/s", "of a product's", "rounds kept"]]  # fmt: skip
    for row in table["rows"]:
        asked = TARGETS.get(row["workload"])
        layout = "" if row["layout"] == "default" else f" {row['layout']}"
        compiled = row["compiled"]
        lines.append([
            row["workload"], spread(row["manual_us"]), spread(row["torch_us"]) + layout, spread(row["ratio"]),
            *[f"{asked[0]} ({asked[1]})" if asked else ""] * held,
            spread(compiled) if isinstance(compiled, dict) else compiled or "",
            brief(row["gflops"]) if row["gflops"] else "", spread(row["of_gemm"]) if row["of_gemm"] else "",
            f"{row['kept']} of {row['rounds']}",
        ])
    used = [column for column in zip(*lines, strict=True) if any(column[1:])]
    body = columns([*zip(*used, strict=True)])
    missing = [f"{u['workload']}: {u['reason']}" for u in table["untimed"]]
    about = [f"{TITLES[table['table']]}: {table['dtype']}, {table['threads']} thread{'s' * (table['threads'] > 1)}",
             *(f"{name:6}{value}" for name, value in table["machine"].items())]  # fmt: skip
    return "\n".join([*about, "", *body, *missing, ""])


def spread(values: dict[str, float]) -> str:
    """A median between its quartiles."""
    return str(Spread(**values))
