from collections.abc import Iterator
from typing import Any

import numpy as np

from manual.described import state
from manual.layer import Layer
from manual.numbers.checks import InputError, Size, at_least, floats, mismatch
from manual.numbers.number_types import Array


class RotaryPositions(Layer):
    """Turns every query, or key, by an angle that says where it stands (RoPE).

        (y₂ᵢ, y₂ᵢ₊₁) = R (x₂ᵢ, x₂ᵢ₊₁),  R = (cos θ, −sin θ; sin θ, cos θ),  θ = t / base^(2i/d)
                                            x, y (N, …, T, d): the place t is the last axis but one
        ∂C/∂(x₂ᵢ, x₂ᵢ₊₁) = Rᵀ δ             R turns by θ, its transpose by −θ

    A query at s and a key at t are turned by angles that differ by s − t alone, and so does their product: attention
    sees how far apart they are, and not where they are. No length is changed.

    Raises:
        InputError: max_len is not an integer >= 1, dim not an even one; base is not a finite number >= 1; the input is
            not (N, …, T, dim), longer than max_len, or not of floats.
    Source: Su et al., "RoFormer: Enhanced Transformer with Rotary Position Embedding", 2021, section 3.2.
    """

    max_len: Size
    dim: Size
    base: Any = 10000
    cos: Array = state()
    sin: Array = state()

    def __post_init__(self) -> None:
        if self.dim % 2:
            raise InputError(f"RotaryPositions: dim must be even, got {self.dim}")
        place = np.arange(self.max_len)[:, None]
        angle = place / at_least(self, "base", self.base, 1) ** (np.arange(0, self.dim, 2) / self.dim)
        self.cos, self.sin = np.cos(angle), np.sin(angle)

    def forward(self, x: Array, /) -> tuple[Array, None]:
        floats(self, x)
        if x.ndim < 3 or x.shape[-1] != self.dim or x.shape[-2] > self.max_len:
            raise mismatch(self, f"(N, …, at most {self.max_len}, {self.dim})", x.dtype, x)
        return self._turned(x, self.sin), None

    def backward(self, delta: Array, _: None, /) -> tuple[Array, "RotaryPositions"]:
        return self._turned(delta, -self.sin), self

    def _turned(self, x: Array, sin: Array) -> Array:
        a, b = x[..., ::2], x[..., 1::2]
        c, s = (table[: x.shape[-2]].astype(x.dtype, copy=False) for table in (self.cos, sin))
        return np.stack([a * c - b * s, a * s + b * c], axis=-1).reshape(x.shape)


def examples(rng: np.random.Generator) -> Iterator[tuple[RotaryPositions, Array]]:
    yield RotaryPositions(5, 4), rng.standard_normal((2, 3, 4))
    yield RotaryPositions(3, 2, base=100), rng.standard_normal((2, 2, 3, 2))
