"""Drawings of letters: scattered in the plane, and each beside those that it looks at. Compact: a letter takes a few
bytes, as its place is one of a list."""

from collections.abc import Sequence

import numpy as np
from markupsafe import Markup

from manual.numbers.number_types import Array

SHADES = (0.05, 0.15, 0.3, 0.5, 0.75)
"""From which weight on a square is as dark as its place in this list says."""
SHOWN = {" ": "␣", "\n": "⏎", "\t": "⇥"}


def visible(character: str) -> str:
    """The character, or a sign for one that leaves no ink."""
    return SHOWN.get(character, character if character.isprintable() else "□")


def scattered(name: str, title: str, description: str, groups: dict[str, tuple[str, Array]]) -> Markup:
    """Letters at their places (N, 2), by groups: a CSS class, its letters, their places in [0, 1]."""
    drawn = Markup()
    for kind, (letters, places) in groups.items():
        x, y = (
            (margin + scale * at).round(1) for margin, scale, at in ((6, 308, places[:, 0]), (10, 190, places[:, 1]))
        )
        drawn += letters_at(letters, x, y, kind)
    return _svg(name, title, description, "letters", (320, 206), drawn)


def grid(name: str, title: str, description: str, text: str, weights: Array) -> Markup:
    """A square for each pair of letters: row i, column j is as dark as `weights` (N, N) says, in five shades."""
    n, drawn = len(text), Markup()
    for shade, (low, high) in enumerate(zip(SHADES, [*SHADES[1:], np.inf], strict=True), start=1):
        squares = "".join(f"M{j} {i}h1v1h-1z" for i, j in np.argwhere((weights >= low) & (weights < high)).tolist())
        if squares:
            drawn += Markup('<path opacity="{:g}" d="{}"/>').format(shade / len(SHADES), squares)
    along = np.arange(n) + 0.5
    drawn += letters_at(text, along, np.full(n, -0.4)) + letters_at(text, np.full(n, -0.7), along + 0.3)
    return _svg(name, title, description, "grid", (n + 1.6, n + 1.6), drawn, (-1.4, -1.4))


def letters_at(letters: str, x: Sequence[float] | Array, y: Sequence[float] | Array, kind: str = "") -> Markup:
    """Each letter at its place."""
    xs, ys = (" ".join(f"{value:g}" for value in values) for values in (x, y))
    text = "".join(map(visible, letters))
    return Markup('<text class="{}" x="{}" y="{}">{}</text>').format(kind, xs, ys, text)


def _svg(
    name: str, title: str, description: str, kind: str, size: tuple[float, float], drawn: Markup,
    corner: tuple[float, float] = (0, 0),
) -> Markup:  # fmt: skip
    box = " ".join(f"{value:g}" for value in (*corner, *size))
    return Markup(
        '<svg class="{}" viewBox="{}" role="img" aria-labelledby="{}-title {}-desc"><title id="{}-title">{}</title>'
        '<desc id="{}-desc">{}</desc>{}</svg>'
    ).format(kind, box, name, name, name, title, name, description, drawn)
