"""Mistakes in a batch norm: its three paths, its two variances, its running means."""

import numpy as np

from manual import BatchNorm1d, BatchNorm2d
from parity_tests.bugs.registry import bug


def pieces(layer, delta, cache):
    """h, r, g, and the mean of an array over the batch, along the features."""
    h, r, *_ = cache
    along = (1, -1, *[1] * (delta.ndim - 2))
    g = delta if layer.weight is None else delta * layer.weight.reshape(along)

    def mean(a):
        return a.mean(axis=(0, *range(2, a.ndim)), keepdims=True)

    return h, r, g, mean


def batch(layer):
    """Whether the statistics are the batch's."""
    return layer.training or layer.running_mean is None


@bug("dx", "the path through the mean is missing")
class _(BatchNorm1d):
    """The mean is taken for a constant."""

    def backward(self, delta, cache):
        h, r, g, mean = pieces(self, delta, cache)
        right, gradient = super().backward(delta, cache)
        return (r * (g - h * mean(g * h)) if batch(self) else right), gradient


@bug("dx", "the path through the variance is missing")
class _(BatchNorm1d):
    """The variance is taken for a constant."""

    def backward(self, delta, cache):
        _, r, g, mean = pieces(self, delta, cache)
        right, gradient = super().backward(delta, cache)
        return (r * (g - mean(g)) if batch(self) else right), gradient


@bug("dx", "the paths through the mean and the variance are missing")
class _(BatchNorm1d):
    """Mean and variance are taken for constants while training, too."""

    def backward(self, delta, cache):
        _, r, g, _ = pieces(self, delta, cache)
        return r * g, super().backward(delta, cache)[1]


@bug("dx")
class _(BatchNorm1d):
    """In inference the gradient goes through statistics that are constants there."""

    def backward(self, delta, cache):
        h, r, g, mean = pieces(self, delta, cache)
        return r * (g - mean(g) - h * mean(g * h)), super().backward(delta, cache)[1]


@bug("y")
class _(BatchNorm1d):
    """The variance is the unbiased one in the forward pass."""

    def forward(self, x):
        y, (h, r, m, v, n) = super().forward(x)
        if not batch(self):
            return y, (h, r, m, v, n)
        wide = ((v + self.eps) / (v * n / (n - 1) + self.eps)).reshape(1, -1, *[1] * (x.ndim - 2)) ** 0.5
        shift = 0 if self.bias is None else self.bias.reshape(1, -1, *[1] * (x.ndim - 2))
        return (y - shift) * wide + shift, (h, r, m, v, n)


@bug("running_var")
class _(BatchNorm1d):
    """The running variance is the biased one."""

    def commit(self, cache):
        h, r, m, v, n = cache
        super().commit((h, r, m, v * (n - 1) / n, n))


@bug("running_mean")
class _(BatchNorm1d):
    """The momentum is that of the old mean, as in another library."""

    def commit(self, cache):
        kept, self.momentum = self.momentum, None if self.momentum is None else 1 - self.momentum
        super().commit(cache)
        self.momentum = kept


@bug("running_mean")
class _(BatchNorm1d):
    """The running means are never updated."""

    def commit(self, cache):
        if self.num_batches_tracked is not None and self.training:
            self.num_batches_tracked += 1


@bug("running_var")
class _(BatchNorm1d):
    """The running means are updated in inference, too."""

    def commit(self, cache):
        if self.running_mean is not None:
            training, self.training = self.training, True
            super().commit(cache)
            self.num_batches_tracked -= not training
            self.training = training


@bug("dweight")
class _(BatchNorm1d):
    """The gradient of γ is taken of x, not of its normalised h."""

    def backward(self, delta, cache):
        h, r, m, _, _ = cache
        dx, gradient = super().backward(delta, cache)
        if self.weight is None:
            return dx, gradient
        x = h / r + m.reshape(1, -1, *[1] * (delta.ndim - 2))
        over = (0, *range(2, delta.ndim))
        return dx, self.like(weight=(delta * x).sum(axis=over), bias=gradient.bias)


@bug("dx")
class _(BatchNorm2d):
    """The means of the backward pass run over the pictures alone, not over their pixels."""

    def backward(self, delta, cache):
        h, r, g, _ = pieces(self, delta, cache)
        right, gradient = super().backward(delta, cache)
        dx = r * (g - g.mean(axis=0) - h * (g * h).mean(axis=0))
        return (dx if batch(self) else right), gradient


@bug("y")
class _(BatchNorm2d):
    """Every pixel has statistics of its own."""

    def forward(self, x):
        y, cache = super().forward(x)
        if not batch(self):
            return y, cache
        u = x - x.mean(axis=0)
        h = u / np.sqrt((u * u).mean(axis=0) + self.eps)
        return h * self.weight.reshape(-1, 1, 1) + self.bias.reshape(-1, 1, 1), cache


@bug("dx", "the path through the mean is missing")
class _(BatchNorm2d):
    """The mean is taken for a constant."""

    def backward(self, delta, cache):
        h, r, g, mean = pieces(self, delta, cache)
        right, gradient = super().backward(delta, cache)
        return (r * (g - h * mean(g * h)) if batch(self) else right), gradient


@bug("dbias", "times 1/")
class _(BatchNorm2d):
    """The gradient of β is averaged over the pixels."""

    def backward(self, delta, cache):
        dx, gradient = super().backward(delta, cache)
        return dx, self.like(weight=gradient.weight, bias=gradient.bias / (delta[0, 0].size * len(delta)))


@bug("running_mean")
class _(BatchNorm2d):
    """The running mean is that of the normalised numbers."""

    def commit(self, cache):
        h, r, m, v, n = cache
        super().commit((h, r, 0 * m, v, n))
