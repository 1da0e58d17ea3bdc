from collections.abc import Iterator

import numpy as np

from manual.layer import Layer
from manual.numbers.checks import InputError, Integer, floats
from manual.numbers.number_types import Array


class Softmax(Layer):
    """Positive numbers that sum to 1: any vector as probabilities.

        aᵢ = e^zᵢ / Σⱼ e^zⱼ                       along the axis `dim`; any shape

        ∂aᵢ/∂zⱼ = aᵢ([i = j] − aⱼ)                every output depends on every input, so that σ' is a matrix
        ∂C/∂zᵢ = Σⱼ δⱼ ∂aⱼ/∂zᵢ = aᵢ(δᵢ − Σⱼ δⱼaⱼ)

    The largest z is taken off first: it cancels, and nothing overflows.

    Raises:
        InputError: `dim` is not an integer; the input has no such axis, or nothing along it, or is not an array of
            floats.
    Source: document B, part 1 of "Nitty-Gritty Details" (softmax for classification). Same as torch.nn.Softmax, whose
    `dim` has no default; here it is the last axis.
    """

    dim: Integer = -1

    def forward(self, z: Array, /) -> tuple[Array, Array]:
        floats(self, z)
        if not -z.ndim <= self.dim < z.ndim:
            raise InputError(f"{self!r}: expected an input that has this axis, got shape {z.shape}")
        if not z.shape[self.dim]:
            raise InputError(f"{self!r}: expected at least one number along this axis, got shape {z.shape}")
        e = np.exp(z - z.max(axis=self.dim, keepdims=True))
        a = e / e.sum(axis=self.dim, keepdims=True)
        return a, a

    def backward(self, delta: Array, a: Array, /) -> tuple[Array, "Softmax"]:
        return a * (delta - (delta * a).sum(axis=self.dim, keepdims=True)), self


def examples(rng: np.random.Generator) -> Iterator[tuple[Softmax, Array]]:
    yield Softmax(), rng.standard_normal((5, 4))
    yield Softmax(dim=1), rng.standard_normal((2, 3, 4))
    yield Softmax(), np.array([[1000.0, 999.0, -1000.0]])
