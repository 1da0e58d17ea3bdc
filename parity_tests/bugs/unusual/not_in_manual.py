"""Right layers of torch, as others write them: with fewer hyperparameters, and fields of their own."""

from math import pi
from typing import Any

import numpy as np

from manual import Layer, parameter, positive


class SiLU(Layer):
    """z σ(z)."""

    def forward(self, z, /):
        return z / (1 + np.exp(-z)), z

    def backward(self, delta, z, /):
        s = 1 / (1 + np.exp(-z))
        return delta * (s + z * s * (1 - s)), self


class Softplus(Layer):
    """log(1 + eᶻ)."""

    def forward(self, z, /):
        return np.log(1 + np.exp(z)), z

    def backward(self, delta, z, /):
        return delta / (1 + np.exp(-z)), self


class LeakyReLU(Layer):
    """z, and z/100 where z is not positive."""

    negative_slope: float = 0.01

    def forward(self, z, /):
        slope = np.where(positive(z), 1, self.negative_slope)
        return z * slope, slope

    def backward(self, delta, slope, /):
        return delta * slope, self


class GELU(Layer):
    """½ z (1 + tanh(√(2/π) (z + 0.044715 z³)))."""

    approximate: str = "tanh"

    def forward(self, z, /):
        return z * (1 + np.tanh((z + z * z * z * 0.044715) * (2 / pi) ** 0.5)) / 2, z

    def backward(self, delta, z, /):
        t = np.tanh((z + z * z * z * 0.044715) * (2 / pi) ** 0.5)
        return delta * (1 + t + z * (1 - t * t) * (1 + z * z * 0.134145) * (2 / pi) ** 0.5) / 2, self


class LayerNorm(Layer):
    """γ (x − x̄)/√(v + ε) + β over the features."""

    normalized_shape: int
    weight: Any = parameter()
    bias: Any = parameter()

    def __post_init__(self):
        self.weight, self.bias = 1 + 0.1 * np.arange(self.normalized_shape), 0.3 * np.arange(self.normalized_shape)

    def forward(self, x, /):
        u = x - x.sum(axis=1, keepdims=True) / x.shape[1]
        r = 1 / np.sqrt((u * u).sum(axis=1, keepdims=True) / x.shape[1] + 1e-5)
        return u * r * self.weight + self.bias, (u * r, r)

    def backward(self, delta, cache, /):
        (h, r), n = cache, delta.shape[1]
        g = delta * self.weight
        dx = r * (g - g.sum(axis=1, keepdims=True) / n - h * ((g * h).sum(axis=1, keepdims=True) / n))
        return dx, self.like(weight=(delta * h).sum(axis=0), bias=delta.sum(axis=0))


class RMSNorm(Layer):
    """γ x/√(mean(x²) + ε) over the features."""

    normalized_shape: int
    eps: float = 1e-5
    weight: Any = parameter()

    def __post_init__(self):
        self.weight = 1 + 0.1 * np.arange(self.normalized_shape)

    def forward(self, x, /):
        r = 1 / np.sqrt((x * x).sum(axis=1, keepdims=True) / x.shape[1] + self.eps)
        return x * r * self.weight, (x, r)

    def backward(self, delta, cache, /):
        x, r = cache
        h, g = x * r, delta * self.weight
        dx = r * (g - h * ((g * h).sum(axis=1, keepdims=True) / x.shape[1]))
        return dx, self.like(weight=(delta * h).sum(axis=0))


def examples(rng):
    """Layers and their inputs, as in a file of `manual`."""
    for layer in UNKNOWN.values():
        yield layer, rng.standard_normal((4, 5))


UNKNOWN: dict[str, Layer] = {
    "SiLU": SiLU(), "Softplus": Softplus(), "LeakyReLU": LeakyReLU(), "GELU": GELU(), "LayerNorm": LayerNorm(5),
    "RMSNorm": RMSNorm(5),
}  # fmt: skip
