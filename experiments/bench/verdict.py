"""What a table of the benchmark says in words: what was aimed at and reached, where torch is faster, and how a network
grows."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from experiments.bench.clock import brief


class Target(NamedTuple):
    """What a quantity of a row is to be at least, and what would be better still."""

    table: str
    workload: str
    quantity: str
    least: float
    aim: float | None = None


TARGETS = (
    Target("steps", "2-2-1, batch 1", "ratio", 5, 7),
    Target("steps", "1-2-1, batch 256", "ratio", 4, 6),
    Target("steps", "digits, batch 64", "ratio", 2.5, 3.5),
    Target("steps", "784-512-512-10, batch 128", "ratio", 1.7, 2),
    Target("steps", "Bluebird CNN, batch 64", "ratio", 0.8, 1.15),
    Target("steps", "transformer block 128, T 64, batch 16", "ratio", 1.2),
    Target("steps", "784-512-512-10, batch 128", "of_gemm", 0.7),
    Target("steps", "Bluebird CNN, batch 64", "of_gemm", 0.4),
    Target("kernel", "784-512-512-10, batch 128", "ratio", 1.1),
    Target("kernel", "Bluebird CNN, batch 64", "ratio", 0.5),
)
"""In float32, on one thread."""

QUANTITIES = {"ratio": "torch / manual", "of_gemm": "of a product's rate"}
FROM = 256
"""The width from which on the time of a step is that of its arithmetic."""


def judged(table: dict[str, Any]) -> list[dict[str, Any]]:
    """Each target of the table, the median that was reached (none where it was not timed), and the verdict."""
    if (table["threads"], table["dtype"]) != (1, "float32"):
        return []
    rows = {row["workload"]: row for row in table["rows"]}
    results = []
    for target in TARGETS:
        if target.table == table["table"]:
            timed = rows.get(target.workload, {}).get(target.quantity)
            reached = timed["median"] if timed else None
            results.append(target._asdict() | {"reached": reached, "verdict": verdict(target, reached)})
    return results


def verdict(target: Target, reached: float | None) -> str:
    """What to say of the target."""
    if reached is None:
        return "not timed"
    if target.aim is not None and reached >= target.aim:
        return "reached, and the ideal"
    return "reached" if reached >= target.least else "not reached"


def notes(table: dict[str, Any]) -> Iterator[str]:
    """The sentences below a table."""
    for each in table["targets"]:
        aim = f" (ideal {each['aim']:g})" if each["aim"] else ""
        got = "" if each["reached"] is None else f": {brief(each['reached'])}"
        aimed = f"{each['workload']}, {QUANTITIES[each['quantity']]}: aim at least {each['least']:g}{aim}"
        yield f"{aimed}{got}, {each['verdict']}"
    faster = [
        f"{row['workload']} "
        f"({brief(row['ratio']['median'])}{'' if row['choice'] == 'default' else ', ' + row['choice']})"
        for row in table["rows"]
        if row["ratio"]["median"] < 1
    ]
    if faster:
        yield f"torch is faster in {len(faster)} of {len(table['rows'])}: {'; '.join(faster)}"
    if table["table"] == "kernel":
        yield "only NumPy's matrix products are held to AVX2; torch keeps the instructions that are named above"
    if table["table"] == "growth":
        yield from _grown(table["rows"])


def _grown(rows: list[dict[str, Any]]) -> Iterator[str]:
    wide = [row for row in rows if row["workload"].startswith("width ") and width(row) >= FROM]
    if wide and width(wide[0]) == FROM:
        each = [row["manual_us"]["median"] / row["flops"] for row in wide]
        low, high = brief(min(each) / each[0]), brief(max(each) / each[0])
        yield f"from width {FROM} to {width(wide[-1]):,} an operation takes {low} to {high} of its time at width {FROM}"
    if rows:
        most = brief(max(row["besides_kb"] for row in rows))
        yield (
            f"besides parameters, gradient and activations a step takes at most {most} KB of "
            "memory, at any of these sizes"
        )


def width(row: dict[str, Any]) -> int:
    """The width in the name of a row of the table of growth."""
    return int(row["workload"].removeprefix("width ").replace(",", ""))
