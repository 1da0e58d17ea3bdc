"""Layers that keep things on themselves: forward(inputs) and backward(dvalues), without a cache.

forward returns the output or keeps it as self.output; backward returns ∂C/∂inputs or keeps it as self.dinputs.
Gradients of the parameters stand in self.dweights, self.dW, self.grads[…], or come after ∂C/∂inputs; a backward that
takes a learning rate moves the parameters, and what they moved by is the gradient. Also forward_pass/backward_pass,
forward_propagation/backward_propagation, …; rows, columns, one example; parameters as attributes, dicts or lists.
Held against the truth of its own forward.
"""

import inspect
from collections.abc import Iterator
from typing import Any

import numpy as np

from experiments.grade.forms.definitions import Definitions
from experiments.grade.forms.piece import Arrays, Example, Piece, Ran
from experiments.grade.forms.stateful.objects import (
    RATE,
    RATES,
    TRAINING,
    Methods,
    Parameters,
    accepted,
    arguments_of,
    constructions,
    fitted,
    in_shape_of,
    input_gradient,
    methods_of,
    needed,
    network_of,
    output_of,
    returns_a_tuple,
)
from manual import Layer
from manual.numbers.number_types import Array


def pieces(found: Definitions) -> Iterator[Piece]:
    """Every class with a forward of one input and a backward without a cache."""
    own = [k for k in found.own().values() if inspect.isclass(k)]
    for name, kind in found.classes().items():
        methods = methods_of(kind)
        if methods is None or issubclass(kind, Layer) or not _keeps_on_itself(kind, methods):
            continue
        if any(kind in k.__mro__[1:] for k in own) and not _can_be_made(kind):
            continue  # it runs where the classes that it is a base of do
        others = [k for k in own if k is not kind and (m := methods_of(k)) and _keeps_on_itself(k, m)]
        yield StatefulLayer(name, kind, methods, found, others)


def _keeps_on_itself(kind: type, methods: Methods) -> bool:
    """Whether forward takes one input, and backward needs δ alone, or a learning rate besides."""
    forward, backward = getattr(kind, methods.forward), getattr(kind, methods.backward)
    inputs = [n for n in needed(forward) if n not in TRAINING]
    deltas = [n for n in needed(backward) if n.lower() not in RATES]
    return len(inputs) == 1 and len(deltas) == 1 and not returns_a_tuple(forward)


def _can_be_made(kind: type) -> bool:
    for arguments in constructions(kind, np.random.default_rng(0)):
        try:
            kind(*arguments)
            return True
        except Exception:
            continue
    return False


class StatefulLayer(Piece):
    """A class whose objects run forward, and backward from what they kept."""

    def __init__(self, name: str, kind: type, methods: Methods, found: Definitions, others: list[type]) -> None:
        self.kind, self.methods, self.module, self.others = kind, methods, found.module, others
        self.form = "layer that keeps things on itself"
        made_of = [k for k in kind.__mro__ if k in found.own().values()]
        super().__init__(name, needed(getattr(kind, methods.forward)), [], made_of[:1])

    def truth_examples(self, rng: np.random.Generator) -> Iterator[Example]:
        prototype, family, x = fitted(self.kind, self._forward, self._backward, rng, network_of(self.others, rng))
        self.form = f"layer that keeps things on itself, {family}"
        parameters = Parameters(prototype, x, self._forward, rng)
        arrays = {self.arguments[0]: x, **parameters.drawn(prototype, rng)}

        def run(given: Arrays) -> Ran:
            x, *_ = given.values()
            own = parameters.with_these(prototype, given)
            y = self._forward(own, x)

            def backward(delta: Array) -> Arrays:
                before = {n: np.copy(a) for n, a in given.items()}
                known = {*vars(own)}
                returned = self._backward(own, delta)
                new = [n for n in vars(own) if n not in known]
                named = parameters.gradients(own, before)
                if isinstance(returned, tuple | list):
                    others = [n for n in parameters.places if f"d{n}" not in named]
                    pairs = zip(others, returned[1:], strict=False)
                    named |= {f"d{n}": in_shape_of(np.asarray(g), before[n]) for n, g in pairs}
                dx = input_gradient(own, returned, x, new)
                return ({} if dx is None else {f"d{self.arguments[0]}": np.asarray(dx)}) | named

            return Ran(y, backward, pure=False)

        delta = rng.standard_normal(np.shape(run({n: a.copy() for n, a in arrays.items()}).y))
        yield Example(arrays, run, delta)

    def _forward(self, own: Any, x: Array) -> Any:
        method, before = getattr(own, self.methods.forward), {*vars(own)}
        return output_of(own, method(x, **arguments_of(getattr(self.kind, self.methods.forward))), before)

    def _backward(self, own: Any, delta: Array) -> Any:
        method = getattr(self.kind, self.methods.backward)
        rates = [n for n in accepted(method)[1:] if n.lower() in RATES]
        return method(own, delta, **dict.fromkeys(rates, RATE))
