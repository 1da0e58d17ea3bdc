from collections.abc import Iterator
from dataclasses import KW_ONLY, InitVar

import numpy as np

from manual.described import parameter
from manual.layer import Layer
from manual.numbers.checks import Size, generator, mismatch
from manual.numbers.number_types import Array


class LearnedPositions(Layer):
    """Adds to every word a vector that says where it stands, as it has been learned.

        y[n, t] = x[n, t] + W[t]            x, y (N, T, E); W (weight) (max_len, E)

        ∂C/∂x = δ
        ∂C/∂W[t] = Σₙ δ[n, t]               0 for places beyond T, which no word has

    Weights start normal with deviation 0.02, as GPT-2's.

    Raises:
        InputError: max_len or embed_dim is not an integer >= 1; rng is not a Generator; the input is not (N, T, E), is
            longer than max_len, or not of the weight's dtype.
    Source: Gehring et al., "Convolutional Sequence to Sequence Learning", 2017, section 3.1; Radford et al., "Improving
    Language Understanding by Generative Pre-Training", 2018, U Wₑ + W_p.
    """

    max_len: Size
    embed_dim: Size
    weight: Array = parameter()
    _: KW_ONLY
    rng: InitVar[np.random.Generator]

    def __post_init__(self, rng: np.random.Generator) -> None:
        self.weight = generator(self, rng).normal(0, 0.02, (self.max_len, self.embed_dim))

    def forward(self, x: Array, /) -> tuple[Array, int]:
        W = self.weight
        if getattr(x, "dtype", 0) != W.dtype or x.ndim != 3 or x.shape[2] != self.embed_dim or x.shape[1] > len(W):
            raise mismatch(self, f"(N, at most {self.max_len}, {self.embed_dim})", W.dtype, x)
        return x + W[: x.shape[1]], x.shape[1]

    def backward(self, delta: Array, places: int, /) -> tuple[Array, "LearnedPositions"]:
        dW = np.zeros_like(self.weight)
        dW[:places] = delta.sum(axis=0)
        return delta, self.like(weight=dW)


def examples(rng: np.random.Generator) -> Iterator[tuple[LearnedPositions, Array]]:
    yield LearnedPositions(5, 4, rng=rng), rng.standard_normal((2, 3, 4))
    yield LearnedPositions(3, 2, rng=rng), rng.standard_normal((2, 3, 2))
