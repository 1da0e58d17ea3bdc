"""A backward pass through a layer, or through the layers of a network, with something else in place of a layer's
own."""

from collections.abc import Callable, Iterator
from typing import Any

from manual import Layer, Network
from manual.numbers.number_types import Array
from torch_ref.diagnosis.mistakes.formula import Formula, Number, Values, as_number

Backward = Callable[[Any, Any, Any], tuple[Any, Any]]
"""(layer, x, δ) → (dx, gradient)"""
Forward = Callable[[Any, Any], Any]
"""(layer, x) → y"""


def plain(layer: Layer, x: Any, delta: Any) -> tuple[Any, Any]:
    """The layer's own backward."""
    return layer.backward(delta, layer.forward(x)[1])


def output(layer: Layer, x: Any) -> Any:
    """The layer's own output."""
    return layer.forward(x)[0]


def passed(layer: Layer, x: Array, delta: Array, backward: Callable[..., Any]) -> Formula:
    """A backward pass as a formula, with `backward(layer, x, δ, place)` in place of every layer's own."""

    def formula(number: Number) -> Values:
        return pass_back(layer.like(**as_number(number, layer.params)), number(x), number(delta), backward)

    return formula


def pass_back(layer: Layer, x: Any, delta: Any, backward: Callable[..., Any]) -> Values:
    """A backward pass, with `backward(layer, x, δ, place)` in place of every layer's own."""
    inputs, gradients = [x], {}
    pieces = [*leaves(layer)]
    for _, piece in pieces[:-1]:
        inputs.append(output(piece, inputs[-1]))
    for (place, piece), a in zip(reversed(pieces), reversed(inputs), strict=True):
        delta, gradient = backward(piece, a, delta, place)
        gradients |= {f"d{place}.{name}".replace("d.", "d"): g for name, g in gradient.params.items()}
    return {"dx": delta, **gradients}


def leaves(layer: Layer, place: str = "") -> Iterator[tuple[str, Layer]]:
    """The layers of a network that are not networks themselves, each with its place; a layer alone has the place ""."""
    if not isinstance(layer, Network):
        yield place, layer
        return
    for i, piece in enumerate(layer.layers):
        yield from leaves(piece, f"{place}.{i}" if place else str(i))
