"""Whose business the mean over the examples is: the loss's, or that of the layers.

Where every loss of a file gives the gradient of the sum over the examples, and every layer that has parameters divides
their gradients by N, the gradient of a network is that of the mean: a convention. Where a loss divides, too, or only
some of the layers do, it differs.
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np

from experiments.grade.judging.checked_piece import CheckedPiece
from experiments.grade.judging.factor_convention import Measured, carries
from experiments.grade.process.answers import Observation
from torch_ref.comparison.verdict import CONVENTION

SAID = "a convention: the layers divide by N, and the loss does not"


def divided_in_layers(found: Sequence[CheckedPiece]) -> None:
    """Where that is so in a file, its layers and its losses differ by convention."""
    layers = [c for c in found if any(_parameters(o) for o in c.observed)]
    losses = [c for c in found if c.observed and not any(o.delta for o in c.observed)]
    if not (layers and losses and all(map(_divides, layers)) and all(map(_is_of_the_sum, losses))):
        return
    for checked in (*layers, *losses):
        for i, c in enumerate(checked.comparisons):
            if c.differs and not c.reason:
                checked.comparisons[i] = replace(c, verdict=CONVENTION, cause=SAID)


def _parameters(o: Observation) -> list[str]:
    """The gradients of a layer's parameters."""
    return [n for n in o.truth if n not in (*o.outputs, f"d{next(iter(o.inputs))}")] if o.delta else []


def _divides(layer: CheckedPiece) -> bool:
    """Whether each gradient of a parameter is 1/N of the true one, of several numbers of examples, and no other is."""
    sizes = [len(next(iter(o.inputs.values()))) for o in layer.observed]
    return len({*sizes}) > 1 and all(
        _is_times(o, n, 1 / size if n in _parameters(o) else 1)
        for o, size in zip(layer.observed, sizes, strict=True)
        for n in o.truth
    )


def _is_of_the_sum(loss: CheckedPiece) -> bool:
    """Whether an example's gradient is the same among more of them, and is that of the cost everywhere, or N times
    that."""
    gradients = [(o, n) for o in loss.observed for n in o.ours if n not in o.outputs]
    if not any(all(_is_times(o, n, of(o.ours[n])) for o, n in gradients) for of in (lambda _: 1, len)):
        return False
    pairs = pairwise(loss.observed)
    return any(all(_is_alike(o, more, n) for n in o.ours if n not in o.outputs) for o, more in pairs)


def _is_alike(o: Observation, more: Observation, name: str) -> bool:
    """Whether the rows that two predictions share have the same gradients."""
    x, longer = o.inputs[name[1:]], more.inputs[name[1:]]
    rows = len(x)
    if len(longer) <= rows or not np.array_equal(longer[:rows], x):
        return False
    allowed = rows * np.asarray(o.truth[name].allowed) + len(longer) * np.asarray(more.truth[name].allowed)[:rows]
    return bool(np.all(np.abs(more.ours[name][:rows] - o.ours[name]) <= allowed))


def _is_times(o: Observation, name: str, factor: float) -> bool:
    """Whether ours is so many times what is true."""
    true = o.truth[name]
    return all(
        name in ours
        and ours[name].shape == true.value.shape
        and carries(Measured(ours[name], true.value, true.allowed, 1, 1), factor)
        for ours in (o.ours, o.non_contiguous)
    )
