"""What the training chapter's figures share, and the first of them: the cost by step, and below it how far apart the
two are.

Colour is never alone: the hand-written run is a broad solid line, torch's a thin dashed one on it.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes

from experiments.report.draw.svg import ACCENT, INK, MANUAL, MUTED, TORCH, panel, stack
from experiments.report.page.formats import scientific
from experiments.report.record.runs import Run
from manual.numbers.number_types import Array

BY_HAND: dict[str, Any] = {"color": MANUAL, "linewidth": 3, "alpha": 0.75, "solid_capstyle": "round"}
BY_TORCH: dict[str, Any] = {"color": TORCH, "linewidth": 1.3, "linestyle": (0, (3, 2))}


class Figure(NamedTuple):
    """Panels side by side, and what to see in them."""

    title: str
    panels: list[Markup]
    caption: str


def both(axes: Axes, x: Array, manual: Array, torch: Array) -> None:
    """A curve of each implementation, torch's on top."""
    axes.plot(x, manual, label="our code", **BY_HAND)
    axes.plot(x, torch, label="PyTorch", **BY_TORCH)


def dots(axes: Axes, x: Array, y: Array, color: str, width: float, alpha: float = 1) -> None:
    """A round dot at each point, as one path: lines of no length with round ends."""
    ends = np.stack([x, x, np.full(len(x), np.nan)], axis=1).ravel()
    axes.plot(ends, np.repeat(y, 3), color=color, linewidth=width, alpha=alpha, solid_capstyle="round")


def decades(axes: Axes, values: Array) -> None:
    """A logarithmic y axis that spans the values in whole powers of ten."""
    powers = np.log10(values[values > 0])
    axes.set_yscale("log")
    axes.set_ylim(10 ** np.floor(powers.min()), 10 ** np.ceil(powers.max()))
    axes.minorticks_off()


def named(axes: Axes, name: str, x: float, y: float, va: str = "center") -> None:
    """Name a curve, to the right of its last point."""
    axes.annotate(name, (x, y), (6, 0), textcoords="offset points", va=va, color=INK)


def training(name: str, title: str, manual: Sequence[Run], torch: Sequence[Run]) -> Figure:
    """The cost of the batch at each step by both implementations, and below it |manual − torch|."""
    ours, theirs = (np.array([run.curves["train_cost"] for run in runs]) for runs in (manual, torch))
    apart = np.abs(ours - theirs).max(axis=0)

    def costs(axes: Axes) -> None:
        both(axes, np.arange(len(apart)), ours[0], theirs[0])
        decades(axes, np.append(ours, 4 * ours.max()))  # with room for the legend
        axes.set_ylabel("cost")
        axes.legend(loc="upper right")

    fall = f"The cost goes from {ours[0, 0]:.3g} to {scientific(ours[0, -1])} in {len(apart):,} steps."
    part = f"part by {scientific(apart.max())} at most" if apart.any() else "are equal to the last bit at every step"
    description = f"{fall} The two {part}."
    several = f" Of {len(ours)} initialisations the first is drawn; the distance is the largest of all."
    short, _, _ = title.partition(":")
    drawn = stack(f"{name}-cost", short, description, [costs, lambda axes: distances(axes, apart)], [2, 1], (3.1, 3.3))
    return Figure(title, [drawn], description + several * (len(ours) > 1))


def distances(axes: Axes, apart: Array) -> None:
    """|manual − torch| by step; a step without a dot is one at which they are equal to the last bit."""
    steps = np.flatnonzero(apart)
    if len(steps):
        dots(axes, steps, apart[steps], ACCENT, 2)
        decades(axes, apart)
    else:
        axes.set_yticks([])
        axes.text(
            0.5, 0.5, "no difference at any step", transform=axes.transAxes, ha="center", va="center", color=MUTED
        )
    axes.set_ylabel("distance")
    axes.set_xlabel("step")


def by_epoch(name: str, size: tuple[float, float], rivals: dict[str, tuple[Run, Run]]) -> Markup:
    """The validation cost of some trainings by epoch, each by both implementations."""
    curves = {which: [run.curves["val_cost"] for run in runs] for which, runs in rivals.items()}

    def draw(axes: Axes) -> None:
        for which, (ours, theirs) in curves.items():
            both(axes, np.arange(1, len(ours) + 1), ours, theirs)
            named(axes, which.replace(" ", "\n"), len(ours), ours[-1])
        costs = np.concatenate([curve for pair in curves.values() for curve in pair])
        decades(axes, np.append(costs, 2 * costs.max()))  # with room for the legend
        axes.legend(handles=axes.lines[:2], loc="upper right")
        axes.set_xlabel("epoch")

    ends = "; ".join(f"{which}: from {ours[0]:.2g} to {ours[-1]:.2g}" for which, (ours, _) in curves.items())
    return panel(name, "Validation cost", f"The cost by epoch, by both implementations. {ends}.", draw, size)
