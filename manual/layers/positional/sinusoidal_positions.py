from collections.abc import Iterator

import numpy as np

from manual.described import state
from manual.layer import Layer
from manual.numbers.checks import InputError, Size, floats, mismatch
from manual.numbers.number_types import Array


class SinusoidalPositions(Layer):
    """Adds to every word a pattern of waves that says where it stands.

        y[n, t] = x[n, t] + P[t]            x, y (N, T, E); P (table) (max_len, E)
        P[t, 2i] = sin(t / 10000^(2i/E)),  P[t, 2i + 1] = cos(t / 10000^(2i/E))

        ∂C/∂x = δ                           P is a constant

    Each pair is the hand of a clock, from one turn in 2π words to one in 20,000π. k words further on every hand has
    turned by an angle that depends on k alone, so that a linear map can look k words back.

    Raises:
        InputError: max_len is not an integer >= 1, or embed_dim not an even one; the input is not (N, T, E), longer
            than max_len, or not of floats.
    Source: Vaswani et al., "Attention Is All You Need", 2017, section 3.5.
    """

    max_len: Size
    embed_dim: Size
    table: Array = state()

    def __post_init__(self) -> None:
        if self.embed_dim % 2:
            raise InputError(f"SinusoidalPositions: embed_dim must be even, got {self.embed_dim}")
        place = np.arange(self.max_len)[:, None]
        angle = place / 10000 ** (np.arange(0, self.embed_dim, 2) / self.embed_dim)
        self.table = np.stack([np.sin(angle), np.cos(angle)], axis=2).reshape(self.max_len, self.embed_dim)

    def forward(self, x: Array, /) -> tuple[Array, None]:
        floats(self, x)
        if x.ndim != 3 or x.shape[2] != self.embed_dim or x.shape[1] > self.max_len:
            raise mismatch(self, f"(N, at most {self.max_len}, {self.embed_dim})", x.dtype, x)
        return x + self.table[: x.shape[1]].astype(x.dtype, copy=False), None

    def backward(self, delta: Array, _: None, /) -> tuple[Array, "SinusoidalPositions"]:
        return delta, self


def examples(rng: np.random.Generator) -> Iterator[tuple[SinusoidalPositions, Array]]:
    yield SinusoidalPositions(5, 4), rng.standard_normal((2, 3, 4))
    yield SinusoidalPositions(3, 2), rng.standard_normal((1, 3, 2))
