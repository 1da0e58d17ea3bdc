"""Mistakes in a normalisation: the paths through the mean and the variance, ε, the axes."""

import numpy as np

from parity_tests.bugs.registry import bug
from parity_tests.bugs.unusual.not_in_manual import LayerNorm, RMSNorm


@bug("dx", "ε is left out")
class _(LayerNorm):
    """The backward pass divides by the root of the variance alone."""

    def forward(self, x):
        y, (h, r) = super().forward(x)
        bare = r / np.sqrt(1 - r * r * r.dtype.type(1e-5))
        return y, (h * (bare / r), bare)


@bug("y", "ε stands outside the root")
class _(LayerNorm):
    """ε is added to the root, not under it."""

    def forward(self, x):
        u = x - x.sum(axis=1, keepdims=True) / x.shape[1]
        r = 1 / (np.sqrt((u * u).sum(axis=1, keepdims=True) / x.shape[1]) + 1e-5)
        return u * r * self.weight + self.bias, (u * r, r)


@bug("dweight", "the sum over axis 0 is missing")
class _(LayerNorm):
    """The gradient of γ is not summed over the batch."""

    def backward(self, delta, cache):
        dx, gradient = super().backward(delta, cache)
        return dx, self.like(weight=delta * cache[0], bias=gradient.bias)


@bug("dx", "the sums of the backward pass run over axis 0, not over axis 1")
class _(LayerNorm):
    """The means of the backward pass are those of a batch norm."""

    def backward(self, delta, cache):
        (h, r), g, n = cache, delta * self.weight, len(delta)
        dx = r * (g - g.sum(axis=0) / n - h * ((g * h).sum(axis=0) / n))
        return dx, super().backward(delta, cache)[1]


@bug("dx", "the path through the mean is missing")
class _(LayerNorm):
    """The mean is taken for a constant."""

    def backward(self, delta, cache):
        (h, r), g = cache, delta * self.weight
        return r * (g - h * ((g * h).sum(axis=1, keepdims=True) / h.shape[1])), super().backward(delta, cache)[1]


@bug("dx", "the path through the variance is missing")
class _(LayerNorm):
    """The variance is taken for a constant."""

    def backward(self, delta, cache):
        (h, r), g = cache, delta * self.weight
        return r * (g - g.sum(axis=1, keepdims=True) / h.shape[1]), super().backward(delta, cache)[1]


@bug("dx", "the paths through the mean and the variance are missing")
class _(LayerNorm):
    """Mean and variance are taken for constants."""

    def backward(self, delta, cache):
        return cache[1] * delta * self.weight, super().backward(delta, cache)[1]


@bug("dx", "the path through the variance is missing")
class _(RMSNorm):
    """The mean square is taken for a constant."""

    def backward(self, delta, cache):
        return cache[1] * delta * self.weight, super().backward(delta, cache)[1]


@bug("dx", "weight is left out")
class _(LayerNorm):
    """δ goes back without γ."""

    def backward(self, delta, cache):
        (h, r), n = cache, delta.shape[1]
        dx = r * (delta - delta.sum(axis=1, keepdims=True) / n - h * ((delta * h).sum(axis=1, keepdims=True) / n))
        return dx, super().backward(delta, cache)[1]
