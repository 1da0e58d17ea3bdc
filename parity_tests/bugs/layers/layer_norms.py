"""Mistakes in a normalisation over the features: layer norm, RMS norm, group norm."""

import numpy as np

from manual import GroupNorm, LayerNorm, RMSNorm
from parity_tests.bugs.registry import bug


def last(layer):
    return tuple(range(-len(layer._shape), 0))


def grown(layer, delta):
    return delta if layer.weight is None else delta * layer.weight


# ---------------------------------------------------------------- LayerNorm


@bug("dx", "the path through the mean is missing")
class _(LayerNorm):
    """The mean is taken for a constant."""

    def backward(self, delta, cache):
        (h, r), g = cache, grown(self, delta)
        return r * (g - h * (g * h).mean(axis=last(self), keepdims=True)), super().backward(delta, cache)[1]


@bug("dx", "the path through the variance is missing")
class _(LayerNorm):
    """The variance is taken for a constant."""

    def backward(self, delta, cache):
        (_, r), g = cache, grown(self, delta)
        return r * (g - g.mean(axis=last(self), keepdims=True)), super().backward(delta, cache)[1]


@bug("dx", "weight is left out")
class _(LayerNorm):
    """δ goes back without γ."""

    def backward(self, delta, cache):
        h, r = cache
        by_mean, by_variance = (a.mean(axis=last(self), keepdims=True) for a in (delta, delta * h))
        return r * (delta - by_mean - h * by_variance), super().backward(delta, cache)[1]


@bug("y", "ε stands outside the root")
class _(LayerNorm):
    """ε is added to the root, not under it."""

    def forward(self, x):
        _, (h, r) = super().forward(x)
        root = np.sqrt(1 / (r * r) - self.eps)
        y = h / r / (root + self.eps)
        y = y if self.weight is None else y * self.weight
        return (y if self.bias is None else y + self.bias), (h, r)


@bug("y")
class _(LayerNorm):
    """The statistics run over the batch: it is a batch norm."""

    def forward(self, x):
        u = x - x.mean(axis=0)
        h = u / np.sqrt((u * u).mean(axis=0) + self.eps)
        y = h if self.weight is None else h * self.weight
        return (y if self.bias is None else y + self.bias), super().forward(x)[1]


@bug("dweight")
class _(LayerNorm):
    """The gradient of γ is summed over the features, and not over the examples."""

    def backward(self, delta, cache):
        dx, gradient = super().backward(delta, cache)
        if self.weight is None:
            return dx, gradient
        summed = (delta * cache[0]).sum(axis=last(self)).mean() + 0 * self.weight
        return dx, self.like(weight=summed, bias=gradient.bias)


@bug("dx")
class _(LayerNorm):
    """The means of the backward pass are those of a batch norm."""

    def backward(self, delta, cache):
        (h, r), g = cache, grown(self, delta)
        return r * (g - g.mean(axis=0) - h * (g * h).mean(axis=0)), super().backward(delta, cache)[1]


@bug("dx")
class _(LayerNorm):
    """The backward pass divides by the root of the variance alone, without ε."""

    def backward(self, delta, cache):
        h, r = cache
        bare = r / np.sqrt(1 - r * r * self.eps)
        return super().backward(delta, (h * (bare / r), bare))[0], super().backward(delta, cache)[1]


# ---------------------------------------------------------------- RMSNorm


@bug("dx", "the path through the variance is missing")
class _(RMSNorm):
    """The mean square is taken for a constant."""

    def backward(self, delta, cache):
        return cache[1] * grown(self, delta), super().backward(delta, cache)[1]


@bug("y")
class _(RMSNorm):
    """The mean is taken off, too: it is a layer norm."""

    def forward(self, x):
        return super().forward(x - x.mean(axis=last(self), keepdims=True))[0], super().forward(x)[1]


@bug("y", "times")
class _(RMSNorm):
    """It divides by the root of the sum of squares, not of their mean."""

    def forward(self, x):
        y, cache = super().forward(x)
        return y / np.prod(self._shape).item() ** 0.5, cache


@bug("dx", "weight is left out")
class _(RMSNorm):
    """δ goes back without γ."""

    def backward(self, delta, cache):
        h, r = cache
        return r * (delta - h * (delta * h).mean(axis=last(self), keepdims=True)), super().backward(delta, cache)[1]


@bug("dx")
class _(RMSNorm):
    """The path through the mean square has twice its weight: the ½ of the root is forgotten."""

    def backward(self, delta, cache):
        (h, r), g = cache, grown(self, delta)
        return r * (g - 2 * h * (g * h).mean(axis=last(self), keepdims=True)), super().backward(delta, cache)[1]


# ---------------------------------------------------------------- GroupNorm


@bug("y")
class _(GroupNorm):
    """The statistics run over all channels, whatever the groups."""

    def forward(self, x):
        axes = tuple(range(1, x.ndim))
        u = x - x.mean(axis=axes, keepdims=True) * (1 + 1e-6)
        h = u / np.sqrt((u * u).mean(axis=axes, keepdims=True) + self.eps)
        y = h if self.weight is None else h * self._along(self.weight, x) + self._along(self.bias, x)
        return y, super().forward(x)[1]


@bug("dx")
class _(GroupNorm):
    """The means of the backward pass run over each channel alone."""

    def backward(self, delta, cache):
        h, r = cache
        over = tuple(range(2, delta.ndim))
        g = delta if self.weight is None else delta * self._along(self.weight, delta)
        inside = g - g.mean(axis=over, keepdims=True) - h * (g * h).mean(axis=over, keepdims=True)
        dx = (r * self._grouped(inside)).reshape(delta.shape)
        return dx, super().backward(delta, cache)[1]


@bug("dx", "the path through the mean is missing")
class _(GroupNorm):
    """The mean is taken for a constant."""

    def backward(self, delta, cache):
        h, r = cache
        g = self._grouped(delta if self.weight is None else delta * self._along(self.weight, delta))
        grouped = self._grouped(h)
        dx = r * (g - grouped * (g * grouped).mean(axis=2, keepdims=True))
        return dx.reshape(delta.shape), super().backward(delta, cache)[1]


@bug("y")
class _(GroupNorm):
    """γ and β are a group's and not a channel's."""

    def forward(self, x):
        y, cache = super().forward(x)
        if self.weight is None:
            return y, cache
        first = np.repeat(self.weight[:: self.num_channels // self.num_groups], self.num_channels // self.num_groups)
        return cache[0] * self._along(first, x) + self._along(self.bias, x), cache


@bug("dweight", "the first example alone")
class _(GroupNorm):
    """The gradients of γ and β are those of the first example alone."""

    def backward(self, delta, cache):
        dx, gradient = super().backward(delta, cache)
        return dx, gradient if self.weight is None else super().backward(delta[:1], (cache[0][:1], cache[1][:1]))[1]
