from collections.abc import Iterator
from math import prod
from typing import Any

import numpy as np

from manual.described import parameter
from manual.layer import Layer
from manual.numbers.checks import AtLeast0, Flag, flag, floats, mismatch, shape
from manual.numbers.number_types import Array
from manual.numbers.sums import dots_of_rows, rows, sum_over_batch, sums_of_rows


class LayerNorm(Layer):
    """Brings the features of each example to mean 0 and variance 1, then stretches and shifts each by a learned amount.

        m = Σ x / n,  u = x − m,  v = Σ u² / n        over the n features: the last axes, `normalized_shape`
        r = 1 / √(v + ε),  h = u r
        y = γ h + β                                   γ (weight), β (bias) of the features' shape

        ∂C/∂γ = Σ δ h                                 over all examples, as y is linear in γ and β
        ∂C/∂β = Σ δ

    With g = ∂C/∂h = γ δ, an xⱼ moves y by three paths: by its own uⱼ, by m, and by v. Step by step:

        r is a function of v       ∂C/∂r = Σ g u,  dr/dv = −½ r³,  so  ∂C/∂v = −½ r³ Σ g u = −½ r² Σ g h
        u stands in h and in v     ∂C/∂u = g r + ∂C/∂v · 2u/n = r (g − h Σ g h / n)           [u = h / r]
        x stands in u and in m     ∂C/∂x = ∂C/∂u − Σ ∂C/∂u / n
                                         = r (g − Σ g / n − h Σ g h / n)                      [Σ h = 0]

    So ∂C/∂x is g without its part along 1, the path by the mean, and along h, the path by the variance: to shift or
    to stretch all features of an example changes nothing. (In the code the features are one axis, the last.)

    γ starts as 1, β as 0.

    Raises:
        InputError: normalized_shape is neither an integer >= 1 nor a tuple of them; eps is negative or not finite;
            elementwise_affine or bias is not a flag; the input's last axes are not normalized_shape, or it is not
            of floats of γ's dtype.
    Source: Ba, Kiros & Hinton, "Layer Normalization", 2016. Same as torch.nn.LayerNorm.
    """

    normalized_shape: int | tuple[int, ...]
    eps: AtLeast0 = 1e-5
    elementwise_affine: Flag = True
    weight: Any = parameter()
    bias: Any = parameter(default=True)  # the flag goes in, the array (or None) comes out

    def __post_init__(self) -> None:
        self._shape = shape(self, "normalized_shape", self.normalized_shape)
        affine, bias = self.elementwise_affine, flag(self, "bias", self.bias)
        self.weight = np.ones(self._shape) if affine else None
        self.bias = np.zeros(self._shape) if affine and bias else None

    def forward(self, x: Array, /) -> tuple[Array, tuple[Array, Array]]:
        floats(self, x)
        k, n, dtype = len(self._shape), prod(self._shape), x.dtype if self.weight is None else self.weight.dtype
        if x.shape[-k:] != self._shape or x.dtype != dtype:
            raise mismatch(self, f"(…, {', '.join(map(str, self._shape))})", dtype, x)
        x, shape = x.reshape(*x.shape[: x.ndim - k], n), x.shape
        u = x - sums_of_rows(x) / n
        r = 1 / np.sqrt(dots_of_rows(u, u) / n + self.eps)
        h = u * r
        y = h if self.weight is None else h * self.weight.reshape(n)
        if self.bias is not None:
            y += self.bias.reshape(n)
        return y.reshape(shape), (h, r)

    def backward(self, delta: Array, cache: tuple[Array, Array], /) -> tuple[Array, "LayerNorm"]:
        (h, r), n, shape = cache, prod(self._shape), delta.shape
        delta = delta.reshape(h.shape)
        g = delta if self.weight is None else delta * self.weight.reshape(n)
        dx = g - sums_of_rows(g) / n
        dx -= h * (dots_of_rows(g, h) / n)
        dx *= r
        return dx.reshape(shape), self.like(
            weight=None if self.weight is None else sum_over_batch(rows(delta * h)).reshape(self._shape),
            bias=None if self.bias is None else sum_over_batch(rows(delta)).reshape(self._shape),
        )


def examples(rng: np.random.Generator) -> Iterator[tuple[LayerNorm, Array]]:
    layer = LayerNorm(4)
    yield layer.like(weight=1 + rng.random(4), bias=rng.standard_normal(4)), rng.standard_normal((3, 4))
    yield LayerNorm(3, eps=0.1, bias=False), rng.standard_normal((4, 3))
    yield LayerNorm(4, elementwise_affine=False), rng.standard_normal((3, 4)) + 2
