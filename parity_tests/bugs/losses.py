"""Mistakes in a loss: its factor, its sign, a derivative that is applied twice; and in a penalty on the weights."""

# pyright: reportIncompatibleMethodOverride=false
# one cost has no δ

import numpy as np

from manual import (
    L1,
    L2,
    BCEWithLogitsLoss,
    CrossEntropyLoss,
    ElasticNet,
    HalfMSELoss,
    MSELoss,
    MultiMarginLoss,
    Softmax,
)
from parity_tests.bugs.registry import bug, edits, mistakes

mistakes(L2, [
    ("The penalty reaches the biases", "d0.bias, of a bias", "",
     {"backward": lambda self, network: network.like(**{name: self.slope(p) for name, p in network.params.items()})}),
    ("The ½ is forgotten in the cost, and the gradient is the one with it", "cost", "",
     {"of": lambda self, w: self.alpha * (w * w).sum()}),
    ("The gradient is 2αw, beside a cost of α/2 Σw²", "d0.weight", "", {"slope": lambda self, w: 2 * self.alpha * w}),
    ("The cost is the norm of the weights, not its square", "cost", "",
     {"of": lambda self, w: self.alpha * np.sqrt((w * w).sum()) / 2}),
    ("The gradient is a mean over the weights, the cost a sum", "d0.weight", "",
     {"slope": lambda self, w: self.alpha * w / w.size}),
])  # fmt: skip

mistakes(L1, [
    ("The sign is forgotten: every weight is pushed down", "d0.weight", "",
     {"slope": lambda self, w: np.full_like(w, self.alpha)}),
    ("The weights are summed without their magnitude", "cost", "", {"of": lambda self, w: self.alpha * w.sum()}),
    ("The gradient pushes the weights away from 0", "d0.weight", "", {"slope": lambda self, w: -L1.slope(self, w)}),
])  # fmt: skip

mistakes(ElasticNet, [
    ("The parts of L1 and L2 are exchanged", "cost", "",
     {"of": lambda self, w: ElasticNet(self.alpha, 1 - self.l1_ratio).of(w),
      "slope": lambda self, w: ElasticNet(self.alpha, 1 - self.l1_ratio).slope(w)}),
    ("The ½ of the quadratic part is forgotten in the cost", "cost", "",
     {"of": lambda self, w: ElasticNet.of(self, w) + self.alpha * (1 - self.l1_ratio) * (w * w).sum() / 2}),
])  # fmt: skip

mistakes(HalfMSELoss, [
    ("The gradient is summed over the batch, the cost averaged", "delta", "times N", {"backward": lambda self, u: u}),
])  # fmt: skip

mistakes(MSELoss, [
    ("The gradient is summed, the cost averaged", "delta", "times the number of elements",
     {"backward": lambda self, cache: 2 * cache[0]}),
    ("The 2 of the squared difference is forgotten", "delta", "times ½",
     {"backward": lambda self, cache: cache[0] / cache[1]}),
    ("The difference is taken the wrong way round", "delta", "times −1",
     {"backward": lambda self, cache: -2 * cache[0] / cache[1]}),
    ("The gradient is averaged over the examples, the cost over every output", "delta", "times the number of outputs",
     {"backward": lambda self, cache: 2 * cache[0] / min(cache[1], len(cache[0]))}),
])  # fmt: skip

mistakes(CrossEntropyLoss, [
    ("The gradient is averaged over the classes too", "delta", "times 1/(the number of outputs)",
     {"backward": lambda self, cache: CrossEntropyLoss.backward(self, cache) / cache[0].shape[1]}),
    ("The 1 of the right class is never taken off p", "delta", "the target is left out",
     {"backward": lambda self, cache: cache[0] / cache[2]}),
    ("The one-hot targets are float64, and so the gradient of a float32 network", "delta", "",
     {"backward": lambda self, cache: (cache[0] - np.eye(cache[0].shape[1])[cache[1]]) / cache[2]}),
    ("The labels are taken to count from 1", "delta", "the class before",
     {"backward": lambda self, cache: (cache[0] - (np.arange(cache[0].shape[1]) == cache[1][:, None] - 1)) / cache[2]}),
])  # fmt: skip

mistakes(BCEWithLogitsLoss, [
    ("It is the target minus the prediction, and the step still goes down", "delta", "times −1",
     {"backward": lambda self, cache: -BCEWithLogitsLoss.backward(self, cache)}),
])  # fmt: skip


@bug("delta", "applied again")
class _(CrossEntropyLoss):
    """The softmax's derivative is applied again, though p − onehot includes it."""

    def backward(self, cache):
        p, delta = cache[0], super().backward(cache)
        return p * (delta - (delta * p).sum(axis=1, keepdims=True))


@bug("delta", "the probabilities")
class _(CrossEntropyLoss):
    """The gradient is that with respect to the probabilities, −1/p at the right class."""

    def backward(self, cache):
        p, y, n = cache
        delta = np.zeros_like(p)
        delta[np.arange(len(y)), y] = -1 / (n * p[np.arange(len(y)), y])
        return delta


@bug("delta", "applied again")
class _(BCEWithLogitsLoss):
    """The sigmoid's derivative is applied again, though p − t includes it."""

    def backward(self, cache):
        p = 1 / (1 + np.exp(-cache[0]))
        return super().backward(cache) * p * (1 - p)


def of_the_class(loss, z, y):
    """The softmax, the one-hot target, and by what the sum over the examples is divided."""
    p = Softmax(dim=1).forward(z)[0]
    return p, (np.arange(z.shape[1]) == y[:, None]).astype(z.dtype), len(z) if loss.reduction == "mean" else 1


@bug("cost", "a convention: 1e-08 is added inside the logarithm")
class _(CrossEntropyLoss):
    """The logarithm is guarded, the gradient is that of the one without a guard."""

    def forward(self, z, y):
        p, on, n = of_the_class(self, z, y)
        return -np.log((p * on).sum(axis=1) + p.dtype.type(1e-8)).sum() / p.dtype.type(n), super().forward(z, y)[1]


@bug("delta", "a convention: 1e-05 is added inside the logarithm")
class _(CrossEntropyLoss):
    """The gradient is that of log(p + ε), the cost has no ε."""

    def forward(self, z, y):
        return super().forward(z, y)[0], of_the_class(self, z, y)

    def backward(self, cache):
        p, on, n = cache
        guarded = (p * on).sum(axis=1, keepdims=True)
        return (p - on) * (guarded / (guarded + p.dtype.type(1e-5))) / p.dtype.type(n)


@bug("cost", "a convention: 1e-07 is added inside the logarithm")
class _(BCEWithLogitsLoss):
    """Both logarithms are guarded, in the cost alone."""

    def forward(self, z, y):
        a, e = 1 / (1 + np.exp(-z)), z.dtype.type(1e-7)
        cost = -(y * np.log(a + e) + (1 - y) * np.log(1 - a + e)).sum()
        return cost / z.dtype.type(z.size if self.reduction == "mean" else 1), super().forward(z, y)[1]


mistakes(MultiMarginLoss, [
    ("The sign is turned", "delta", "times −1",
     {"backward": lambda self, cache, delta=1: -MultiMarginLoss.backward(self, cache, delta)}),
    ("It is the sum over the classes, not their mean", "cost", "times",
     {"forward": lambda self, z, y: (MultiMarginLoss.forward(self, z, y)[0] * z.shape[1],
                                     MultiMarginLoss.forward(self, z, y)[1])}),
])  # fmt: skip


edits(MultiMarginLoss, "backward", [
    ("The right class is not pushed up", "delta", "the negative numbers are set to 0",
     "np.where(right, -wrong.sum(axis=1, keepdims=True), wrong)", "wrong"),
    ("The right class is pushed up once, however many come within the margin", "delta", "",
     "-wrong.sum(axis=1, keepdims=True)", "-wrong.max(axis=1, keepdims=True)"),
    ("What lies beyond the margin pulls, too", "delta", "",
     "np.ones_like(over) * within", "np.ones_like(over) * ~right"),
    ("The square has the slope of what is squared", "delta", "", "2 * over", "np.ones_like(over) * within"),
])  # fmt: skip

edits(MultiMarginLoss, "forward", [
    ("The right class is counted against itself: the margin is added once an example", "cost", "",
     "positive(u) & ~right", "positive(u)"),
])  # fmt: skip
