"""Parameters that are updated before δ goes back through them."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from manual import Layer
from manual.numbers.number_types import Array
from torch_ref.diagnosis.mistakes.formula import Mistake
from torch_ref.diagnosis.mistakes.passes import passed


def updated_first(layer: Layer, x: Array, delta: Array, quantity: str, ours: Array) -> Iterator[Mistake]:
    """The parameters are moved by −rate · gradient before δ goes back through them."""
    yield from _updated(layer, x, delta, quantity, ours, -1)


def updated_later(layer: Layer, x: Array, delta: Array, quantity: str, reference: Array) -> Iterator[Mistake]:
    """The parameters are moved by rate · gradient first, where the piece moves them by −rate · gradient."""
    yield from _updated(layer, x, delta, quantity, reference, 1)


def _updated(layer: Layer, x: Array, delta: Array, quantity: str, wanted: Array, sign: int) -> Iterator[Mistake]:
    """The rate is the one that brings the quantity nearest to what is wanted, to three digits: found by the secant
    method, from
    0. A step of a gradient descent is positive.
    """

    def moved_by(rate: float) -> Callable[..., Any]:
        def backward(piece: Layer, x: Any, delta: Any, _: str) -> Any:
            cache = piece.forward(x)[1]
            before = {name: p.copy() for name, p in piece.params.items()}  # which the piece may change in place
            gradient = piece.gradient(delta, cache)
            moved = piece.like(**{name: p + sign * rate * gradient.params[name] for name, p in before.items()})
            return moved.backward(delta, cache)[0], gradient

        return backward

    def value(rate: float) -> Any:
        return passed(layer, x, delta, moved_by(rate))(np.copy).get(quantity)

    own = value(0)
    if own is None or own.shape != np.shape(wanted):
        return

    def gap(rate: float) -> float:
        return float(((value(rate) - wanted) * (own - wanted)).sum())

    rates, gaps = [0.0, 1e-3], [gap(0), gap(1e-3)]
    while len(rates) < 12 and gaps[-1] != gaps[-2]:
        rates.append(rates[-1] - gaps[-1] * (rates[-1] - rates[-2]) / (gaps[-1] - gaps[-2]))
        gaps.append(gap(rates[-1]))
    if len(rates) > 2 and (rate := float(f"{rates[-1]:.3g}")) > 0:
        cause = f"the parameters are updated before δ goes back through them, with a learning rate of {rate:g}"
        yield cause, passed(layer, x, delta, moved_by(rate))
