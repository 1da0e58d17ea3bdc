"""How near manual and torch come to the certified truth, in units in the last place."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.patches import PathPatch
from matplotlib.path import Path

import manual.layers
import manual.losses
from experiments.report.draw.svg import INK, MANUAL, RULE, TORCH, panel
from experiments.report.page.formats import RAISED, groupby_in_order
from experiments.report.record.survey import KINDS
from manual import Undecided
from manual.numbers.number_types import Array
from torch_ref import to_numpy, to_torch, twin
from torch_ref.examples import of_floats
from torch_ref.truth.certify import EXTRA_BITS, layer_truth, loss_truth, ulps
from torch_ref.twins import gradients


class UlpErrors(NamedTuple):
    """How far every derivative of a layer or loss lies from the truth, in ulp, on each side."""

    kind: str
    subject: str
    manual: Array
    torch: Array

    @property
    def numbers(self) -> int:
        """How many derivatives there are."""
        return self.manual.size

    @property
    def manual_nearer(self) -> int:
        """How many of them manual has nearer to the truth."""
        return int((self.manual < self.torch).sum())

    @property
    def torch_nearer(self) -> int:
        """How many of them torch has nearer to the truth."""
        return int((self.torch < self.manual).sum())

    @property
    def equal(self) -> int:
        """How many are equally near."""
        return self.numbers - self.manual_nearer - self.torch_nearer

    @property
    def median(self) -> tuple[float, float]:
        """Each side's median distance."""
        return float(np.median(self.manual)), float(np.median(self.torch))

    @property
    def largest(self) -> tuple[float, float]:
        """Each side's largest distance."""
        return float(self.manual.max()), float(self.torch.max())


def ulp_errors() -> Iterator[UlpErrors]:
    """One row for each layer and loss, float64, over its examples. An example without a derivative (ReLU at 0) is left
    out, and one where both have a number by convention, as BCELoss has where its logarithm is cut off."""
    for kind, package, distances in (("layer", manual.layers, of_layer), ("loss", manual.losses, of_loss)):
        found: dict[str, list[tuple[Array, Array]]] = {}
        for _, make in of_floats(package):
            case = make()
            try:
                measured = distances(*case)
            except Undecided:
                continue
            if all(np.isfinite(side).all() for pair in measured for side in pair):
                found.setdefault(type(case[0]).__name__, []).extend(measured)
        for name, pairs in found.items():
            ours, theirs = (np.concatenate([np.ravel(side) for side in sides]) for sides in zip(*pairs, strict=True))
            yield UlpErrors(kind, name, beyond_the_ball(ours), beyond_the_ball(theirs))


def beyond_the_ball(distances: Array) -> Array:
    """The distances, 0 where they are no more than the width of the truth's own ball."""
    return np.where(distances > 2.0 ** (1 - EXTRA_BITS), distances, 0)


def of_layer(layer: Any, x: Array) -> list[tuple[Array, Array]]:
    """(manual, torch) in ulp for dx and every parameter's derivative."""
    y, cache = layer.forward(x)
    delta = np.random.default_rng(0).standard_normal(y.shape)
    dx, gradient = layer.backward(delta, cache)
    module, inputs = twin(layer), to_torch(x).requires_grad_()
    theirs = gradients(module(inputs), [inputs, *module.parameters()], to_torch(delta))
    truths = layer_truth(layer, x, delta).values()
    ours = [dx, *gradient.params.values()]
    return [(ulps(o, t), ulps(to_numpy(p), t)) for o, p, t in zip(ours, theirs, truths, strict=True)]


def of_loss(loss: Any, prediction: Array, target: Array) -> list[tuple[Array, Array]]:
    """(manual, torch) in ulp for ∂C/∂prediction."""
    _, cache = loss.forward(prediction, target)
    inputs = to_torch(prediction).requires_grad_()
    (theirs,) = torch.autograd.grad(twin(loss)(inputs, to_torch(target)).sum(), inputs)
    _, truth = loss_truth(loss, prediction, target)
    return [(ulps(loss.backward(cache), truth), ulps(to_numpy(theirs), truth))]


def strips(found: list[UlpErrors]) -> list[Markup]:
    """A panel for the layers and one for the losses: the histograms of the distances from the truth, manual's over
    torch's."""
    above = [d for n in found for d in (*n.manual, *n.torch) if d > 0]
    low, high = np.floor(np.log10(min(above))), np.ceil(np.log10(max(above)))
    return [strip(kind, of_kind, int(low), int(high)) for kind, of_kind in groupby_in_order(found, "kind")]


def strip(kind: str, found: list[UlpErrors], low: int, high: int) -> Markup:
    """One row for each subject, over the powers of ten from low to high; what is exact stands left of them."""
    left = np.append(low - EXACT - 0.5 / BINS, edges(low, high)[:-1])
    counts = np.array([[histogram(side, low, high) for side in (n.manual, n.torch)] for n in found])

    def draw(axes: Axes) -> None:
        for side, label, colour, sign in ((0, "our code", MANUAL, -1), (1, "PyTorch", TORCH, 1)):
            row, bar = np.nonzero(counts[:, side])
            height = np.maximum(HEIGHT * counts[row, side, bar] / counts[row].max((1, 2)), LEAST)
            axes.add_patch(
                PathPatch(bars(left[bar], row, sign * height), fill=True, color=colour, linewidth=0, label=label)
            )
        axes.hlines(range(len(found)), left[0], high, color=RULE, linewidth=0.5)
        axes.axvline(low - EXACT / 2, color=INK, linewidth=0.6)
        axes.set_xlim(low - EXACT - 0.4, high + 0.1)
        axes.set_ylim(len(found) - 0.4, -0.7)
        axes.set_yticks(range(len(found)), [n.subject for n in found], color=INK)
        powers = range(low + low % 2, high + 1, 2)
        axes.set_xticks(
            [low - EXACT, *powers], ["exact", *("1" if not p else f"10{str(p).translate(RAISED)}" for p in powers)]
        )
        axes.tick_params(length=0)
        axes.grid(visible=False, axis="y")
        axes.set_xlabel("distance from the truth, in ulp")
        axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=2, borderaxespad=0, handlelength=1)

    description = " ".join(
        f"{n.subject}: our code at most {n.largest[0]:.2f}, PyTorch at most {n.largest[1]:.2f}." for n in found
    )
    return panel(f"ulp-error-{kind}", KINDS[kind], description, draw, (3.6, 0.8 + 0.36 * len(found)))


def bars(left: Array, foot: Array, height: Array) -> Path:
    """Bars as one path, which takes a tenth of the bytes of as many rectangles."""
    right, top = left + 1 / BINS, foot + height
    corners = [(left, foot), (left, top), (right, top), (right, foot), (left, foot)]
    return Path.make_compound_path_from_polys(np.moveaxis(np.array(corners), -1, 0))


BINS, EXACT, HEIGHT, LEAST = 4, 1.5, 0.44, 0.05
"""The bars of a power of ten; how many powers left of the lowest the exact ones stand; how high the tallest bar of a
row is, and the lowest, in heights of a row.
"""


def edges(low: int, high: int) -> Array:
    """The limits of the bars, as powers of ten."""
    return np.linspace(low, high, BINS * (high - low) + 1)


def histogram(distances: Array, low: int, high: int) -> Array:
    """How many are exact, and how many lie between each two edges."""
    apart = np.log10(distances[distances > 0])
    return np.append((distances == 0).sum(), np.histogram(apart, edges(low, high))[0])
