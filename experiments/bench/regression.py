"""Has it become slower? Ratios are compared with those of an earlier result, never times: they depend on the
machine's mood."""

import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from manual import InputError

FELL = 0.9
"""A ratio below this part of the earlier one, whose quartiles lie below the earlier one's, has fallen behind. It is
chosen."""

About = tuple[str, str, int, str]
"""Workload, table, threads and dtype."""


class Timed(NamedTuple):
    """Torch's time over manual's, median and quartiles, and the machine that it was measured on."""

    q1: float
    median: float
    q3: float
    machine: dict[str, str]


def read(path: Path) -> dict[About, Timed]:
    """The ratios of an earlier result, `--format json`.

    Raises:
        InputError: there is no such file, or it is none, or nothing was timed in it.
    """
    if not path.exists():
        raise InputError(f"--against: there is no {path}")
    if not path.is_file():  # a device may have no end
        raise InputError(f"--against {path}: expected a file")
    try:
        found = dict(ratios(json.loads(path.read_text("utf-8"))))
    except (OSError, ValueError, TypeError, LookupError, OverflowError, RecursionError) as error:
        raise InputError(
            f"--against {path}: not a result of this benchmark ({type(error).__name__}: {error})"
        ) from None
    if not found:
        raise InputError(f"--against {path}: expected a result of this benchmark, but nothing was timed in it")
    return found


def ratios(tables: Sequence[dict[str, Any]]) -> Iterator[tuple[About, Timed]]:
    """What was timed, and its ratio.

    Raises:
        ValueError: it is none that was measured.
    """
    for table in tables:
        for row in table["rows"]:
            q1, median, q3 = (float(row["ratio"][key]) for key in ("q1", "median", "q3"))
            if not 0 < q1 <= median <= q3 < math.inf:
                raise ValueError(f"{row['workload']}: its ratio is {median}, between {q1} and {q3}")
            about = (row["workload"], table["table"], table["threads"], table["dtype"])
            yield about, Timed(q1, median, q3, dict(table["machine"]))


def compare(before: dict[About, Timed], tables: Sequence[dict[str, Any]]) -> tuple[list[str], bool]:
    """A line for each ratio that has fallen behind, and for what makes the two results hard to compare; and whether
    one fell, or none could be compared.
    """
    now = dict(ratios(tables))
    both = before.keys() & now.keys()
    fell = [
        f"slower: {named(about)}: torch / manual was {before[about].median:.3g} and is {new.median:.3g}"
        for about, new in now.items()
        if about in both and behind(before[about], new)
    ]
    lines = [
        *fell,
        *(f"not compared: {named(about)}, of one result alone" for about in [*now, *before] if about not in both),
    ]
    for what in ("CPU", "NumPy", "torch"):
        pairs = {(before[about].machine.get(what), now[about].machine.get(what)) for about in both}
        lines += [
            f"not the same {what}: it was {old}, and is {new}" for old, new in sorted(pairs, key=str) if old != new
        ]
    return lines, bool(fell) or not both


def behind(old: Timed, new: Timed) -> bool:
    """Whether the ratio has fallen, by more than it spreads."""
    return new.median < FELL * old.median and new.q3 < old.q1


def named(about: About) -> str:
    """The row in words."""
    workload, table, threads, dtype = about
    return f"{workload} ({table}, {dtype}, threads: {threads})"
