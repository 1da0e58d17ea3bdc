"""The contract of a layer.

    y, cache = layer.forward(x)              pure: reads parameters and state, writes neither
    dx, grad = layer.backward(delta, cache)  equation 2, and 3 and 4: grad is a layer whose parameters are the gradients
    grad     = layer.gradient(delta, cache)  equations 3 and 4 alone: what the first layer of a network needs

Nothing of a particular pass is kept on the layer. A layer of your own needs `forward` and `backward`, no more.
"""

from dataclasses import fields
from functools import cache
from typing import Any, Self

from manual.described import Described
from manual.number_types import Array, Number, lift


@cache
def _names(layer: type["Layer"], kind: str) -> tuple[str, ...]:
    return tuple(f.name for f in fields(layer) if f.metadata.get("kind") == kind)  # pyright: ignore[reportArgumentType]


class Layer(Described):
    """A function of its input and of its parameters, and the adjoint of its derivative."""

    def forward(self, x: Array, /) -> tuple[Array, Any]:
        """(y, cache): the output, and what `backward` will need."""
        raise NotImplementedError

    def backward(self, delta: Array, cache: Any, /) -> tuple[Array, Self]:
        """(∂C/∂x, gradient), given delta = ∂C/∂y and the cache of the forward pass."""
        raise NotImplementedError

    def gradient(self, delta: Array, cache: Any, /) -> Self:
        """The second half of `backward`. Worth writing where ∂C/∂x costs much and nobody asks for it."""
        return self.backward(delta, cache)[1]

    def commit(self, cache: Any, /) -> None:
        """What a pass leaves behind after a training step: a running statistic, a count. Most layers leave nothing."""

    def evaluated(self) -> Self:
        """The layer for inference. Most layers are the same then."""
        return self

    @property
    def params(self) -> dict[str, Array]:
        """The trainable arrays under torch's names; an absent one (`bias=False`) is left out."""
        present = {}
        for name in _names(type(self), "parameter"):
            if (p := self.__dict__[name]) is not None:
                present[name] = p
        return present

    @property
    def state(self) -> dict[str, Array]:
        """What `forward` reads and only `commit` changes, under torch's names."""
        return {name: getattr(self, name) for name in _names(type(self), "state")}

    def like(self, **arrays: Array | None) -> Self:
        """A copy with these parameters: all of them or none, so that none is forgotten and mistaken for its own gradient.

        State may be given, too. What is not given is shared with this layer; `copy.deepcopy` shares nothing.

        Raises:
            TypeError: some are missing or unknown. (None stands for an absent one, as with `bias=False`.)
        """
        given = {name: array for name, array in arrays.items() if array is not None}.keys()
        if arrays and given != self.params.keys() != given - self.state.keys():
            raise TypeError(f"{self!r}.like takes all parameters or none: expected {[*self.params]}, got {[*arrays]}")
        new = object.__new__(type(self))
        new.__dict__ = self.__dict__ | arrays
        return new

    def __add__(self, other: "Layer") -> Self:
        """The sum of two gradients, that of the loss and that of a penalty."""
        return self.like(**{name: p + other.params[name] for name, p in self.params.items()})

    def astype(self, number: Number) -> Self:
        """A copy whose parameters are of another number type: `np.float32`, `flint.fmpq`, … (see `lift`)."""
        return self.like(**{name: lift(p, number) for name, p in self.params.items()})
