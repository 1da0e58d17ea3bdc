"""What document B's network makes of x: as training forms it, without its activation, and under each of its
parameters."""

from typing import Any

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes

from experiments.report.draw.figures import Figure, both, by_epoch, dots, named
from experiments.report.draw.svg import ACCENT, INK, MUTED, panel
from experiments.report.page.formats import scientific
from experiments.report.record.runs import Run
from manual import documents
from manual.numbers.number_types import Array
from torch_ref import to_numpy, to_torch


def forming(manual: Run, torch: Run) -> Figure:
    """f before training, and after 10, 100 and all steps, from the parameters in the logs."""
    x, y = documents.sine()
    moments = [steps for steps in (0, 10, 100) if steps < manual.steps] + [manual.steps]
    fs = [(fitted(manual, steps, x), fitted(torch, steps, x)) for steps in moments]
    errors = [f"{squared(ours, y):.2g}" for ours, _ in fs]
    apart = max(np.abs(ours - theirs).max() for ours, theirs in fs)
    panels = [moment(steps, x, y, *pair, error) for steps, pair, error in zip(moments, fs, errors, strict=True)]
    caption = (
        "Dots: the data, y = sin(πx)/2. Lines: f(x), computed by each implementation from the parameters that its own "
        f"run logged at that step. The mean squared error falls from {' to '.join(errors)}. At no moment and no x do "
        f"the two differ by more than {scientific(apart)}."
    )
    return Figure("The function as it forms", panels, caption)


def moment(steps: int, x: Array, y: Array, manual: Array, torch: Array, error: str) -> Markup:
    """f after so many steps, over the data."""

    def draw(axes: Axes) -> None:
        dots(axes, x[:, 0], y[:, 0], MUTED, 4, 0.5)
        both(axes, x, manual, torch)
        axes.set_ylim(-0.9, 0.9)

    ends = (
        f"f by both over the dots of the data. It goes from {manual[0, 0]:.2f} at x = −1 to {manual[-1, 0]:.2f} at x "
        f"= 1; its mean squared error is {error}."
    )
    return panel(f"fit-{steps}", f"after {steps:,} steps" if steps else "before training", ends, draw, (2.2, 2.1))


def bending(curved: tuple[Run, Run], straight: tuple[Run, Run]) -> Figure:
    """The sine by the network with the sigmoid and by the one without an activation."""
    x, y = documents.sine()
    (ours, theirs), (line, line_torch) = ([fitted(run, run.steps, x) for run in runs] for runs in (curved, straight))
    best = np.polynomial.Polynomial.fit(x[:, 0], y[:, 0], 1)(x)

    def draw(axes: Axes) -> None:
        dots(axes, x[:, 0], y[:, 0], MUTED, 4, 0.5)
        both(axes, x, ours, theirs)
        both(axes, x, line, line_torch)
        named(axes, "sigmoid", 1, ours[-1, 0])
        named(axes, "linear", 1, line[-1, 0])
        axes.legend(handles=axes.lines[1:3], loc="upper left")
        axes.set_xlabel("x")

    fits = panel(
        "bending-fits", "f(x) after training",
        f"With the sigmoid f follows the data; its mean squared error is {squared(ours, y):.2g}. Without, f is a "
        f"straight line from {line[0, 0]:.2f} to {line[-1, 0]:.2f}; its mean squared error is {squared(line, y):.2g}.",
        draw, (4.1, 3.2),
    )  # fmt: skip
    caption = (
        "First: both networks began with the same seven parameters and saw the same data (dots). Without an "
        "activation two layers are one linear function, and all that it can do is a line: its mean squared error is "
        f"{squared(line, y):.4f}, and that of the best line of all, by least squares, is {squared(best, y):.4f}. With "
        f"the sigmoid it is {squared(ours, y):.4f}. Second: the line soon stops getting better, the curve goes on."
    )
    costs = by_epoch("bending-costs", (4.1, 3.2), {"sigmoid": curved, "linear": straight})
    return Figure("Non-linear against linear", [fits, costs], caption)


def fitted(run: Run, steps: int, x: Array) -> Array:
    """f(x) after so many steps, computed by the implementation that trained it."""
    return to_numpy(run.after(steps).side.predict(to_torch(x)))


def squared(f: Array, y: Array) -> float:
    """The mean squared error."""
    return float(((f - y) ** 2).mean())


THETAS = [f"θ{digit}" for digit in "₀₁₂₃₄₅₆"]


def under_theta(run: Run) -> list[Markup]:
    """f(x) of document B's trained network for five values of each parameter."""
    x = np.linspace(-3, 3, 61)[:, None]
    trained = documents.in_theta_order(run.after(run.steps).network.params)

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
    description = f"f(x) for five values of the parameter, from lowest to highest; f(0) is {at_zero}."
    return panel(name, title, description, draw, (2.2, 1.7))
