"""Every comparison of the survey in tables, one a kind: subject by quantity, dtype and device, each cell with the
largest ratio in it.
"""

import math
import re
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from experiments.report.page.formats import RAISED
from experiments.report.record.survey import KINDS, Row
from torch_ref import Comparison

COLUMNS = {
    "y": "y", "dx": "∂C/∂x", "dweight": "∂C/∂W", "dbias": "∂C/∂b", "cost": "cost", "delta": "δ", "weight": "W",
    "bias": "b",
    "state": "state", "other": "other",
}  # fmt: skip
"""The quantities that are told apart, and how the page writes them."""
TINTS = (0.01, 10**-1.5, 0.1, 10**-0.5)
"""Where the tint of a cell gets stronger: from 1 downwards at every half power of ten."""


class Cell(NamedTuple):
    """The comparisons of one subject and quantity, in one dtype on one device."""

    name: str
    subject: str
    column: str
    setting: str
    comparisons: list[Comparison]

    @property
    def worst(self) -> float:
        """The largest ratio."""
        return max(c.ratio for c in self.comparisons)

    @property
    def verdict(self) -> str:
        """What became of them: "differs" if one is beyond what is allowed, "not judged" if one could not be, "exact" if
        there is no difference at all, else "agrees".
        """
        if not all(c.ratio <= 1 for c in self.comparisons):
            return "differs"
        if not all(c.agrees for c in self.comparisons):
            return "not judged"
        return "agrees" if self.worst else "exact"

    @property
    def text(self) -> str:
        """What the cell says without colour: a ratio of two digits, or below 0.01 its power of ten; or a sign."""
        if self.verdict != "agrees":
            return {"differs": "≠", "not judged": "?", "exact": "="}[self.verdict]
        if self.worst >= TINTS[0]:
            return f"{self.worst:.2f}"
        return f"10{str(round(math.log10(self.worst))).translate(RAISED)}"

    @property
    def label(self) -> str:
        """The same for who hears the page."""
        about = f"{self.subject}, {COLUMNS[self.column]}, {self.setting}"
        found = "exact" if self.verdict == "exact" else f"{self.verdict}, largest ratio {self.worst:.2g}"
        return f"{about}: {len(self.comparisons)} compared, {found}"

    @property
    def tint(self) -> int:
        """How strong the colour is: 1, the faintest, to 5."""
        return 1 + sum(self.worst >= step for step in TINTS)


class Line(NamedTuple):
    """A subject's cells, one a column and setting; None where there is nothing to compare."""

    subject: str
    cells: list[Cell | None]

    @property
    def words(self) -> list[str]:
        """The subject in the parts between which a line may break: "CrossEntropyLoss" before its capitals."""
        return re.split("(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", self.subject)

    @property
    def filled(self) -> list[Cell]:
        """The cells that hold comparisons."""
        return [cell for cell in self.cells if cell]


class Table(NamedTuple):
    """The lines of one kind, and the quantities that it has."""

    kind: str
    columns: list[str]
    lines: list[Line]

    @property
    def heading(self) -> str:
        """What stands over it."""
        return KINDS[self.kind]


class ParityMap(NamedTuple):
    """The tables; every column is divided by the same settings, each a dtype and, where there are several devices, a
    device."""

    devices: list[str]
    settings: list[str]
    tables: list[Table]

    @property
    def titles(self) -> dict[str, str]:
        """How the page writes the columns."""
        return COLUMNS

    @property
    def lines(self) -> list[Line]:
        """Those of all tables."""
        return [line for table in self.tables for line in table.lines]

    @property
    def verdict(self) -> str:
        """How many cells agree, and how many do not."""
        found = Counter(cell.verdict for line in self.lines for cell in line.filled)
        said = {"differs": "beyond what is allowed", "not judged": "not judged"}
        wrong = [f"{found[kind]} {how}" for kind, how in said.items() if found[kind]]
        exact = found["exact"]
        agree = f"{exact + found['agrees']} of {found.total()} cells agree, {exact} of them without any difference"
        return "; ".join([agree, *wrong]) + "."


def parity_map(rows: Iterable[Row]) -> ParityMap:
    """Put every comparison of every row into its cell. Training runs, whose limit is chosen, have none."""
    rows = [row for row in rows if row.kind in KINDS]
    devices = [*dict.fromkeys(row.parity.device for row in rows)]
    found: dict[str, dict[str, dict[tuple[str, str], list[Comparison]]]] = {}
    settings = {}
    for row in rows:
        setting = f"{row.dtype} {row.parity.device}" if len(devices) > 1 else row.dtype
        settings[setting] = None
        cells = found.setdefault(row.kind, {}).setdefault(row.subject.partition(":")[0], {})
        for c in row.parity.comparisons:
            cells.setdefault((column(c.quantity), setting), []).append(c)
    tables = []
    for kind, subjects in found.items():
        used = {name for cells in subjects.values() for name, _ in cells}
        columns = [name for name in COLUMNS if name in used]
        at = [(name, setting) for name in columns for setting in settings]
        tables.append(Table(kind, columns, [
            Line(subject, [
                Cell(f"{kind}-{i}-{j}", subject, *key, cells[key]) if key in cells else None
                for j, key in enumerate(at)
            ])
            for i, (subject, cells) in enumerate(subjects.items())
        ]))  # fmt: skip
    return ParityMap(devices, [*settings], tables)


def column(quantity: str) -> str:
    """The column of a quantity: "d0.weight, by gradient()" belongs to "dweight", "0.weight, exp_avg" to "state"."""
    name, _, key = quantity.partition(", ")
    if name in ("y", "dx", "cost", "delta"):
        return name
    if key and not key.startswith("by "):
        return "state"
    prefix = "d" if name.startswith("d") else ""
    kind = next((kind for kind in ("weight", "bias") if kind in name), None)
    return prefix + kind if kind else "other"
