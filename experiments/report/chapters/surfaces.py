"""The path of gradient descent over the error surface, as in document A's figure 2."""

from collections.abc import Sequence

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes

from experiments.report.draw.figures import BY_HAND, BY_TORCH, Figure, dots, named
from experiments.report.draw.svg import ACCENT, INK, RULE, panel
from experiments.report.page.formats import scientific
from experiments.report.record.runs import Run, at
from manual import HalfMSELoss, Network, documents
from manual.numbers.number_types import Array

ALIVE = ("param/0.weight[0,0]", "param/2.weight[0,0]")
DEAD = ("param/0.bias[1]", "param/2.weight[0,1]", "param/0.weight[1,0]", "param/0.weight[1,1]")


def surfaces(manual: Run, torch: Run) -> Figure:
    """The cost of the 2-2-1 network over two of its parameters, with both paths: for neuron 1, which learns, and for
    neuron 2, which is dead."""
    to_output = "its weight to the output"
    alive = surface("surface-alive", "Neuron 1", ("its weight from input 1", to_output), ALIVE, 0.15, manual, torch)
    dead = surface("surface-dead", "Neuron 2, dead", ("its bias", to_output), DEAD[:2], 0.5, manual, torch)
    moved = max(np.ptp(run.curves[name]) for run in (manual, torch) for name in DEAD)
    caption = (
        "The stronger the tint, the higher the cost; its height is written on some lines. The broad line is our code, "
        f"the dashed one PyTorch, and a dot is a step. First: in {manual.steps:,} steps both paths run down into the "
        "valley in which the prediction is the target. The steps grow short as the slope does. Second: neuron 2 is "
        "dead. Its weighted input is negative, and ReLU passes nothing, so that to the left of the kink the surface "
        f"is flat and the gradient zero. Descent stays where it starts: over the whole training its four parameters "
        f"moved by {scientific(moved)}. Gradient descent ends where the gradient vanishes."
    )
    return Figure("The error surface", [alive, dead], caption)


def surface(
    name: str, title: str, labels: tuple[str, str], over: Sequence[str], margin: float, manual: Run, torch: Run
) -> Markup:
    """A slice of the error surface around both paths, the other parameters held at their values after training."""
    ours, theirs = (path(run, over) for run in (manual, torch))
    low, high = ours.min(axis=0) - margin, ours.max(axis=0) + margin
    u, v = np.linspace(low, high, 33).T
    height = heights(manual.after(manual.steps).network, over, u, v)

    ends = {"start": ours[0], "end": ours[-1]} if np.ptp(ours, axis=0).any() else {"start\nand end": ours[0]}

    def draw(axes: Axes) -> None:
        levels = height.max() * np.linspace(0, 1, 12) ** 2
        axes.contourf(u, v, height, levels=levels, colors=[(ACCENT, 0.02 + 0.03 * i) for i in range(len(levels) - 1)])
        lines = axes.contour(u, v, height, levels=levels[1:], colors=RULE, linewidths=0.6)
        axes.clabel(lines, levels[2::2], fontsize=7, colors=INK, fmt="%.2g")
        axes.plot(*ours.T, **BY_HAND)
        axes.plot(*theirs.T, **BY_TORCH)
        dots(axes, ours[:, 0], ours[:, 1], INK, 1.5)
        axes.plot(*ours[0], "o", markersize=8, markerfacecolor="none", markeredgecolor=INK)
        axes.plot(*ours[-1], "*", markersize=8, color=INK)
        for text, (p, q) in ends.items():
            named(axes, text, p, q)
        axes.grid(visible=False)
        axes.set_xlabel(labels[0])
        axes.set_ylabel(labels[1])

    start, end = (", ".join(f"{value:.3g}" for value in ours[i]) for i in (0, -1))
    described = f"Height lines of the cost over {labels[0]} and {labels[1]}; both paths run from ({start}) to ({end})."
    return panel(name, title, described, draw, (4.1, 3.6))


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
    return np.column_stack([run.values(column) for column in over])
