"""Zero start against random start: document B's network, trained twice, with nothing else between the two."""

from functools import partial

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes

from experiments.report.draw.figures import Figure, both, by_epoch, named
from experiments.report.draw.svg import stack
from experiments.report.page.formats import scientific
from experiments.report.record.runs import Run

PAIRS = {
    "bias": ("param/0.bias[0]", "param/0.bias[1]"),
    "weight from x": ("param/0.weight[0,0]", "param/0.weight[1,0]"),
    "weight to f": ("param/2.weight[0,0]", "param/2.weight[0,1]"),
}
"""What each of the two hidden neurons has: neuron 1's, and neuron 2's."""
SIZE = (3.1, 4)


def starts(zeros: tuple[Run, Run], random: tuple[Run, Run]) -> Figure:
    """The validation cost of both trainings, and the parameters of the two hidden neurons in each."""
    zeros_cost, random_cost = (runs[0].curves["val_cost"] for runs in (zeros, random))
    zeros_apart, random_apart = (max(apart(run) for run in runs) for runs in (zeros, random))
    equal = "are equal to the last bit at every step"
    if zeros_apart:
        equal = f"are never further apart than {scientific(zeros_apart)}"
    caption = (
        f"First: after {len(zeros_cost)} epochs the cost is {zeros_cost[-1]:.2g} from the zero start and "
        f"{random_cost[-1]:.2g} from the random one. Second: from zero the two hidden neurons {equal}, by hand and by "
        "PyTorch: two neurons do the work of one. Third: from a random start they part by up to "
        f"{random_apart:.1f}, and each takes its share of the curve."
    )
    panels = [
        by_epoch("starts-cost", SIZE, {"zero start": zeros, "random start": random}),
        neurons("starts-zeros", "Zero start: neurons 1 and 2", *zeros),
        neurons("starts-random", "Random start: neurons 1 and 2", *random),
    ]
    return Figure("Zero start against random start", panels, caption)


def apart(run: Run) -> float:
    """How far the two neurons' parameters ever are from each other."""
    return max(float(np.abs(run.values(first) - run.values(second)).max()) for first, second in PAIRS.values())


def neurons(name: str, title: str, manual: Run, torch: Run) -> Markup:
    """The parameters of both neurons before training and after each epoch, one kind above another."""
    epochs = len(manual.curves["val_cost"])

    def draw(kind: str, axes: Axes) -> None:
        first, second = (
            [run.values(column)[:: run.steps // epochs] for run in (manual, torch)] for column in PAIRS[kind]
        )
        highest = max(first[0][-1], second[0][-1])
        for name, pair in ({"1, 2": first} if np.array_equal(first, second) else {"1": first, "2": second}).items():
            both(axes, np.arange(epochs + 1), *pair)
            named(axes, name, epochs, pair[0][-1], "bottom" if pair[0][-1] == highest else "top")
        axes.set_ylabel(kind)
        if kind == [*PAIRS][-1]:
            axes.set_xlabel("epoch")

    described = "; ".join(
        f"{kind}: neuron 1 ends at {manual.values(first)[-1]:.2f}, neuron 2 at {manual.values(second)[-1]:.2f}"
        for kind, (first, second) in PAIRS.items()
    )
    description = f"Each parameter of the two neurons by epoch, by both implementations. {described}."
    return stack(name, title, description, [partial(draw, kind) for kind in PAIRS], [1, 1, 1], SIZE)
