"""Wrong formulas of a layer, and of the layers of a network."""

from collections.abc import Iterator
from typing import Any

import numpy as np

import manual
from manual import Layer, Network
from manual.numbers.number_types import Array
from torch_ref.diagnosis.mistakes.attention import ATTENDED, ATTENTION
from torch_ref.diagnosis.mistakes.formula import EPSILONS, Formulas, Mistake, Number, Values, as_number, blind, changed
from torch_ref.diagnosis.mistakes.norms import NORM_OUTPUTS, NORMS, PATHS
from torch_ref.diagnosis.mistakes.parameters import PARAMETERS, WITHOUT_DELTA, with_transposed_weight
from torch_ref.diagnosis.mistakes.passes import Backward, Forward, leaves, output, passed, plain
from torch_ref.diagnosis.mistakes.pictures import AVG_POOLING, CONVOLUTION, MAX_POOLING, PICTURES
from torch_ref.diagnosis.mistakes.too_early import updated_first, updated_later

UNDONE_BY_THEMSELVES = {with_transposed_weight}
"""Made twice they are not made."""


def _exponentials(f: Any, x: Any) -> Any:
    """Those of a softmax, shifted by the largest."""
    return np.exp(x - np.max(getattr(x, "value", x), axis=f.dim, keepdims=True))


def _guarded(f: Any, x: Any, epsilon: float) -> Any:
    e = _exponentials(f, x)
    return e / (e.sum(axis=f.dim, keepdims=True) + epsilon)


def _summed(f: Any, x: Any, dim: int) -> Any:
    e = _exponentials(f, x)
    return e / e.sum(axis=dim, keepdims=True)


def _past(f: Any, x: Any, delta: Any) -> tuple[Any, Any]:
    return plain(f.parts["inner"], x, delta)[0], plain(f, x, delta)[1]


def _left_out(_f: Any, _x: Any, delta: Any) -> tuple[Any, Any]:
    return delta, _f


ACTIVATIONS: list[tuple[str, Backward]] = [
    *WITHOUT_DELTA,
    ("σ' is taken at a instead of at z", lambda f, x, d: f.backward(d, f.forward(output(f, x))[1])),
    ("δ is multiplied by the input, and not by the slope there", lambda f, x, d: (d * x, f)),
    ("the input stands where the output belongs in σ'", lambda f, x, d: f.backward(d, x)),
    ("σ' is left out", _left_out),
    ("σ' is applied twice", lambda f, x, d: plain(f, x, plain(f, x, d)[0])),
    ("the mask is taken from δ", lambda f, _, d: f.backward(d, f.forward(d)[1])),
    ("a(1 − a) is used: the derivative of Sigmoid, the diagonal alone of Softmax's",
     lambda f, x, d: manual.Sigmoid().backward(d, output(f, x))),
    ("1 − a² is used: the derivative of Tanh", lambda f, x, d: manual.Tanh().backward(d, output(f, x))),
]  # fmt: skip
SOFTMAX: list[tuple[str, Backward]] = [
    ("the sum over the other outputs is left out", lambda f, x, d: (d * output(f, x), f)),
    *(
        ("the sum runs over the wrong axis", lambda f, x, d, dim=dim: changed(f, dim=dim).backward(d, output(f, x)))
        for dim in range(4)
    ),
]
DROPOUT: list[tuple[str, Backward]] = [
    ("the scale 1/(1 − p) is left out", lambda f, x, d: (d * f.forward(x)[1], f)),
    ("the scale is 1/p", lambda f, x, d: (d * f.forward(x)[1] / f.p, f)),
    ("the mask is left out", lambda f, _, d: (d / (1 - f.p), f)),
]

DROPPED: list[tuple[str, Forward]] = [
    ("the scale 1/(1 − p) is left out", lambda f, x: x * f.forward(x)[1]),
    ("the scale is 1/p", lambda f, x: x * f.forward(x)[1] / f.p),
    ("the mask is left out", lambda f, x: x / (1 - f.p)),
]

OUTPUTS: dict[type[Layer], list[tuple[str, Forward]]] = PICTURES | NORM_OUTPUTS | {
    manual.Residual: [("the input is not added", lambda f, x: output(f.parts["inner"], x))],
    manual.Softmax: [
        *((f"the sum runs over the wrong axis: axis {dim}", lambda f, x, dim=dim: output(changed(f, dim=dim), x))
          for dim in range(4)),
        *((f"the sum runs over the wrong axis: axis {dim}", lambda f, x, dim=dim: _summed(f, x, dim))
          for dim in range(4)),
        *((f"{e:g} is added to the sum: an ε guard", lambda f, x, e=e: _guarded(f, x, e)) for e in EPSILONS),
    ],
    manual.Dropout: DROPPED,
    manual.Dropout2d: DROPPED,
    manual.MultiheadAttention: ATTENDED,
}  # fmt: skip
BACKWARDS: dict[type[Layer], list[tuple[str, Backward]]] = {
    manual.Residual: [
        ("the path past the inner layer is missing", _past),
        ("the path through the inner layer is missing", lambda f, x, d: (d, plain(f, x, d)[1])),
    ],
    manual.ReLU: [*ACTIVATIONS, ("σ' is left out: ReLU's mask is missing", _left_out)],
    manual.Softmax: ACTIVATIONS + SOFTMAX,
    manual.Conv2d: CONVOLUTION,
    manual.MaxPool2d: MAX_POOLING,
    manual.AvgPool2d: AVG_POOLING,
    manual.Flatten: WITHOUT_DELTA,
    manual.Dropout: DROPOUT,
    manual.Dropout2d: DROPOUT,
    manual.MultiheadAttention: [*ATTENTION, *PARAMETERS],
    **{norm: [*PATHS, *PARAMETERS] for norm in NORMS},
}


def layer_formulas(layer: Layer, x: Array, delta: Array) -> Formulas:
    """What a layer computes, given x and δ: "y", and the "dx" and "dp" of its backward pass."""

    def right(number: Number) -> Values:
        given = layer.like(**as_number(number, layer.params))
        return {"y": output(given, number(x)), **passed(layer, x, delta, lambda f, x, d, _: plain(f, x, d))(number)}

    def wrong(quantity: str, ours: Any, _: Any) -> Iterator[Mistake]:
        yield from layer_mistakes(layer, layer, x, delta)
        yield from updated_first(layer, x, delta, quantity, ours)
        yield from _another_mask(layer, x, delta, quantity, ours)

    def apart(*_: Any) -> Iterator[Mistake]:
        if not isinstance(layer, Network):
            yield from layer_mistakes(layer, blind(layer), x, delta)

    def undone(quantity: str, _: Any, reference: Any) -> Iterator[Mistake]:
        yield from layer_mistakes(layer, layer, x, delta, only=UNDONE_BY_THEMSELVES)
        yield from updated_later(layer, x, delta, quantity, reference)

    return Formulas(right, wrong, apart, undone)


def layer_mistakes(layer: Layer, measure: Layer, x: Array, delta: Array, only: Any = None) -> Iterator[Mistake]:
    """The mistakes of a layer, given x and δ: the "y", or the "dx" and "dp", they lead to, in the formulas of
    `measure`. In a network each is made everywhere, in every layer of a kind, or in one layer alone, and then the
    place is named.
    """
    for cause, out in OUTPUTS.get(type(layer), []):
        yield cause, lambda number, out=out: {"y": out(measure.like(**as_number(number, layer.params)), number(x))}
    lists = {place: _of(piece) for place, piece in leaves(layer)}
    causes: dict[tuple[Backward, tuple[str, ...]], str] = {}
    for cause, wrong in dict.fromkeys(entry for entries in lists.values() for entry in entries):
        places = tuple(place for place, entries in lists.items() if (cause, wrong) in entries)
        causes[wrong, places] = cause
        causes |= {(wrong, (place,)): f"{cause}, in layer {place}" for place in places if len(lists) > 1}
    for (wrong, places), cause in causes.items():
        if only and wrong not in only:
            continue

        def backward(piece: Layer, x: Any, delta: Any, place: str, wrong: Backward = wrong, where: Any = places) -> Any:
            return (wrong if place in where else plain)(piece, x, delta)

        yield cause, passed(measure, x, delta, backward)


def _another_mask(layer: Layer, x: Array, delta: Array, quantity: str, ours: Any) -> Iterator[Mistake]:
    """A dropout whose mask is not the one it should be; it is read off ours."""
    given = {"y": x, "dx": delta}.get(quantity)
    if isinstance(layer, manual.Dropout) and given is not None and np.shape(ours) == given.shape and not np.all(ours):
        yield "it is another mask", lambda number: {quantity: number(given) * (ours != 0) / (1 - layer.p)}


def _of(layer: Layer) -> list[tuple[str, Backward]]:
    return BACKWARDS.get(type(layer), PARAMETERS if layer.params else ACTIVATIONS)
