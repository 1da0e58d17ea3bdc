"""The contract of a layer.

    y, cache = layer.forward(x)              pure: reads parameters and state, writes neither
    dx, grad = layer.backward(delta, cache)  equation 2, and 3 and 4: grad is a layer whose parameters are the gradients
    grad     = layer.gradient(delta, cache)  equations 3 and 4 alone: what the first layer of a network needs

Of several inputs, forward(x, h), dx is a tuple: ∂C/∂ each, None for one of integers, such as words, which has no
derivative. Of several outputs y is a tuple, and then δ is one, too, with None for an output that nobody used.

Nothing of a particular pass is kept on the layer. A layer of your own needs `forward` and `backward`, no more.
"""

from collections.abc import Iterable, Iterator
from typing import Any, Self

import numpy as np

from manual.described import Described
from manual.numbers.checks import InputError
from manual.numbers.number_types import Array, Number, lift


def check_parts_are_trained(layer: "Layer") -> None:
    """Raise InputError where a layer holds another whose parameters are not among its own: nothing would train them.

    It may be held in a list, a tuple, a set or a dict. What neither has, such as an activation, may be held.
    """
    own = {id(array) for array in (*layer.params.values(), *layer.state.values())}
    for name, part in _held(layer, {id(layer)}):
        for key, array in (part.params | part.state).items():
            if id(array) not in own:
                raise InputError(
                    f"{layer!r}: {key} of the layer in {name!r} is not among its params and state, and would not be "
                    "trained; expected layers only as the parts of a Block, or in a Network"
                )


def _held(value: Any, seen: set[int], name: str = "") -> Iterator[tuple[str, "Layer"]]:
    """The layers in a layer's attributes, each with the attribute's name."""
    values: Iterable[tuple[str, Any]] = ()
    if isinstance(value, Layer):
        values = vars(value).items()
    elif isinstance(value, dict):
        values = [(name, v) for pair in value.items() for v in pair]
    elif isinstance(value, list | tuple | set | frozenset):
        values = [(name, v) for v in value]
    for key, part in values:
        if id(part) not in seen and isinstance(part, Layer | dict | list | tuple | set | frozenset):
            seen.add(id(part))
            if isinstance(part, Layer):
                yield name or key, part
            yield from _held(part, seen, name or key)


def several(value: Any) -> tuple[Any, ...]:
    """The inputs, outputs or δs of a layer, which may be one array, as a tuple."""
    return value if isinstance(value, tuple) else (value,)


class Layer(Described):
    """A function of its inputs and of its parameters, and the adjoint of its derivative."""

    training = True  # False in a copy by `evaluated` of a layer that does something else in inference

    def forward(self, *inputs: Any, **_: Any) -> tuple[Any, Any]:
        """(y, cache): the output, and what `backward` will need. A layer names its inputs, most have one."""
        raise NotImplementedError

    def backward(self, delta: Any, cache: Any, /) -> tuple[Any, Self]:
        """(∂C/∂x, gradient), given delta = ∂C/∂y and the cache of the forward pass."""
        raise NotImplementedError

    def gradient(self, delta: Any, cache: Any, /) -> Self:
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
        present, own = {}, self.__dict__
        for name in self._parameters:
            if (p := own[name]) is not None:
                present[name] = p
        return present

    @property
    def state(self) -> dict[str, Array]:
        """What `forward` reads and only `commit` changes, under torch's names."""
        return {name: s for name in self._states if (s := getattr(self, name)) is not None}

    def like(self, **arrays: Array | None) -> Self:
        """A copy with these parameters: all or none, so that none is forgotten and taken for its own gradient.

        State may be given, too. What is not given is shared with this layer; `copy.deepcopy` shares nothing.

        Raises:
            TypeError: some are missing or unknown. (None stands for an absent one, as with `bias=False`.)
        """
        if arrays and not self._complete(arrays):
            raise TypeError(f"{self!r}.like takes all parameters or none: expected {[*self.params]}, got {[*arrays]}")
        new = object.__new__(type(self))
        new.__dict__ = self.__dict__ | arrays
        return new

    def _complete(self, arrays: dict[str, Array | None]) -> bool:
        """Whether they are all parameters, and perhaps state; None stands for a parameter that is absent."""
        given, own = 0, self.params
        for name, array in arrays.items():
            if name in own and array is not None:
                given += 1
            elif array is not None and name not in self.state:
                return False
        return given == len(own)

    def __add__(self, other: "Layer") -> Self:
        """The sum of two gradients, that of the loss and that of a penalty."""
        return self.like(**{name: p + other.params[name] for name, p in self.params.items()})

    def astype(self, number: Number) -> Self:
        """A copy whose numbers are of another type, `np.float32`, `flint.fmpq`, … (see `lift`); integers stay."""
        real = {name: s for name, s in self.state.items() if np.asarray(s).dtype.kind in "fO"}
        return self.like(**{name: lift(array, number) for name, array in (self.params | real).items()})
