"""The benchmark's rows: both sides compared, then timed."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from experiments.bench.clock import COUNTED, FEWEST, Slice, Spread, brief, race, undisturbed
from experiments.bench.machine import commit, machine
from experiments.bench.memory import besides
from experiments.bench.steps import Step, compiled_side, manual_side, torch_sides
from experiments.bench.verdict import judged, notes
from experiments.bench.workloads import Workload, of_two_in_float64
from experiments.shared.errors import CommandError
from manual import Network
from torch_ref import Parity, compare_network, compare_training, params_of
from torch_ref.tables import columns

SECONDS = 2  # for each workload
LARGE = 10**7  # floating-point operations of a step from which on it is held against the rate of a matrix product
SQUARE = 512  # rows and columns of that product
SLOW_TO_COMPARE = (
    10**6
)  # parameters from which on the update, which is the same rule for each of them, is not compared too
APART = 0.01
"""How far the first steps of two sides may lead apart, as a part of the step. It is chosen: what is fused, compiled
or laid out otherwise sums in another order, and Adam's first step is as long where the gradient is nothing but
rounding.
"""


class Void(CommandError):
    """A benchmark that says nothing: the two sides do not compute the same."""


@dataclass(frozen=True)
class Row:
    """One workload's result: microseconds a step of every side; how many times as long torch takes, round by round,
    eager in the fastest of its ways, `choice`, and compiled; manual's share of the rate of a matrix product; and its
    memory besides what a step cannot do without.
    """

    workload: str
    flops: int
    sides_us: dict[str, Spread]
    manual_us: Spread
    torch_us: Spread
    choice: str
    ratio: Spread
    compiled: Spread | str | None
    gflops: float | None
    of_gemm: Spread | None
    besides_kb: float
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
    rows = [asdict(result) for result in results if isinstance(result, Row)]
    untimed = [asdict(result) for result in results if isinstance(result, Untimed)]
    about = {"table": name, "threads": threads, "dtype": dtype, "machine": machine(), "commit": commit(),
             "made": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC", "rows": rows, "untimed": untimed}  # fmt: skip
    return about | {"targets": judged(about)}


def measure(works: Iterable[Workload], compiled: bool = False) -> Iterator[Row | Untimed]:
    """Compare both sides of each workload, then time them; with torch.compile too, if asked for.

    Raises:
        Void: they do not compute the same.
    """
    for work in works:
        check(work)
        networks: dict[str, Network | torch.nn.Module] = {}
        steps: dict[str, Step] = {}
        networks["manual"], steps["manual"] = manual_side(work)
        for choice, (module, step) in torch_sides(work).items():
            networks[choice], steps[choice] = module, step
        made = compiled_side(work) if compiled else None
        if made and not isinstance(made, str):
            networks["compiled"], steps["compiled"] = made
        check_first_steps(work, networks, steps)
        if work.flops >= LARGE:
            steps["product"] = matrix_product(work.x.dtype)
        rounds = race([*steps.values()], SECONDS)
        yield row(work, [*steps], rounds, made if isinstance(made, str) else None)


def check(work: Workload) -> None:
    """Raise Void unless a step by hand and one in torch come to the same.

    A block is judged as a whole, too. If in float32 its bound exceeds its values, two examples are compared in float64.
    """
    parity = compared(work)
    if not parity.agrees and not any(c.differs for c in parity.comparisons):
        parity = compared(of_two_in_float64(work))
    if not parity.agrees:
        raise Void(f"{work.name}: manual and torch do not compute the same, so nothing was timed: {parity.verdict}")


def compared(work: Workload) -> Parity:
    """A step by hand held against one in torch; of a large network without the update."""
    if sum(p.size for p in work.network.params.values()) < SLOW_TO_COMPARE:
        return compare_training(work.network, work.loss, work.optimizer, work.x, work.y, steps=1)
    return compare_network(work.network, work.loss, work.x, work.y)


def check_first_steps(
    work: Workload, networks: Mapping[str, Network | torch.nn.Module], steps: Mapping[str, Step]
) -> None:
    """Let each side that will be timed make its first step, and raise Void unless all of them lead to the same
    place."""
    moved = {}
    for side, network in networks.items():
        steps[side]()
        after = network.params if isinstance(network, Network) else params_of(network)
        moved[side] = np.concatenate([np.ravel(after[name] - p) for name, p in work.network.params.items()])
        apart = np.linalg.norm(moved[side] - moved["manual"]) / np.linalg.norm(moved["manual"])
        if not apart <= APART:
            raise Void(
                f"{work.name}: nothing was timed, as torch's step ({side}) leads elsewhere, {apart:.1g} of it apart"
            )


def matrix_product(dtype: np.dtype) -> Step:
    """A product of two square matrices: as fast as arithmetic gets."""
    a = np.random.default_rng(0).random((SQUARE, SQUARE)).astype(dtype)
    out = np.empty_like(a)
    return lambda: np.matmul(a, a, out=out)


def row(
    work: Workload, sides: Sequence[str], rounds: Sequence[list[Slice]], not_compiled: str | None = None
) -> Row | Untimed:
    """What the undisturbed rounds say, if there are enough of them."""
    kept = undisturbed(rounds)
    if len(kept) < FEWEST:
        reason = f"other processes left {len(kept)} of {len(rounds)} rounds undisturbed, fewer than {FEWEST}"
        return Untimed(work.name, reason)
    seconds = {}
    for side, column in zip(sides, zip(*kept, strict=True), strict=True):
        seconds[side] = np.array([each.seconds / each.steps for each in column])
    ours = seconds["manual"]
    choice = min(seconds.keys() - {"manual", "compiled", "product"}, key=lambda side: np.median(seconds[side]))
    of_gemm = work.flops / ours * seconds["product"] / (2 * SQUARE**3) if "product" in seconds else None
    us = {side: Spread.of(1e6 * each) for side, each in seconds.items()}
    return Row(
        work.name,
        work.flops,
        us,
        us["manual"],
        us[choice],
        choice,
        Spread.of(seconds[choice] / ours),
        Spread.of(seconds["compiled"] / ours) if "compiled" in seconds else not_compiled,
        *((None, None) if of_gemm is None else (float(np.median(work.flops / ours)) / 1e9, Spread.of(of_gemm))),
        besides(work) / 1024,
        len(rounds),
        len(kept),
    )


TITLES = {
    "steps": "One training step",
    "kernel": "The same, NumPy's BLAS held to its AVX2 kernel",
    "growth": "A network that grows",
}


def text(table: dict[str, Any]) -> str:
    """A table as text."""
    lines = [["", "manual, µs", "torch, µs", "torch / manual", "torch.compile / manual", "GFLOP/s", "of a product's",
              "memory besides, KB", "rounds kept"]]  # fmt: skip
    for row in table["rows"]:
        choice = "" if row["choice"] == "default" else f" {row['choice']}"
        compiled = row["compiled"]
        lines.append(
            [
                row["workload"],
                spread(row["manual_us"]),
                spread(row["torch_us"]) + choice,
                spread(row["ratio"]),
                spread(compiled) if isinstance(compiled, dict) else compiled or "",
                brief(row["gflops"]) if row["gflops"] else "",
                spread(row["of_gemm"]) if row["of_gemm"] else "",
                brief(row["besides_kb"]),
                f"{row['kept']} of {row['rounds']}",
            ]
        )
    used = [column for column in zip(*lines, strict=True) if any(column[1:])]
    body = columns([*zip(*used, strict=True)])
    missing = [f"{u['workload']}: {u['reason']}" for u in table["untimed"]]
    uncounted = [] if COUNTED else ["this system does not say which rounds were disturbed, so all are kept"]
    about = [f"{TITLES[table['table']]}: {table['dtype']}, {table['threads']} thread{'s' * (table['threads'] > 1)}",
             *(f"{name:6}{value}" for name, value in table["machine"].items())]  # fmt: skip
    return "\n".join([*about, "", *body, *missing, "", *notes(table), *uncounted, ""])


def spread(values: dict[str, float]) -> str:
    """A median between its quartiles."""
    return str(Spread(**values))
