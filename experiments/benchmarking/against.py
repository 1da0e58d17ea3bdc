"""Has it become slower? Ratios are compared with those of an earlier result, never times: they depend on the machine's mood."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from manual import InputError

FELL = 0.9
"""A ratio below this part of the earlier one, whose quartiles lie below the earlier one's, has fallen behind. It is chosen."""


Ratios = dict[tuple[str, int, str, str], dict[str, float]]
"""By table, threads, dtype and workload: torch's time over manual's, median and quartiles."""


def read(path: Path) -> Ratios:
    """The ratios of an earlier result, `--format json`.

    Raises:
        InputError: there is no such file, or it is none.
    """
    try:
        return dict(ratios(json.loads(path.read_text("utf-8"))))
    except (OSError, ValueError, TypeError, LookupError) as error:
        raise InputError(f"--against {path}: not a result of this benchmark ({type(error).__name__}: {error})") from None


def ratios(tables: Sequence[dict[str, Any]]) -> Iterator[tuple[tuple[str, int, str, str], dict[str, float]]]:
    """What was timed, and its ratio."""
    for table in tables:
        for row in table["rows"]:
            ratio = {key: float(row["ratio"][key]) for key in ("q1", "median", "q3")}
            yield (table["table"], table["threads"], table["dtype"], row["workload"]), ratio


def behind(before: Ratios, now: Sequence[dict[str, Any]]) -> list[str]:
    """A line for each ratio that has fallen behind."""
    lines = []
    for about, ratio in ratios(now):
        old = before.get(about)
        if old and ratio["median"] < FELL * old["median"] and ratio["q3"] < old["q1"]:
            name, threads, dtype, workload = about
            lines.append(
                f"slower: {workload} ({name}, {dtype}, threads: {threads}): torch / manual was {old['median']:.3g} and is "
                f"{ratio['median']:.3g}"
            )
    return lines
