"""Mistakes in a bilinear layer."""

import numpy as np

from manual import Bilinear
from parity_tests.bugs.registry import bug


@bug("dx0")
class _(Bilinear):
    """The gradients of the two inputs change places."""

    def backward(self, delta, cache):
        (da, dc), gradient = super().backward(delta, cache)
        return (dc, da), gradient


@bug("dx1")
class _(Bilinear):
    """The second input is taken for a constant."""

    def backward(self, delta, cache):
        (da, dc), gradient = super().backward(delta, cache)
        return (da, 0 * dc), gradient


@bug("dx0")
class _(Bilinear):
    """The other factor is left out of an input's gradient."""

    def backward(self, delta, cache):
        a, c, p = cache
        (da, _), _ = super().backward(delta, (a, np.ones_like(c), p))
        (_, dc), gradient = super().backward(delta, cache)
        return (da, dc), gradient


@bug("dweight")
class _(Bilinear):
    """The weight gradient lacks the second input."""

    def backward(self, delta, cache):
        a, c, p = cache
        lone = np.broadcast_to(a[..., :, None], (*a.shape, c.shape[-1])).reshape(p.shape)
        return super().backward(delta, cache)[0], super().backward(delta, (a, c, lone))[1]


@bug("dweight", "times ")
class _(Bilinear):
    """The weight gradient is averaged over the batch, which the cost has done already."""

    def backward(self, delta, cache):
        dx, gradient = super().backward(delta, cache)
        return dx, gradient.like(weight=gradient.weight / len(delta), bias=gradient.bias)


@bug("y")
class _(Bilinear):
    """The products of the two inputs are taken in the order of the second."""

    def forward(self, *inputs):
        z, (a, c, p) = super().forward(*inputs)
        W = self.weight.reshape(len(self.weight), -1)
        q = (c[..., :, None] * a[..., None, :]).reshape(p.shape)
        return z + (q - p) @ W.T, (a, c, p)


@bug("dbias")
class _(Bilinear):
    """The bias gradient is that of the first example alone."""

    def backward(self, delta, cache):
        dx, gradient = super().backward(delta, cache)
        bias = None if gradient.bias is None else delta.reshape(-1, delta.shape[-1])[0]
        return dx, gradient.like(weight=gradient.weight, bias=bias)
