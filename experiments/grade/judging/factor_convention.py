"""A factor that a whole piece carries is another definition of its cost, and no mistake: ½ or not, a mean or a sum.

It is a convention only if every gradient carries it, the cost, too, where there is one, and at every batch size: c =
2ᵃ Nᵇ Mᶜ with a, b, c in {−1, 0, 1}, the same everywhere, where N is the number of examples and M that of outputs.
So is the mean over the examples where it is the layers' business, and not the loss's: every loss of a file gives the
gradient of the sum, and every layer that has parameters divides their gradients by N. Where a loss divides, too, or
only some of the layers do, it differs.
"""

from collections.abc import Sequence
from itertools import pairwise, product
from typing import Any, NamedTuple

import numpy as np

from experiments.grade.process.answers import Observation
from manual.numbers.number_types import Array

IN_THE_LAYERS = "a convention: the layers divide by N, and the loss does not"


class Measured(NamedTuple):
    """One quantity of one pass: ours, the reference, what is allowed, and the sizes of the batch."""

    ours: Array
    reference: Array
    allowed: Any
    examples: int
    outputs: int


def common_factor(measured: Sequence[Measured]) -> str:
    """The factor that all of them carry, in words; "" where there is none, or it is 1."""
    if not measured or any(m.ours.shape != m.reference.shape for m in measured):
        return ""
    for a, b, c in sorted(product((-1, 0, 1), repeat=3), key=lambda powers: sum(map(abs, powers))):
        if (a, b, c) != (0, 0, 0) and all(carries(m, 2.0**a * m.examples**b * float(m.outputs) ** c) for m in measured):
            powers = {"2": a, "N": b, "the number of outputs": c}
            return f"a convention: the cost and every gradient alike, times {_written(powers)}"
    return ""


def carries(m: Measured, factor: float) -> bool:
    """Whether ours is so many times the reference."""
    rounding = 4 * np.finfo(np.float64).eps * np.abs(m.ours)
    return bool(np.all(np.abs(m.ours - factor * m.reference) <= factor * m.allowed + rounding))


def _written(powers: dict[str, int]) -> str:
    above = " · ".join(name for name, power in powers.items() if power > 0)
    below = " · ".join(name for name, power in powers.items() if power < 0)
    if not below:
        return above
    return f"{above or 1}/({below})" if " " in below else f"{above or 1}/{below}"


# ---------------------------------------------------------------- of the layers and the losses of a file


def divided_in_layers(pieces: Sequence[list[Observation]]) -> list[int]:
    """Which of the pieces of a file, by what was observed of them, differ by that convention: its layers and losses."""
    layers = [i for i, observed in enumerate(pieces) if any(map(_parameters, observed))]
    losses = [i for i, observed in enumerate(pieces) if observed and not any(o.delta for o in observed)]
    is_so = all(_divides(pieces[i]) for i in layers) and all(_is_of_the_sum(pieces[i]) for i in losses)
    return [*layers, *losses] if layers and losses and is_so else []


def _parameters(o: Observation) -> list[str]:
    """The gradients of a layer's parameters."""
    return [n for n in o.truth if n not in (*o.outputs, f"d{next(iter(o.inputs), '')}")] if o.delta else []


def _divides(observed: list[Observation]) -> bool:
    """Whether each gradient of a parameter is 1/N of the true one, of several numbers of examples, and no other is."""
    sizes = [np.shape(next(iter(o.inputs.values()), 0))[:1] or (1,) for o in observed]
    return len({*sizes}) > 1 and all(
        _is_times(o, n, 1 / size if n in _parameters(o) else 1)
        for o, (size,) in zip(observed, sizes, strict=True)
        for n in o.truth
    )


def _is_of_the_sum(observed: list[Observation]) -> bool:
    """Whether an example's gradient is the same among more of them, and is that of the cost everywhere, or N times
    that."""
    gradients = [(o, n) for o in observed for n in o.ours if n not in o.outputs]
    if any(o.ours[n].ndim == 0 or n not in o.truth or n[1:] not in o.inputs for o, n in gradients):
        return False
    if not any(all(_is_times(o, n, of(o.ours[n])) for o, n in gradients) for of in (lambda _: 1, len)):
        return False
    pairs = pairwise(observed)
    return any(all(_is_alike(o, more, n) for n in o.ours if n not in o.outputs) for o, more in pairs)


def _is_alike(o: Observation, more: Observation, name: str) -> bool:
    """Whether the rows that two predictions share have the same gradients."""
    x, longer = o.inputs[name[1:]], more.inputs.get(name[1:], ())
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
