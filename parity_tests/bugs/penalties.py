"""Mistakes in a penalty on the weights."""

import numpy as np

from manual import L1, L2, ElasticNet
from parity_tests.bugs.registry import bug


@bug("d0.bias, of a bias")
class _(L2):
    """The penalty reaches the biases."""

    def backward(self, network):
        return network.like(**{name: self.slope(p) for name, p in network.params.items()})


@bug("cost")
class _(L2):
    """The ½ is forgotten in the cost, and the gradient is the one with it."""

    def of(self, w):
        return self.alpha * (w * w).sum()


@bug("d0.weight")
class _(L2):
    """The gradient is 2αw, beside a cost of α/2 Σw²."""

    def slope(self, w):
        return 2 * self.alpha * w


@bug("cost")
class _(L2):
    """The cost is the norm of the weights, not its square."""

    def of(self, w):
        return self.alpha * np.sqrt((w * w).sum()) / 2


@bug("d0.weight")
class _(L2):
    """The gradient is a mean over the weights, the cost a sum."""

    def slope(self, w):
        return self.alpha * w / w.size


@bug("d0.weight")
class _(L1):
    """The sign is forgotten: every weight is pushed down."""

    def slope(self, w):
        return np.full_like(w, self.alpha)


@bug("cost")
class _(L1):
    """The weights are summed without their magnitude."""

    def of(self, w):
        return self.alpha * w.sum()


@bug("d0.weight")
class _(L1):
    """The gradient pushes the weights away from 0."""

    def slope(self, w):
        return -super().slope(w)


@bug("cost")
class _(ElasticNet):
    """The parts of L1 and L2 are exchanged."""

    def of(self, w):
        return ElasticNet(self.alpha, 1 - self.l1_ratio).of(w)

    def slope(self, w):
        return ElasticNet(self.alpha, 1 - self.l1_ratio).slope(w)


@bug("cost")
class _(ElasticNet):
    """The ½ of the quadratic part is forgotten in the cost."""

    def of(self, w):
        return super().of(w) + self.alpha * (1 - self.l1_ratio) * (w * w).sum() / 2
