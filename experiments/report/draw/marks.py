"""Every comparison of the report as one mark, by how much of what is allowed it takes: the picture of the first
screen."""

import math
from collections import Counter
from collections.abc import Iterable
from itertools import pairwise
from typing import NamedTuple

from markupsafe import Markup

from experiments.report.page.formats import RAISED, ratio
from experiments.report.record.survey import KINDS, Row
from torch_ref import Comparison

WIDTH, EXACT, LEFT, ONE = 640, 126, 150, 546
"""The picture's width, the width of the column of exact ones, and where the scale begins and where it is 1."""
LABEL = 32
PITCHES = (4.5, 4, 3.5, 3, 2.5, 2, 1.5, 1, 0.5)
STACKED = 200
"""How much room a line of text has, how wide a mark may be, and how high all marks together."""


class Mark(NamedTuple):
    """One comparison: its column's left edge, how many marks lie below it, and whether it agrees."""

    x: float
    level: int
    agrees: bool


def marks(rows: Iterable[Row]) -> Markup:
    """One strip for each kind, over a common logarithmic scale; whatever is equal lies in a block at the left, and
    whatever does not agree is a cross. Training runs, whose limit is chosen, have no strip.
    """
    kinds: dict[str, list[Comparison]] = {}
    for row in rows:
        if row.kind in KINDS:
            kinds.setdefault(row.kind, []).extend(row.parity.comparisons)
    found = [c for comparisons in kinds.values() for c in comparisons]
    decades = max([2, *(math.ceil(-math.log10(c.ratio)) for c in found if 0 < c.ratio < 1)])
    pitch = next(
        (p for p in PITCHES if sum(tallest(heap(c, p, decades)) * p for c in kinds.values()) <= STACKED), PITCHES[-1]
    )
    y, parts = float(LABEL), []
    for kind, comparisons in kinds.items():
        heaped = heap(comparisons, pitch, decades)
        y += LABEL + tallest(heaped) * pitch
        parts.append(strip(label(kind, comparisons), heaped, pitch, y))
    description = f"{len(found):,} comparisons. " + " ".join(
        f"{label(kind, comparisons)}, the largest at {ratio(max(c.ratio for c in comparisons))} of the tolerance; "
        f"{sum(not c.agrees for c in comparisons) or 'none'} that do not agree."
        for kind, comparisons in kinds.items()
    )
    svg = (
        '<svg class="marks" role="img" aria-labelledby="marks-title marks-desc" viewBox="0 0 {} {}">'
        '<title id="marks-title">Every comparison, from exact to beyond</title><desc '
        'id="marks-desc">{}</desc>{}{}</svg>'
    )
    return Markup(svg).format(WIDTH, round(y) + LABEL, description, Markup().join(parts), scale(decades, y))


def heap(comparisons: Iterable[Comparison], pitch: float, decades: int) -> list[Mark]:
    """The marks of one kind, on top of each other where they fall together."""
    across, heights, found, equal = int(EXACT / pitch), Counter[int](), [], 0
    for c in comparisons:
        if c.ratio == 0:
            level, column = divmod(equal, across)
            found.append(Mark(column * pitch, level, c.agrees))
            equal += 1
        else:
            column = int((place(c.ratio, decades) - LEFT) / pitch)
            found.append(Mark(LEFT + column * pitch, heights[column], c.agrees))
            heights[column] += 1
    return found


def place(value: float, decades: int) -> float:
    """Where a ratio above 0 lies from left to right. What leaves the scale, or is no number, lies at its right end."""
    end = WIDTH - 6.0
    return min(end, ONE + (ONE - LEFT) / decades * math.log10(value)) if math.isfinite(value) else end


def tallest(heaped: Iterable[Mark]) -> int:
    """How many marks lie on top of each other at most."""
    return max((mark.level + 1 for mark in heaped), default=0)


def label(kind: str, comparisons: list[Comparison]) -> str:
    """The kind, how many there are, how many of them are equal."""
    count = f"{len(comparisons):,} comparison{'s' * (len(comparisons) != 1)}"
    return f"{KINDS[kind]}: {count}, {sum(c.ratio == 0 for c in comparisons):,} exact"


def strip(text: str, heaped: list[Mark], pitch: float, y: float) -> Markup:
    """The marks of one kind on their base line, under their label: one path of dots, one of crosses."""

    def middle(mark: Mark) -> tuple[float, float]:
        return mark.x + pitch / 2, y - (mark.level + 0.5) * pitch

    agree = sorted((middle(mark) for mark in heaped if mark.agrees), key=lambda at: (at[1], at[0]))
    moves = [(b[0] - a[0], b[1] - a[1]) for a, b in pairwise([(0, 0), *agree])]  # from mark to mark: shorter to write
    dots = "".join(f"m{dx:g} {dy:g}h0" for dx, dy in moves)
    crosses = "".join("M{:g} {:g}m-4-4 8 8m0-8-8 8".format(*middle(mark)) for mark in heaped if not mark.agrees)
    top = y - tallest(heaped) * pitch - 8
    drawn = '<path class="base" d="M0 {:g}H{}M{} {:g}H{}"/><text y="{:g}">{}</text><path stroke-width="{:g}" d="{}"/>'
    found = Markup(drawn).format(y + 1, EXACT, LEFT, y + 1, WIDTH, top, text, 0.8 * pitch, dots)
    return found + Markup('<path class="crosses" d="{}"/>').format(crosses) if crosses else found


def scale(decades: int, y: float) -> Markup:
    """The tenths below 1, the line at 1, and what lies left and right of them."""
    step = (ONE - LEFT) / decades
    every = max(1, decades // 3)
    texts = [(EXACT / 2, y + 24, "middle", "exact"), (ONE, y + 24, "middle", "1"), (ONE + 6, 18, "start", "beyond"),
             (ONE - 6, 18, "end", "within the rounding tolerance")]  # fmt: skip
    texts += [
        (ONE - power * step, y + 24, "middle", f"10{str(-power).translate(RAISED)}")
        for power in range(every, decades + 1, every)
    ]
    written = Markup().join(
        Markup('<text x="{:g}" y="{:g}" text-anchor="{}">{}</text>').format(*text) for text in texts
    )
    return Markup('<path class="one" d="M{} 2V{:g}"/>').format(ONE, y + 5) + written
