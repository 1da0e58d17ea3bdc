"""The report's figures. Colour is never alone: the hand-written run is a broad solid line, torch's a thin dashed one on it."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes

from experiments import train
from experiments.reporting.formats import scientific
from experiments.reporting.runs import Run
from experiments.reporting.svg import ACCENT, INK, MANUAL, MUTED, RULE, TORCH, panel
from manual import HalfMSELoss, Network, documents
from manual.number_types import Array
from torch_ref import to_numpy, to_torch

BY_HAND: dict[str, Any] = {"color": MANUAL, "linewidth": 3, "alpha": 0.75, "solid_capstyle": "round"}
BY_TORCH: dict[str, Any] = {"color": TORCH, "linewidth": 1.3, "linestyle": (0, (3, 2))}


class Figure(NamedTuple):
    """Panels side by side, and what to see in them."""

    title: str
    panels: list[Markup]
    caption: str


def training(name: str, title: str, manual: list[Run], torch: list[Run]) -> Figure:
    """The cost of both implementations by step, and how far apart they are; for the sine, what was learnt."""
    ours, theirs = (np.array([run.curves["train_cost"] for run in runs]) for runs in (manual, torch))
    apart = np.abs(ours - theirs)
    panels = [costs(f"{name}-cost", ours[0], theirs[0]), distances(f"{name}-distance", apart.max(axis=0))]
    several = len(manual) > 1
    caption = (
        f"First: the cost of the batch{', first initialisation,' if several else ''} at each of {ours.shape[1]:,} steps, from "
        f"{ours[0, 0]:.3g} to {scientific(ours[0, -1])}. Second: how far apart the two are"
        f"{', the largest of all initialisations' if several else ''}, on a logarithmic scale. "
    )
    if apart.any():
        caption += f"They are never further apart than {scientific(apart.max())}; where there is no dot, they are equal."
    else:
        caption += "They are equal to the last bit at every step."
    if name.startswith("one_two_one"):
        panels.append(fit(f"{name}-fit", manual[0], torch[0]))
        caption += " Third: what the trained network makes of x, over the data that it was trained on."
    return Figure(title, panels, caption)


def costs(name: str, manual: Array, torch: Array) -> Markup:
    """The cost by step, both implementations on one pair of axes."""

    def draw(axes: Axes) -> None:
        axes.semilogy(manual, label="manual", **BY_HAND)
        axes.semilogy(torch, label="torch", **BY_TORCH)
        axes.legend()
        axes.set_xlabel("step")

    return panel(name, "Cost", f"Both curves go from {manual[0]:.3g} to {manual[-1]:.2g}.", draw)


def distances(name: str, apart: Array) -> Markup:
    """|cost by hand − cost by torch| by step; a step without a dot is one at which they are equal to the last bit."""
    steps = np.flatnonzero(apart)
    dots = np.stack([steps, steps, np.full(len(steps), np.nan)], axis=1).ravel()  # one path of dots, not an element a dot

    def draw(axes: Axes) -> None:
        if len(steps):
            axes.semilogy(dots, np.repeat(apart[steps], 3), color=ACCENT, linewidth=2, solid_capstyle="round")
        else:
            axes.set_yticks([])
            axes.text(0.5, 0.5, "no difference at any step", transform=axes.transAxes, ha="center", color=MUTED)
        axes.set_xlim(-0.02 * len(apart), 1.02 * len(apart))
        axes.set_xlabel("step")

    return panel(name, "|manual − torch|", f"At most {apart.max():.1e}.", draw)


def fit(name: str, manual: Run, torch: Run) -> Markup:
    """What the trained networks make of x, over the sine that they were trained on."""
    x, y = documents.sine()
    ours, theirs = (to_numpy(train.load(run.checkpoint).side.predict(to_torch(x))) for run in (manual, torch))

    def draw(axes: Axes) -> None:
        axes.plot(x, y, "o", markersize=3, color=MUTED, alpha=0.5, label="data")
        axes.plot(x, ours, label="manual", **BY_HAND)
        axes.plot(x, theirs, label="torch", **BY_TORCH)
        axes.legend()
        axes.set_xlabel("x")

    return panel(name, "f(x) after training", f"At most {np.abs(ours - y).max():.2g} away from the data.", draw)


ALIVE = ("param/0.weight[0,0]", "param/2.weight[0,0]")
DEAD = ("param/0.bias[1]", "param/2.weight[0,1]", "param/0.weight[1,0]", "param/0.weight[1,1]")


def surfaces(manual: Run, torch: Run) -> Figure:
    """The cost of the 2-2-1 network over two of its parameters, with both paths: neuron 1, which learns, and neuron 2, which
    is dead."""
    alive = surface("surface-alive", "Neuron 1", ("its weight from input 1", "its weight to the output"), ALIVE, manual, torch)
    dead = surface("surface-dead", "Neuron 2, dead", ("its bias", "its weight to the output"), DEAD[:2], manual, torch)
    moved = max(np.ptp(run.curves[name]) for run in (manual, torch) for name in DEAD)
    steps = len(manual.curves["train_cost"])
    caption = (
        f"The stronger the tint, the higher the cost. Left: in {steps:,} steps both paths run down into the valley in which "
        "the prediction is the target. Right: neuron 2 is dead. Its weighted input is negative, and ReLU passes nothing, so "
        "that to the left of the kink the surface is flat and the gradient zero. Descent stays where it starts: over the whole "
        f"training its four parameters moved by {scientific(moved)}. Gradient descent ends where the gradient vanishes."
    )
    return Figure("The error surface", [alive, dead], caption)


def surface(name: str, title: str, labels: tuple[str, str], over: Sequence[str], manual: Run, torch: Run) -> Markup:
    """A slice of the error surface as height lines, the other parameters held at their values after training."""
    ours, theirs = (path(run, over) for run in (manual, torch))
    low, high = ours.min(axis=0) - 0.5, ours.max(axis=0) + 0.5
    u, v = np.linspace(low, high, 49).T
    height = heights(train.load(manual.checkpoint).network, over, u, v)

    def draw(axes: Axes) -> None:
        levels = height.max() * np.linspace(0, 1, 12) ** 2
        axes.contourf(u, v, height, levels=levels, colors=[(ACCENT, 0.02 + 0.05 * i) for i in range(len(levels) - 1)])
        axes.contour(u, v, height, levels=levels[1:], colors=RULE, linewidths=0.6)
        axes.plot(*ours.T, label="manual", **BY_HAND)
        axes.plot(*theirs.T, label="torch", **BY_TORCH)
        axes.plot(*ours[0], "o", markersize=8, markerfacecolor="none", markeredgecolor=INK, label="start")
        axes.plot(*ours[-1], "*", markersize=8, color=INK, label="end")
        axes.grid(visible=False)
        axes.set_xlabel(labels[0])
        axes.set_ylabel(labels[1])
        axes.legend(loc="lower left", fontsize=8)

    start, end = (", ".join(f"{value:.3g}" for value in ours[i]) for i in (0, -1))
    return panel(name, title, f"Height lines of the cost; the paths run from ({start}) to ({end}).", draw, (4.1, 3.6))


def heights(network: Network, over: Sequence[str], u: Array, v: Array) -> Array:
    """(v, u): the cost of the hand computation, with the parameters of two columns at each pair of values."""
    _, x, y = documents.hand_computation()
    network = network.like(**{name: p.copy() for name, p in network.params.items()})
    first, second = (at(network.params, column) for column in over)

    def cost(p: float, q: float) -> float:
        first[...], second[...] = p, q
        return HalfMSELoss().forward(network.forward(x)[0], y)[0]

    return np.array([[cost(p, q) for p in u] for q in v])


def path(run: Run, over: Sequence[str]) -> Array:
    """(steps + 1, 2): the two parameters before each step, and after the last."""
    params = train.load(run.checkpoint).network.params
    return np.column_stack([np.append(run.curves[column], at(params, column)) for column in over])


def at(params: dict[str, Array], column: str) -> Array:
    """A view of the one number that a column such as "param/0.weight[0,1]" logs."""
    name, _, index = column.removeprefix("param/").removesuffix("]").partition("[")
    return params[name][(*map(int, index.split(",")), ...)]


THETAS = [f"θ{digit}" for digit in "₀₁₂₃₄₅₆"]


def under_theta(run: Run) -> list[Markup]:
    """f(x) of document B's trained network for five values of each parameter."""
    x = np.linspace(-3, 3, 61)[:, None]
    trained = documents.in_theta_order(train.load(run.checkpoint).network.params)

    def f(i: int, shift: float) -> Array:
        theta = [t + shift * (i == j) for j, t in enumerate(trained)]
        return documents.one_two_one(theta=theta).forward(x)[0]

    return [lines(f"theta-{i}", THETAS[i], x, [f(i, shift) for shift in (-1, -0.5, 0, 0.5, 1)]) for i in range(7)]


def lines(name: str, title: str, x: Array, ys: list[Array]) -> Markup:
    """Five curves: two of a lowered parameter, dashed; the one as it is, broad; two of a raised one."""
    styles: list[dict[str, Any]] = [
        {"color": MUTED, "linewidth": 0.8, "linestyle": "--"}, {"color": MUTED, "linewidth": 1.2, "linestyle": "--"},
        {"color": INK, "linewidth": 2.6}, {"color": ACCENT, "linewidth": 1.2}, {"color": ACCENT, "linewidth": 0.8},
    ]  # fmt: skip

    def draw(axes: Axes) -> None:
        for y, style in zip(ys, styles, strict=True):
            axes.plot(x, y, **style)
        axes.set_ylim(-1.7, 1.7)

    at_zero = ", ".join(f"{y[len(y) // 2, 0]:.2f}" for y in ys)
    return panel(name, title, f"f(0) from the lowest to the highest value of the parameter: {at_zero}.", draw, (2.6, 2.0))
