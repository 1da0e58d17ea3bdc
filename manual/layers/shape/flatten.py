from collections.abc import Iterator
from math import prod

import numpy as np

from manual.layer import Layer
from manual.numbers.checks import InputError, Integer, floats
from manual.numbers.number_types import Array


class Flatten(Layer):
    """Pictures to vectors: a convolution's output as a Linear's input.

        y = a, its axes start_dim to end_dim joined to one        a (N, …), y (N, D) by default; D = C·H·W of a picture
        ∂C/∂a = δ in the shape of a

    No number is changed, so the derivative changes none either.

    Raises:
        InputError: start_dim or end_dim is not an integer, or the input has no such axes, or is not of floats.
    Source: document B, "Conclusion", step 1: pictures to numbers. Same as torch.nn.Flatten.
    """

    start_dim: Integer = 1
    end_dim: Integer = -1

    def forward(self, a: Array, /) -> tuple[Array, Array]:
        floats(self, a)
        axes = range(a.ndim)
        if not all(-a.ndim <= dim < a.ndim for dim in (self.start_dim, self.end_dim)):
            raise InputError(f"{self!r}: expected an input that has these axes, got shape {a.shape}")
        first, last = axes[self.start_dim], axes[self.end_dim]
        if last < first:
            raise InputError(f"{self!r}: expected start_dim before end_dim, got them as axes {first} "
                             f"and {last} of {a.shape}")
        return a.reshape(*a.shape[:first], prod(a.shape[first : last + 1]), *a.shape[last + 1 :]), a

    def backward(self, delta: Array, a: Array, /) -> tuple[Array, "Flatten"]:
        da = np.zeros_like(a)  # lies in memory as a does, so that the layers before need not mix two layouts
        da[...] = delta.reshape(*a.shape)
        return da, self


def examples(rng: np.random.Generator) -> Iterator[tuple[Flatten, Array]]:
    yield Flatten(), rng.standard_normal((2, 3, 2, 2))
    yield Flatten(), rng.standard_normal((2, 3))
    yield Flatten(start_dim=-3, end_dim=2), rng.standard_normal((2, 3, 2, 2))
