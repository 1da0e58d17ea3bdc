from collections.abc import Iterator

import numpy as np

from manual.layer import Layer
from manual.numbers.checks import InputError, Integer, floats
from manual.numbers.number_types import Array


class LogSoftmax(Layer):
    """The logarithm of softmax, without the way by a probability that may underflow.

        aᵢ = zᵢ − log Σⱼ e^zⱼ                     along the axis `dim`; any shape

        ∂aᵢ/∂zⱼ = [i = j] − pⱼ                    p = softmax(z) = e^a: every output depends on every input
        ∂C/∂zᵢ = Σⱼ δⱼ ∂aⱼ/∂zᵢ = δᵢ − pᵢ Σⱼ δⱼ

    The largest z is taken off first: it cancels, and nothing overflows.

    Raises:
        InputError: `dim` is not an integer; the input has no such axis, or nothing along it, or is not an array of
            floats.
    Source: document B, part 1 of "Nitty-Gritty Details" (softmax for classification). Same as torch.nn.LogSoftmax,
    whose `dim` has no default; here it is the last axis.
    """

    dim: Integer = -1

    def forward(self, z: Array, /) -> tuple[Array, Array]:
        floats(self, z)
        if not -z.ndim <= self.dim < z.ndim or not z.shape[self.dim]:
            raise InputError(f"{self!r}: expected an input that has this axis, with a number along it, "
                             f"got shape {z.shape}")
        s = z - z.max(axis=self.dim, keepdims=True)
        a = s - np.log(np.exp(s).sum(axis=self.dim, keepdims=True))
        return a, a

    def backward(self, delta: Array, a: Array, /) -> tuple[Array, "LogSoftmax"]:
        return delta - np.exp(a) * delta.sum(axis=self.dim, keepdims=True), self


def examples(rng: np.random.Generator) -> Iterator[tuple[LogSoftmax, Array]]:
    yield LogSoftmax(), rng.standard_normal((5, 4))
    yield LogSoftmax(dim=1), rng.standard_normal((2, 3, 4))
    yield LogSoftmax(), np.array([[1000.0, 999.0, -1000.0]])
