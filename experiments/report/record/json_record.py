"""What was compared, trained and timed, as JSON: `report.json`, beside the page of the same figures.

    {
      "format": "backprop-by-hand report", "version": 2,
      "made": {"Commit": "571e77c", "CPU": "…", "NumPy": "2.4.0, openblas …", "torch": "…", …},
      "agrees": true,
      "verdict": "1,284 comparisons agree; the largest difference is 31% of the rounding tolerance; …",
      "rows": [{"kind": "layer", "subject": "Linear", "dtype": "float32", "device": "cpu", "places": [
          ["Linear(3, 4)", [["y", "float32", [5, 4], 1.192e-07, 0.1132, "agrees", ""], …]], …]}, …],
      "results": [["digits, 64-128-10", "manual", 0, "test_accuracy", 0.9722], …],
      "speeds": [["2-2-1, batch 1", 9.81, 10.2, 10.5], …]
    }

Under a place stand its comparisons: quantity, dtype, shape, largest difference, the same in units of what is allowed,
verdict, likely cause. `results` are what training ended with: network, implementation, seed, quantity, value.
`speeds` are of one training step torch's time over manual's: workload, lower quartile, median, upper quartile.
Numbers of comparisons have four digits; what is no finite number is the text "inf" or "nan". The version counts the
changes that make an older reader wrong.
"""

import json
import math
import reprlib
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

from experiments.report.record.summary import Summary, summary
from experiments.report.record.survey import Row
from experiments.shared.command import nearest_file
from experiments.shared.untrusted_files import plain_file
from manual import InputError
from torch_ref import Comparison, Parity

FORMAT = {"format": "backprop-by-hand report", "version": 2}


class Result(NamedTuple):
    """What a training run ended with: a cost or an accuracy."""

    network: str
    implementation: str
    seed: int
    quantity: str
    value: float


class Speed(NamedTuple):
    """How many times as long torch takes as manual for one training step: the median between its quartiles."""

    workload: str
    q1: float
    median: float
    q3: float


class Record(NamedTuple):
    """One run: what its numbers depend on, and the numbers."""

    made: dict[str, str]
    rows: list[Row]
    results: list[Result]
    speeds: list[Speed]

    @property
    def summary(self) -> Summary:
        """What all rows come to."""
        return summary(self.rows)


def as_json(record: Record) -> str:
    """The record in the format above."""
    head = {**FORMAT, "made": record.made, "agrees": record.summary.agrees, "verdict": record.summary.verdict}
    numbers = {"results": [(*about, _plain(value)) for *about, value in record.results], "speeds": record.speeds}
    rows = {"rows": [_row(row) for row in record.rows]}
    return json.dumps({**head, **rows, **numbers}, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _row(row: Row) -> dict[str, Any]:
    places = groupby(row.parity.comparisons, lambda c: c.place)
    return {
        "kind": row.kind,
        "subject": row.subject,
        "dtype": row.dtype,
        "device": row.parity.device,
        "places": [[place, [_columns(c) for c in comparisons]] for place, comparisons in places],
    }


def _columns(c: Comparison) -> list[Any]:
    difference, ratio = (_plain(float(f"{value:.3e}")) for value in (c.difference, c.ratio))
    return [c.quantity, c.dtype, c.shape, difference, ratio, c.verdict, c.cause, c.reason]


def _plain(value: float) -> float | str:
    return value if math.isfinite(value) else str(value)


def read(path: Path) -> Record:
    """The record that a file holds.

    Raises:
        InputError: the file is missing, is no record, is of another version, or is broken.
    """
    if path.exists():
        plain_file(path, "report.json")
    try:
        found = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise InputError(f"there is no {path}{nearest_file(path)}") from None
    except OSError as error:
        raise InputError(f"{path}: expected a report.json ({error.strerror})") from None
    except (ValueError, RecursionError):
        raise InputError(f"{path}: expected a report.json, got what is not JSON") from None
    kind = {name: found.get(name) for name in FORMAT} if isinstance(found, dict) else found
    if kind != FORMAT:
        raise InputError(f"{path}: expected {FORMAT}, got {reprlib.repr(kind)}")
    try:
        return Record(
            {_text(name): _text(value) for name, value in found["made"].items()},
            [_read_row(row) for row in found["rows"]],
            [_result(*result) for result in found["results"]],
            [Speed(_text(name), _number(q1), _number(median), _number(q3)) for name, q1, median, q3 in found["speeds"]],
        )
    except (AttributeError, IndexError, KeyError, OverflowError, TypeError, ValueError) as error:
        raise InputError(f"{path}: not a whole report.json ({type(error).__name__}: {error})") from None


def _read_row(row: dict[str, Any]) -> Row:
    comparisons = [_comparison(_text(place), *columns) for place, rows in row["places"] for columns in rows]
    kind, subject, dtype, device = (_text(row[name]) for name in ("kind", "subject", "dtype", "device"))
    return Row(kind, subject, dtype, Parity(device, comparisons))


def _comparison(
    place: str,
    quantity: Any,
    dtype: Any,
    shape: Any,
    difference: Any,
    ratio: Any,
    verdict: Any,
    cause: Any,
    reason: Any,
) -> Comparison:
    size = tuple(map(_whole, shape))
    numbers = _number(difference), _number(ratio)
    return Comparison(place, _text(quantity), _text(dtype), size, *numbers, _text(verdict), _text(cause), _text(reason))


def _result(network: Any, implementation: Any, seed: Any, quantity: Any, value: Any) -> Result:
    return Result(_text(network), _text(implementation), _whole(seed), _text(quantity), _number(value))


def _text(value: Any) -> str:
    """A name, without what would change the terminal that it is printed on."""
    if not isinstance(value, str):
        raise TypeError(f"expected a text, got {reprlib.repr(value)}")
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in value)


def _whole(value: Any) -> int:
    if type(value) is not int:
        raise TypeError(f"expected a whole number, got {reprlib.repr(value)}")
    return value


def _number(value: Any) -> float:
    if type(value) not in (int, float) and value not in ("inf", "nan"):
        raise TypeError(f"expected a number, got {reprlib.repr(value)}")
    return float(value)
