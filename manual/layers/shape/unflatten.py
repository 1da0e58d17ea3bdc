from collections.abc import Iterator

import numpy as np

from manual.layer import Layer
from manual.numbers.checks import InputError, Integer, floats, whole
from manual.numbers.number_types import Array


class Unflatten(Layer):
    """Vectors to pictures: a Linear's output as a transposed convolution's input.

        y = a, its axis `dim` split into axes of the sizes `unflattened_size`, one of which may be −1: what is left
        ∂C/∂a = δ in the shape of a

    No number is changed, so the derivative changes none either.

    Raises:
        InputError: dim is not an integer; unflattened_size is not a tuple of integers >= 1, of which one may be −1; the
            input has no such axis, it does not split so, or it is not of floats.
    Source: document B, "Conclusion", step 1, the way back. Same as torch.nn.Unflatten.
    """

    dim: Integer
    unflattened_size: tuple[int, ...]

    def __post_init__(self) -> None:
        sizes = self.unflattened_size
        if not isinstance(sizes, tuple | list) or not sizes or [*sizes].count(-1) > 1:
            raise InputError(f"Unflatten: unflattened_size must be a tuple of integers, one of them perhaps -1, "
                             f"got {sizes!r}")
        self.unflattened_size = tuple(n if n == -1 else whole(self, f"unflattened_size[{i}]", n, 1)
                                      for i, n in enumerate(sizes))

    def forward(self, a: Array, /) -> tuple[Array, tuple[int, ...]]:
        floats(self, a)
        sizes = self.unflattened_size
        known = -int(np.prod(sizes)) if -1 in sizes else int(np.prod(sizes))
        length = a.shape[self.dim] if -a.ndim <= self.dim < a.ndim else 0
        if not length or (length % known if -1 in sizes else length != known):
            raise InputError(f"{self!r}: expected an input that splits so along this axis, got shape {a.shape}")
        place = self.dim % a.ndim
        return a.reshape(*a.shape[:place], *(length // known if n == -1 else n for n in sizes),
                         *a.shape[place + 1 :]), a.shape

    def backward(self, delta: Array, shape: tuple[int, ...], /) -> tuple[Array, "Unflatten"]:
        return delta.reshape(*shape), self


def examples(rng: np.random.Generator) -> Iterator[tuple[Unflatten, Array]]:
    yield Unflatten(1, (3, 2, 2)), rng.standard_normal((2, 12))
    yield Unflatten(-2, (2, -1)), rng.standard_normal((2, 6, 3))
