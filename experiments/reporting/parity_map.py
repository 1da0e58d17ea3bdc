"""Every comparison of the report in a grid: subject by quantity, dtype and device, each cell with the largest ratio in it."""

import math
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from experiments.reporting.formats import RAISED
from experiments.reporting.survey import KINDS, Row
from torch_ref import Comparison

COLUMNS = {
    "y": "y", "dx": "∂C/∂x", "dweight": "∂C/∂W", "dbias": "∂C/∂b", "cost": "cost", "delta": "δ", "weight": "W", "bias": "b",
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
        """What became of them: "differs" if one is beyond what is allowed, "undetermined" if one could not be told, "exact" if
        there is no difference at all, else "agrees".
        """
        if not all(c.ratio <= 1 for c in self.comparisons):
            return "differs"
        if not all(c.agrees for c in self.comparisons):
            return "undetermined"
        return "agrees" if self.worst else "exact"

    @property
    def text(self) -> str:
        """What the cell says without colour: a ratio of two digits, or below 0.01 its power of ten; or a sign."""
        if self.verdict != "agrees":
            return {"differs": "≠", "undetermined": "?", "exact": "="}[self.verdict]
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

    kind: str
    subject: str
    cells: list[Cell | None]

    @property
    def heading(self) -> str:
        """What stands over all subjects of this kind."""
        return KINDS[self.kind]

    @property
    def filled(self) -> list[Cell]:
        """The cells that hold comparisons."""
        return [cell for cell in self.cells if cell]


class ParityMap(NamedTuple):
    """The grid; every column is divided by the same settings, each a dtype and, where there are several, a device."""

    columns: list[str]
    settings: list[str]
    lines: list[Line]

    @property
    def titles(self) -> dict[str, str]:
        """How the page writes the columns."""
        return COLUMNS

    @property
    def verdict(self) -> str:
        """How many cells agree, and how many do not."""
        found = Counter(cell.verdict for line in self.lines for cell in line.filled)
        said = {"differs": "beyond what is allowed", "undetermined": "undetermined"}
        wrong = [f"{found[kind]} {how}" for kind, how in said.items() if found[kind]]
        exact = found["exact"]
        agree = f"{exact + found['agrees']} of {found.total()} cells agree, {exact} of them without any difference"
        return "; ".join([agree, *wrong]) + "."


def parity_map(rows: Iterable[Row]) -> ParityMap:
    """Put every comparison of every row into its cell."""
    rows = [*rows]
    several = len({row.parity.device for row in rows}) > 1
    found: dict[tuple[str, str], dict[tuple[str, str], list[Comparison]]] = {}
    settings = {}
    for row in rows:
        setting = f"{row.dtype} {row.parity.device}" if several else row.dtype
        settings[setting] = None
        cells = found.setdefault((row.kind, row.subject.partition(":")[0]), {})
        for c in row.parity.comparisons:
            cells.setdefault((column(c.quantity), setting), []).append(c)
    columns = [name for name in COLUMNS if any(name == used for cells in found.values() for used, _ in cells)]
    numbers = iter(range(sum(map(len, found.values()))))
    lines = []
    for (kind, subject), cells in found.items():
        at = [(name, setting) for name in columns for setting in settings]
        lines.append(Line(kind, subject, [
            Cell(f"cell-{next(numbers)}", subject, name, setting, cells[name, setting]) if (name, setting) in cells else None
            for name, setting in at
        ]))  # fmt: skip
    return ParityMap(columns, [*settings], lines)


def column(quantity: str) -> str:
    """The column of a quantity: "d0.weight, by gradient()" belongs to "dweight", "0.weight, exp_avg" to "state", and what a
    training run logs to the quantity that it is.
    """
    name, _, key = quantity.partition(", ")
    if name in ("y", "dx", "delta"):
        return name
    if name.endswith("cost"):
        return "cost"
    if key and not key.startswith("by "):
        return "state"
    prefix = "d" if name.startswith("d") else ""
    kind = next((kind for kind in ("weight", "bias") if kind in name), None)
    return prefix + kind if kind else "other"
