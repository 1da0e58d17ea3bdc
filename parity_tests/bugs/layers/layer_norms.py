"""Mistakes in a normalisation over the features: layer norm, RMS norm, group norm."""

import numpy as np

from manual import GroupNorm, LayerNorm, RMSNorm
from parity_tests.bugs.registry import bug, edits

# ---------------------------------------------------------------- LayerNorm


edits(LayerNorm, "backward", [
    ("The mean is taken for a constant", "dx", "the path through the mean is missing",
     "g - sums_of_rows(g) / n", "g.copy()"),
    ("The variance is taken for a constant", "dx", "the path through the variance is missing",
     "dx -= h * (dots_of_rows(g, h) / n)", ""),
    ("δ goes back without γ", "dx", "weight is left out",
     "g = delta if self.weight is None else delta * self.weight.reshape(n)", "g = delta"),
    ("The gradient of γ is summed over the features, and not over the examples", "dweight", "",
     "sum_over_batch(rows(delta * h)).reshape(self._shape)", "(delta * h).sum(axis=-1).mean() + 0 * self.weight"),
    ("The means of the backward pass are those of a batch norm", "dx", "",
     "g - sums_of_rows(g) / n\n    dx -= h * (dots_of_rows(g, h) / n)",
     "g - g.mean(axis=0) - h * (g * h).mean(axis=0)"),
    ("The backward pass divides by the root of the variance alone, without ε", "dx", "",
     "dx *= r", "dx *= r / np.sqrt(1 - r * r * self.eps)"),
])  # fmt: skip

edits(LayerNorm, "forward", [
    ("ε is added to the root, not under it", "y", "ε stands outside the root",
     "np.sqrt(dots_of_rows(u, u) / n + self.eps)", "(np.sqrt(dots_of_rows(u, u) / n) + self.eps)"),
])  # fmt: skip


@bug("y")
class _(LayerNorm):
    """The statistics run over the batch: it is a batch norm."""

    def forward(self, x):
        u = x - x.mean(axis=0)
        h = u / np.sqrt((u * u).mean(axis=0) + self.eps)
        y = h if self.weight is None else h * self.weight
        return (y if self.bias is None else y + self.bias), super().forward(x)[1]


# ---------------------------------------------------------------- RMSNorm


edits(RMSNorm, "backward", [
    ("The mean square is taken for a constant", "dx", "the path through the variance is missing",
     "g - h * by_size", "g"),
    ("δ goes back without γ", "dx", "weight is left out",
     "g = delta if self.weight is None else delta * self.weight", "g = delta"),
    ("The path through the mean square has twice its weight: the ½ of the root is forgotten", "dx", "",
     "h * by_size", "2 * h * by_size"),
])  # fmt: skip

edits(RMSNorm, "forward", [
    ("The mean is taken off, too: it is a layer norm", "y", "",
     "eps = self.eps\n", "eps, x = self.eps, x - x.mean(axis=tuple(range(-k, 0)), keepdims=True)\n"),
    ("It divides by the root of the sum of squares, not of their mean", "y", "times", " / n + eps", " + eps"),
])  # fmt: skip


# ---------------------------------------------------------------- GroupNorm


edits(GroupNorm, "forward", [
    ("The statistics run over all channels, whatever the groups", "y", "",
     "self._grouped(x)", "x.reshape(len(x), 1, -1)"),
])  # fmt: skip

edits(GroupNorm, "backward", [
    ("The mean is taken for a constant", "dx", "the path through the mean is missing",
     "g - by_mean - grouped", "g - grouped"),
    ("The gradients of γ and β are those of the first example alone", "dweight", "the first example alone",
     "(delta * h).sum(axis=over)", "(delta * h)[:1].sum(axis=over)",
     "delta.sum(axis=over)", "delta[:1].sum(axis=over)"),
])  # fmt: skip


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


@bug("y")
class _(GroupNorm):
    """γ and β are a group's and not a channel's."""

    def forward(self, x):
        y, cache = super().forward(x)
        if self.weight is None:
            return y, cache
        first = np.repeat(self.weight[:: self.num_channels // self.num_groups], self.num_channels // self.num_groups)
        return cache[0] * self._along(first, x) + self._along(self.bias, x), cache
