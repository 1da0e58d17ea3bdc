"""Mistakes in a batch norm: its three paths, its two variances, its running means."""

import numpy as np

from manual import BatchNorm1d, BatchNorm2d
from parity_tests.bugs.registry import bug, edits


def batch(layer):
    """Whether the statistics are the batch's."""
    return layer.training or layer.running_mean is None


edits(BatchNorm1d, "backward", [
    ("The mean is taken for a constant", "dx", "the path through the mean is missing",
     "g - by_mean.reshape(along) -", "g -"),
    ("The variance is taken for a constant", "dx", "the path through the variance is missing",
     " - h * by_variance.reshape(along)", ""),
    ("Mean and variance are taken for constants while training, too", "dx",
     "the paths through the mean and the variance are missing",
     "if self.training or self.running_mean is None:", "if False:"),
    ("In inference the gradient goes through statistics that are constants there", "dx", "",
     "if self.training or self.running_mean is None:", "if True:"),
])  # fmt: skip

edits(BatchNorm1d, "forward", [
    ("The variance is the unbiased one in the forward pass", "y", "",
     "(u * u).sum(axis=over) / n", "(u * u).sum(axis=over) / (n - 1)"),
])  # fmt: skip

edits(BatchNorm1d, "commit", [
    ("The running variance is the biased one", "running_var", "", "v * n / (n - 1)", "v"),
    ("The momentum is that of the old mean, as in another library", "running_mean", "",
     "(1 - share) * running + share * new", "share * running + (1 - share) * new"),
    ("The running means are never updated", "running_mean", "",
     "running[...] = (1 - share) * running + share * new", "pass"),
    ("The running means are updated in inference, too", "running_var", "",
     "self.training and self.running_mean is not None", "self.running_mean is not None"),
])  # fmt: skip


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


edits(BatchNorm2d, "backward", [
    ("The mean is taken for a constant", "dx", "the path through the mean is missing",
     "g - by_mean.reshape(along) -", "g -"),
    ("The means of the backward pass run over the pictures alone, not over their pixels", "dx", "",
     "g - by_mean.reshape(along) - h * by_variance.reshape(along)", "g - g.mean(axis=0) - h * (g * h).mean(axis=0)"),
    ("The gradient of β is averaged over the pixels", "dbias", "times 1/",
     "delta.sum(axis=over)", "delta.mean(axis=over)"),
])  # fmt: skip

edits(BatchNorm2d, "commit", [
    ("The running mean is that of the normalised numbers", "running_mean", "",
     "(self.running_mean, m)", "(self.running_mean, 0 * m)"),
])  # fmt: skip


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
