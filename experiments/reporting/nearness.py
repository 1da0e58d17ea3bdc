"""How near manual and torch come to the certified truth, in units in the last place."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import torch

import manual.layers
import manual.losses
from manual import Undecided
from manual.number_types import Array
from torch_ref import to_numpy, to_torch, twin
from torch_ref.examples import examples
from torch_ref.truth import layer_truth, loss_truth, ulps


class Nearness(NamedTuple):
    """The distance of every derivative of a layer or loss from the truth, in ulp: the median and the largest of each side."""

    subject: str
    numbers: int
    manual: tuple[float, float]
    torch: tuple[float, float]


def nearness() -> Iterator[Nearness]:
    """One row for each layer and loss, float64, over its examples; an example without a derivative (ReLU at 0) is left out."""
    for package, distances in ((manual.layers, of_layer), (manual.losses, of_loss)):
        found: dict[str, list[tuple[Array, Array]]] = {}
        for _, make in examples(package):
            case = make()
            try:
                found.setdefault(type(case[0]).__name__, []).extend(distances(*case))
            except Undecided:
                continue
        for name, pairs in found.items():
            ours, theirs = (np.concatenate([np.ravel(side) for side in sides]) for sides in zip(*pairs, strict=True))
            yield Nearness(name, ours.size, summary(ours), summary(theirs))


def summary(distances: Array) -> tuple[float, float]:
    return float(np.median(distances)), float(distances.max())


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
