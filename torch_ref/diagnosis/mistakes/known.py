"""What a piece is, known by its numbers: a layer of which nothing else is known than what it was given and what is
right.

A function of somebody's own bears any name, and its arguments do. If one of the project's layers, on the same arrays,
gives the references, then it computes the same, and the mistakes that are made in that layer may have been made in it.
"""

from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np

import manual
from manual import InputError, Layer, Network
from manual.numbers.number_types import Array
from torch_ref.diagnosis.mistakes.formula import Formula, Formulas, Inputs, Mistake, Number, Values, near
from torch_ref.diagnosis.mistakes.layers import layer_formulas
from torch_ref.diagnosis.mistakes.log_softmax import log_softmaxes
from torch_ref.diagnosis.mistakes.normalisation import normalisations
from torch_ref.diagnosis.mistakes.recurrence import recurrences

RNG = np.random.default_rng
ACTIVATIONS: tuple[Layer, ...] = (manual.ReLU(), manual.Sigmoid(), manual.Tanh())


def known(inputs: Inputs) -> Iterator[Formulas]:
    """What the piece may be."""
    for read in (activations, linear, convolutions, pools, log_softmaxes, normalisations, recurrences):
        yield from read(inputs)


def _if_right(inputs: Inputs, layer: Layer, names: dict[str, str], turned: bool = False) -> Iterator[Formulas]:
    """The formulas of a layer, if they give the references. `names` are the case's names of the layer's parameters,
    whose weights may stand (in, out).
    """
    formulas = layer_formulas(layer, inputs.x, inputs.delta)
    own = {f"d{name}": (f"d{theirs}", np.shape(inputs.params[theirs])) for name, theirs in names.items()}
    back = {theirs: quantity for quantity, (theirs, _) in own.items()} | {inputs.dx: "dx"}

    def laid(value: Any, shape: Any) -> Any:
        if turned and value.ndim == 2 and len(shape) == 2:
            value = value.T
        return value.reshape(*shape) if value.size == np.prod(shape) and value.ndim < 2 else value

    def renamed(formula: Formula) -> Formula:
        def other(number: Number) -> Values:
            found = formula(number)
            values = {"y": found["y"]} if "y" in found else {}
            values |= {inputs.dx: found["dx"]} if "dx" in found else {}
            return values | {theirs: laid(found[q], shape) for q, (theirs, shape) in own.items() if q in found}

        return other

    def wrong(quantity: str, ours: Any, reference: Any) -> Iterator[Mistake]:
        wanted = ours.T if turned and np.ndim(ours) == 2 and quantity != inputs.dx else ours
        for cause, formula in formulas.wrong(back.get(quantity, quantity), wanted, reference):
            yield cause, renamed(formula)

    right = renamed(formulas.right)
    try:
        comes_near = near(inputs, right(np.copy), 1e-6)
    except InputError:
        return
    if comes_near:
        yield Formulas(right, wrong)


def activations(inputs: Inputs) -> Iterator[Formulas]:
    """δ times the slope of an activation, and a softmax."""
    if inputs.x.shape == inputs.delta.shape and not inputs.params:
        softmaxes = [manual.Softmax(dim=dim) for dim in range(inputs.x.ndim)]
        for layer in (*ACTIVATIONS, *softmaxes):
            yield from _if_right(inputs, layer, {})


def linear(inputs: Inputs) -> Iterator[Formulas]:
    """A chain of linear layers, with an activation between them, and perhaps one at the end."""
    weights = [name for name, p in inputs.params.items() if p.ndim == 2 and min(p.shape) > 1]
    biases = [name for name in inputs.params if name not in weights]
    if not weights or inputs.x.ndim != 2 or len(biases) not in (0, len(weights)):
        return
    for turned, activation, ends in product((False, True), ACTIVATIONS, (False, True)):
        layers, names = [], {}
        for i, name in enumerate(weights):
            w = inputs.params[name].T if turned else inputs.params[name]
            b = inputs.params[biases[i]].ravel() if biases else None
            if b is not None and b.size != len(w):
                break
            layers += [_linear(w, b), activation]
            places = {"weight": name} | ({"bias": biases[i]} if biases else {})
            names |= {(f"{2 * i}.{own}" if len(weights) > 1 or ends else own): theirs for own, theirs in places.items()}
        else:
            layers = layers if ends else layers[:-1]
            fits = all(a.out_features == b.in_features for a, b in zip(layers[::2], layers[2::2], strict=False))
            if fits and inputs.x.shape[1] == layers[0].in_features:
                yield from _if_right(inputs, layers[0] if len(layers) == 1 else Network(*layers), names, turned)


def _linear(w: Array, b: Array | None) -> Any:
    return manual.Linear(w.shape[1], w.shape[0], b is not None, rng=RNG(0)).like(weight=w.copy(), bias=b)


def convolutions(inputs: Inputs) -> Iterator[Formulas]:
    """A convolution, of any stride and padding that lead from x to δ."""
    kernels = [name for name, p in inputs.params.items() if p.ndim == 4]
    biases = [name for name in inputs.params if name not in kernels]
    if len(kernels) != 1 or len(biases) > 1 or inputs.x.ndim != 4 or inputs.delta.ndim != 4:
        return
    kernel = inputs.params[kernels[0]]
    bias = inputs.params[biases[0]].ravel() if biases else None
    o, c, *size = kernel.shape
    names = {"weight": kernels[0]} | ({"bias": biases[0]} if biases else {})
    for stride, padding in _steps(inputs, size):
        layer = manual.Conv2d(c, o, tuple(size), stride, padding, bias=bias is not None, rng=RNG(0))
        yield from _if_right(inputs, layer.like(weight=kernel, bias=bias), names)


def pools(inputs: Inputs) -> Iterator[Formulas]:
    """A pooling, of any window, stride and padding that lead from x to δ."""
    if inputs.params or inputs.x.ndim != 4 or inputs.delta.ndim != 4 or inputs.x.shape[:2] != inputs.delta.shape[:2]:
        return
    for k, kind in product(range(2, 6), (manual.MaxPool2d, manual.AvgPool2d)):
        for stride, padding in _steps(inputs, (k, k)):
            if 2 * padding <= k:
                yield from _if_right(inputs, kind(k, stride, padding), {})


def _steps(inputs: Inputs, kernel: Any) -> Iterator[tuple[int, int]]:
    """The strides and paddings with which windows of this size over x are as many as δ has pixels."""
    for stride, padding in product(range(1, 5), range(max(kernel))):
        sizes = zip(inputs.x.shape[2:], kernel, inputs.delta.shape[2:], strict=True)
        if all(n + 2 * padding >= k and (n + 2 * padding - k) // stride + 1 == m for n, k, m in sizes):
            yield stride, padding
