from collections.abc import Iterator

import numpy as np

from manual.layer import Layer
from manual.numbers.checks import InputError, Integer, floats
from manual.numbers.number_types import Array


class Transpose(Layer):
    """Exchanges two axes: (N, T, classes), as a layer of sequences gives it, becomes (N, classes, T), as a loss takes
    it.

        y = a with the axes dim0 and dim1 exchanged
        ∂C/∂a = δ with them exchanged back

    Raises:
        InputError: an axis is not an integer, or the input has no such axis, or is not of floats.
    Same as torch.transpose.
    """

    dim0: Integer
    dim1: Integer

    def forward(self, a: Array, /) -> tuple[Array, None]:
        floats(self, a)
        if not all(-a.ndim <= dim < a.ndim for dim in (self.dim0, self.dim1)):
            raise InputError(f"{self!r}: expected an input with these axes, got shape {a.shape}")
        return a.swapaxes(self.dim0, self.dim1), None

    def backward(self, delta: Array, _: None, /) -> tuple[Array, "Transpose"]:
        return delta.swapaxes(self.dim0, self.dim1), self


def examples(rng: np.random.Generator) -> Iterator[tuple[Transpose, Array]]:
    yield Transpose(1, 2), rng.standard_normal((2, 3, 4))
    yield Transpose(0, -1), rng.standard_normal((3, 2))
