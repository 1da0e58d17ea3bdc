"""How near manual and torch come to the certified truth, in units in the last place."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from markupsafe import Markup
from matplotlib.axes import Axes

import manual.layers
import manual.losses
from experiments.reporting.formats import RAISED, groupby_in_order
from experiments.reporting.survey import KINDS
from experiments.reporting.svg import INK, MANUAL, MUTED, TORCH, panel
from manual import Undecided
from manual.number_types import Array
from torch_ref import to_numpy, to_torch, twin
from torch_ref.examples import examples
from torch_ref.truth import EXTRA_BITS, layer_truth, loss_truth, ulps


class Nearness(NamedTuple):
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


def nearness() -> Iterator[Nearness]:
    """One row for each layer and loss, float64, over its examples; an example without a derivative (ReLU at 0) is left out."""
    for kind, package, distances in (("layer", manual.layers, of_layer), ("loss", manual.losses, of_loss)):
        found: dict[str, list[tuple[Array, Array]]] = {}
        for _, make in examples(package):
            case = make()
            try:
                found.setdefault(type(case[0]).__name__, []).extend(distances(*case))
            except Undecided:
                continue
        for name, pairs in found.items():
            ours, theirs = (np.concatenate([np.ravel(side) for side in sides]) for sides in zip(*pairs, strict=True))
            yield Nearness(kind, name, told(ours), told(theirs))


def told(distances: Array) -> Array:
    """The distances, 0 where they are no more than the width of the truth's own ball."""
    return np.where(distances > 2.0 ** (1 - EXTRA_BITS), distances, 0)


def of_layer(layer: Any, x: Array) -> list[tuple[Array, Array]]:
    """(manual, torch) in ulp for dx and every parameter's derivative."""
    y, cache = layer.forward(x)
    delta = np.random.default_rng(0).standard_normal(y.shape)
    dx, gradient = layer.backward(delta, cache)
    module, inputs = twin(layer), to_torch(x).requires_grad_()
    theirs = torch.autograd.grad(module(inputs), [inputs, *module.parameters()], to_torch(delta))
    truths = layer_truth(layer, x, delta).values()
    ours = [dx, *gradient.params.values()]
    return [(ulps(o, t), ulps(to_numpy(p), t)) for o, p, t in zip(ours, theirs, truths, strict=True)]


def of_loss(loss: Any, prediction: Array, target: Array) -> list[tuple[Array, Array]]:
    """(manual, torch) in ulp for ∂C/∂prediction."""
    _, cache = loss.forward(prediction, target)
    inputs = to_torch(prediction).requires_grad_()
    (theirs,) = torch.autograd.grad(twin(loss)(inputs, to_torch(target)), inputs)
    _, truth = loss_truth(loss, prediction, target)
    return [(ulps(loss.backward(cache), truth), ulps(to_numpy(theirs), truth))]


def strips(found: list[Nearness]) -> list[Markup]:
    """A panel for the layers and one for the losses: every number's distance from the truth, manual's above torch's."""
    above = [d for n in found for d in (*n.manual, *n.torch) if d > 0]
    low, high = np.floor(np.log10(min(above))), np.ceil(np.log10(max(above)))
    return [strip(kind, of_kind, int(low), int(high)) for kind, of_kind in groupby_in_order(found, "kind")]


def strip(kind: str, found: list[Nearness], low: int, high: int) -> Markup:
    """One row for each subject, over the powers of ten from low to high; what is exact stands left of them. A line joins the
    two distances of a number where they are not the same.
    """

    def draw(axes: Axes) -> None:
        for row, n in enumerate(found):
            with np.errstate(divide="ignore"):
                ours, theirs = (np.maximum(np.log10(side), low - 1) for side in (n.manual, n.torch))
            apart = ours != theirs
            axes.plot(*segments(ours[apart], theirs[apart], row - LANE, row + LANE), color=MUTED, linewidth=0.7)
            named = {"manual": "manual", "torch": "torch"} if row == 0 else {}
            axes.plot(*segments(ours, ours, row - LANE, row - LANE), color=MANUAL, linewidth=3.4, alpha=0.6,
                      solid_capstyle="round", label=named.get("manual"))  # fmt: skip
            axes.plot(*segments(theirs, theirs, row + LANE - 0.1, row + LANE + 0.1), color=TORCH, linewidth=1.1, alpha=0.8,
                      label=named.get("torch"))  # fmt: skip
        axes.axvline(low - 0.5, color=INK, linewidth=0.6)
        axes.set_xlim(low - 1.4, high + 0.1)
        axes.set_ylim(len(found) - 0.5, -0.6)
        axes.set_yticks(range(len(found)), [n.subject for n in found], color=INK)
        powers = range(low, high + 1)
        axes.set_xticks([low - 1, *powers], ["exact", *("1" if not p else f"10{str(p).translate(RAISED)}" for p in powers)])
        axes.tick_params(length=0)
        axes.grid(visible=False, axis="y")
        axes.set_xlabel("distance from the truth, in ulp")
        axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=2, borderaxespad=0, handlelength=1)

    description = " ".join(f"{n.subject}: manual at most {n.largest[0]:.2f}, torch at most {n.largest[1]:.2f}." for n in found)
    return panel(f"nearness-{kind}", KINDS[kind], description, draw, (4.1, 0.8 + 0.26 * len(found)))


LANE = 0.17


def segments(begin: Array, end: Array, top: float, bottom: float) -> tuple[Array, Array]:
    """Lines from (begin, top) to (end, bottom), as one path."""
    gap = np.full(len(begin), np.nan)
    x = np.stack([begin, end, gap], axis=1).ravel()
    return x, np.tile([top, bottom, np.nan], len(begin))
