"""The block that is a chain: forward in order, the error δ back through the layers in reverse."""

from collections.abc import Sequence
from typing import Any, Self

from manual.block import Block
from manual.described import keep
from manual.layer import Layer
from manual.numbers.checks import InputError, shown
from manual.numbers.number_types import Array


class Tape(list[Any]):
    """The caches of a network's layers; `output` is what the pass gave, which δ must fit."""

    output: Array


class Network(Block):
    """Layers, one after the other; networks may be nested.

        a⁰ = x,  aˡ = layerˡ(aˡ⁻¹)                  forward
        δᴸ = ∂C/∂aᴸ,  δˡ⁻¹ = (∂aˡ/∂aˡ⁻¹)ᵀ δˡ        backward, the layers in reverse

    Parameters are named as `torch.nn.Sequential.state_dict()` names them: "0.weight", "0.bias", "2.weight", …

    Raises:
        InputError: no layers, something that is not a Layer, one that holds another as an attribute, or two that share
            an array; an empty batch, truth values, an input that a layer cannot take, or a layer that gives several
            arrays: the message names the layer and its place; a δ of another shape or dtype than the output.
    Source: document A, part 3, "Visual Representation of the Backpropagation Process". Same as torch.nn.Sequential.
    """

    def __init_subclass__(cls) -> None:
        """A subclass is made of layers too: it takes over the constructor instead of getting one from its fields."""
        keep(cls)

    def __init__(self, *layers: Layer) -> None:
        if not layers:
            raise InputError("Network: expected at least one layer, got none")
        for place, layer in enumerate(layers):
            if not isinstance(layer, Layer):
                raise InputError(f"Network: expected a layer at place {place}, got {layer!r}")
            if any(layer is other for other in layers[:place]):
                raise InputError(f"Network: {layer!r} at place {place} is there twice; use a copy, "
                                 "copy.deepcopy(layer)")
        self.parts = {str(place): layer for place, layer in enumerate(layers)}

    def forward(self, x: Array, /) -> tuple[Array, list[Any]]:
        """(output, tape); the tape is the list of the layers' caches."""
        if not getattr(x, "shape", ()) or not x.size or x.dtype == bool:
            raise InputError(f"{self!r}: expected an array of at least one example, got {shown(x)}")
        tape = Tape()
        for place, layer in enumerate(self.layers):
            try:
                x, cache = layer.forward(x)
            except InputError as error:
                raise InputError(f"layer {place} of {len(self.layers)}, {error}") from None
            if isinstance(x, tuple):
                raise InputError(f"layer {place} of {len(self.layers)}, {layer!r} gives {len(x)} arrays, and a network "
                                 "hands on one; make a Block that does what is to be done with them")
            tape.append(cache)
        tape.output = x
        return x, tape

    def backward(self, delta: Array, tape: list[Any], /) -> tuple[Array, Self]:
        """(∂C/∂x, gradient); the gradient is a network of the layers' gradients."""
        self._check(delta, tape)
        delta, gradients = _back_through(self.layers, delta, tape)
        return delta, self._of(gradients)

    def gradient(self, delta: Array, tape: list[Any], /) -> Self:
        """The gradient alone: nobody asks for ∂C/∂x of the first layer, so it is not computed."""
        self._check(delta, tape)
        first, above = self.layers[0], self.layers[1:]
        delta, gradients = _back_through(above, delta, tape[1:])
        return self._of([first.gradient(delta, tape[0]), *gradients])

    def _check(self, delta: Array, tape: list[Any]) -> None:
        """Raise InputError unless δ has the output's shape and dtype: nothing is broadcast."""
        y = getattr(tape, "output", delta)
        if type(delta) is not type(y) or delta.shape != y.shape or delta.dtype != y.dtype:
            raise InputError(f"{self!r}: expected δ of the output's shape {y.shape} and dtype "
                             f"{y.dtype}, got {shown(delta)}")

    def commit(self, tape: list[Any], /) -> None:
        """Let every layer keep what this pass leaves behind."""
        for layer, cache in zip(self.layers, tape, strict=True):
            layer.commit(cache)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(map(repr, self.layers))})"


def _back_through(layers: Sequence[Layer], delta: Array, tape: Sequence[Any]) -> tuple[Array, list[Layer]]:
    gradients: list[Layer] = []
    for layer, cache in zip(reversed(layers), reversed(tape), strict=True):
        delta, gradient = layer.backward(delta, cache)
        gradients.append(gradient)
    return delta, gradients[::-1]
