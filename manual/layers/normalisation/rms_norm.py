from collections.abc import Iterator
from math import prod
from typing import Any, Self

import numpy as np

from manual.described import parameter
from manual.layer import Layer
from manual.numbers.checks import Flag, at_least, floats, mismatch, shape
from manual.numbers.number_types import Array, Number


class RMSNorm(Layer):
    """Brings the features of each example to the mean square 1, then stretches each: a layer norm without its mean.

        q = Σ x² / n,  r = 1 / √(q + ε),  h = x r     over the n features: the last axes, `normalized_shape`
        y = γ h                                       γ (weight) of the features' shape

        ∂C/∂γ = Σ δ h                                 over all examples

    With g = ∂C/∂h = γ δ, an xⱼ moves y by two paths: by its own hⱼ, and by q:

        ∂C/∂r = Σ g x,  dr/dq = −½ r³,  so  ∂C/∂q = −½ r³ Σ g x = −½ r² Σ g h
        ∂C/∂x = g r + ∂C/∂q · 2x/n = r (g − h Σ g h / n)                                      [x = h / r]

    γ starts as 1. With eps=None, ε is the spacing of the input's floats at 1, as torch has it.

    Raises:
        InputError: normalized_shape is neither an integer >= 1 nor a tuple of them; eps is negative or not finite;
            elementwise_affine is not a flag; the input's last axes are not normalized_shape, or it is
            not of floats of γ's dtype.
    Source: Zhang & Sennrich, "Root Mean Square Layer Normalization", 2019. Same as torch.nn.RMSNorm.
    """

    normalized_shape: int | tuple[int, ...]
    eps: Any = None
    elementwise_affine: Flag = True
    weight: Any = parameter()

    def __post_init__(self) -> None:
        self._shape, self._floats = shape(self, "normalized_shape", self.normalized_shape), np.dtype(np.float64)
        self.eps = self.eps if self.eps is None else at_least(self, "eps", self.eps, 0)
        self.weight = np.ones(self._shape) if self.elementwise_affine else None

    def astype(self, number: Number) -> Self:
        """A copy of another number type; ε stays that of the last floats."""
        new = super().astype(number)
        for dtype in (np.float32, np.float64):
            if number == dtype:
                new._floats = np.dtype(dtype)
        return new

    def forward(self, x: Array, /) -> tuple[Array, tuple[Array, Array]]:
        floats(self, x)
        k, n, dtype = len(self._shape), prod(self._shape), x.dtype if self.weight is None else self.weight.dtype
        if x.shape[-k:] != self._shape or x.dtype != dtype:
            raise mismatch(self, f"(…, {', '.join(map(str, self._shape))})", dtype, x)
        eps = self.eps
        if eps is None:
            eps = float(np.finfo(x.dtype if x.dtype.kind == "f" else self._floats).eps)
        r = 1 / np.sqrt((x * x).sum(axis=tuple(range(-k, 0)), keepdims=True) / n + eps)
        h = x * r
        return (h if self.weight is None else h * self.weight), (h, r)

    def backward(self, delta: Array, cache: tuple[Array, Array], /) -> tuple[Array, "RMSNorm"]:
        (h, r), k, n = cache, len(self._shape), prod(self._shape)
        g = delta if self.weight is None else delta * self.weight
        by_size = (g * h).sum(axis=tuple(range(-k, 0)), keepdims=True) / n
        dg = None if self.weight is None else (delta * h).sum(axis=tuple(range(delta.ndim - k)))
        return r * (g - h * by_size), self.like(weight=dg)


def examples(rng: np.random.Generator) -> Iterator[tuple[RMSNorm, Array]]:
    yield RMSNorm(4).like(weight=1 + rng.random(4)), rng.standard_normal((3, 4))
    yield RMSNorm(3, eps=0.1), rng.standard_normal((4, 3))
    yield RMSNorm(4, elementwise_affine=False), rng.standard_normal((3, 4)) + 2
