"""Figures as SVG that belongs to the page: its colours are the page's CSS variables, its text is text.

matplotlib draws in sentinel colours, which are then replaced, so that one drawing serves the light and the dark page.
"""

import io
import re
from collections.abc import Callable, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from markupsafe import Markup, escape
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.report.draw.compact import TEXT_SIZE, compact
from manual.numbers.number_types import Array

INK, MUTED, RULE, MANUAL, TORCH, ACCENT = (f"#01010{i}" for i in range(1, 7))
VARIABLES = {INK: "ink", MUTED: "muted", RULE: "rule", MANUAL: "manual", TORCH: "torch", ACCENT: "accent"}

STYLE = {
    "svg.fonttype": "none", "svg.hashsalt": "figures", "font.size": 9, "axes.titlesize": 10, "text.color": INK,
    "axes.labelcolor": MUTED, "axes.edgecolor": RULE, "xtick.color": MUTED, "ytick.color": MUTED, "grid.color": RULE,
    "grid.linewidth": 0.5, "axes.grid": True, "axes.axisbelow": True, "axes.facecolor": "none",
    "figure.facecolor": "none",
    "axes.spines.top": False, "axes.spines.right": False, "legend.frameon": False, "axes.titlelocation": "left",
    "axes.titlecolor": INK, "path.simplify": False,
}  # fmt: skip


def panel(
    name: str, title: str, description: str, draw: Callable[[Axes], Any], size: tuple[float, float] = (4.1, 2.9)
) -> Markup:
    """One set of axes as inline SVG. `name` is unique on the page; title and description are its text alternative."""
    return stack(name, title, description, [draw], [1], size)


def stack(
    name: str,
    title: str,
    description: str,
    draws: Sequence[Callable[[Axes], Any]],
    heights: Sequence[float],
    size: tuple[float, float],
) -> Markup:
    """Axes of these relative heights below each other over one shared x axis, as one `panel`."""
    with mpl.rc_context(STYLE):  # pyright: ignore[reportArgumentType]
        figure = Figure(figsize=size, layout="constrained")
        stacked = figure.subplots(len(draws), sharex=True, squeeze=False, height_ratios=heights)[:, 0]
        for draw, axes in zip(draws, stacked, strict=True):
            draw(axes)
        stacked[0].set_title(title)
        figure.align_ylabels()
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>|<!--.*?-->", "", svg, flags=re.DOTALL)
    svg = re.sub(r' xmlns(:\w+)?="[^"]*"', "", svg).replace("xlink:href", "href")
    svg = compact(svg)
    svg = re.sub(r'\bid="([^"]+)"', rf'id="{name}-\1"', svg)
    svg = re.sub(r'(href="|url\()#', rf"\1#{name}-", svg)
    for colour, variable in VARIABLES.items():
        svg = svg.replace(colour, f"var(--{variable})")
    alternative = f'<title id="{name}-title">{escape(title)}</title><desc id="{name}-desc">{escape(description)}</desc>'
    labelled = f'<svg role="img" aria-labelledby="{name}-title {name}-desc"'
    return Markup(svg.replace("<svg", labelled, 1).replace(">", f">{alternative}", 1))


def alone(figure: Markup, palette: str) -> str:
    """A panel as a file of its own; `palette` is the CSS that sets the variables."""
    style = f"<style>{palette}svg{{font:{TEXT_SIZE} system-ui,sans-serif;background:var(--page)}}</style>"
    return (
        str(figure).replace("<svg", '<svg xmlns="http://www.w3.org/2000/svg"', 1).replace("<title", f"{style}<title", 1)
    )


def digit(pixels: Array, label: str) -> Markup:
    """An 8×8 image in the page's ink; `label` is its text alternative."""
    squares = Markup("").join(
        Markup('<path d="M{} {}h1v1h-1z" opacity="{:.2g}"/>').format(column, row, ink)
        for (row, column), ink in np.ndenumerate(pixels)
        if ink > 0
    )
    svg = '<svg class="digit" role="img" aria-label="{}" viewBox="0 0 8 8" shape-rendering="crispEdges">{}</svg>'
    return Markup(svg).format(label, squares)
