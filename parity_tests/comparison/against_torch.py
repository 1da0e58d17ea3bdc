"""A piece, right or wrong, held against torch on the examples of its file; and what it does to the caller's memory."""

from collections.abc import Iterator
from copy import copy, deepcopy
from sys import modules
from typing import Any

import numpy as np

from manual import (
    BCEWithLogitsLoss,
    CrossEntropyLoss,
    Dropout,
    Layer,
    Linear,
    Loss,
    MSELoss,
    Network,
    Optimizer,
    Penalty,
)
from manual.documents import one_example, one_two_one, sine
from manual.layer import several
from parity_tests.for_each import for_each
from torch_ref import Parity, compare_layer, compare_loss, compare_optimizer, compare_penalty
from torch_ref.comparison.unchanged import arrays
from torch_ref.examples import layer_for
from torch_ref.quantities import alone, random_delta


def each(entries: Any, name: str = "bug", every: int = 1) -> Any:
    """Run a test with each entry of a catalogue; those in a class are one test. Every third, say, is quick."""
    cases = [(f"{entry.right.__name__}: {entry.name}", entry) for entry in entries]
    return for_each(name, cases, lambda case: case.partition(":")[0], every)


def of(kind: type, right: Any) -> Any:
    """The same layer, loss, penalty, optimizer or network as an object of the class `kind`."""
    piece = copy(right)
    piece.__class__ = kind
    return piece


def wrong(right: Any, **methods: Any) -> Any:
    """A class, or a piece, with other methods, under the name of its class."""
    if isinstance(right, type):
        return type(right.__name__, (right,), methods)
    return of(wrong(type(right), **methods), right)


def cases(right: type) -> list[Any]:
    """What the parity tests hold the class against: the examples of its file; for a network, document B's.

    Of a loss those that every implementation takes: one cost, and of a classification a class for each example.
    """
    if right is Network:
        return [(one_two_one(), one_example()[0]), (one_two_one(), sine()[0])]
    examples = modules[right.__module__].examples(np.random.default_rng(0))
    found = [case if isinstance(case, tuple) else (case,) for case in examples]
    return [case for case in found if type(case[0]) is right and not (right in WITH_OPTIONS and _has_options(*case))]


WITH_OPTIONS = (MSELoss, CrossEntropyLoss, BCEWithLogitsLoss)


def _has_options(loss: Any, prediction: Any, target: Any) -> bool:
    """Whether it asks for more than a mean or a sum, over an example a row."""
    weighted = getattr(loss, "weight", None) is not None or getattr(loss, "label_smoothing", 0)
    soft = isinstance(loss, CrossEntropyLoss) and target.dtype.kind == "f"
    return bool(loss.reduction == "none" or weighted or soft or prediction.ndim > 2)


def hold(piece: Any, data: list[Any], dtype: Any, rng: np.random.Generator) -> Parity:
    """Compare with torch what `test_parity.py` compares."""
    data = [alone([a.astype(dtype) if a.dtype.kind == "f" else a for a in several(given)]) for given in data]
    if isinstance(piece, Layer):
        return compare_layer(piece.astype(dtype), data[0], rng)
    if isinstance(piece, Loss):
        return compare_loss(piece, data[0], data[1])
    if isinstance(piece, Penalty):
        return compare_penalty(piece, Network(Linear(3, 4, rng=rng)).astype(dtype))
    return compare_optimizer(piece, layer_for(piece, rng).astype(dtype), rng, steps=7)  # RAdam changes at the sixth


def misused(piece: Any, data: list[Any], rng: np.random.Generator) -> Iterator[str]:
    """What the piece does with memory that is the caller's, and a dropout in inference, where it should do nothing."""
    if isinstance(piece, Layer):
        x, as_it_was = data[0], deepcopy(data[0])
        y, cache = piece.forward(*several(x))
        delta = random_delta(y, rng)
        upstream, kept = deepcopy(delta), deepcopy(cache)
        piece.backward(delta, cache)
        for name, now, before in [("x", x, as_it_was), ("delta", delta, upstream), ("cache", cache, kept)]:
            if not all(map(np.array_equal, arrays(now), arrays(before))):
                yield f"a changed {name}"
    if isinstance(piece, Dropout) and not np.array_equal(piece.evaluated().forward(data[0])[0], data[0]):
        yield "a mask in inference"
    if isinstance(piece, Optimizer):
        layer, gradient = layer_for(piece, rng), layer_for(piece, rng)
        piece.step(layer, gradient)
        kept = [value for state in piece.state.values() for value in state.values()]
        if any(np.shares_memory(value, g) for value in kept for g in gradient.params.values()):
            yield "a kept gradient"
