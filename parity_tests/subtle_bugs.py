"""More mistakes as in `bugs.py`: an ε, an axis, a stride or a path that is missing where all else is right."""

import numpy as np

from manual import (
    Adam,
    AvgPool2d,
    BCEWithLogitsLoss,
    Conv2d,
    CrossEntropyLoss,
    Linear,
    MaxPool2d,
    ReLU,
    RMSprop,
    Softmax,
)
from parity_tests.bugs import BUGS, bug, moments
from parity_tests.unlike_manual import LayerNorm, RMSNorm

__all__ = ["BUGS"]

# ε


@bug("y", "1e-08 is added to the sum")
class _(Softmax):
    """The sum that divides is guarded, as if it could be 0."""

    def forward(self, z):
        e = np.exp(z - z.max(axis=self.dim, keepdims=True))
        a = e / (e.sum(axis=self.dim, keepdims=True) + e.dtype.type(1e-8))
        return a, a


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


@bug("weight", "ε is left out")
class _(Adam):
    """Nothing is added to the root."""

    def update(self, p, g, state):
        t, m, v = moments(self, g + self.weight_decay * p, state)
        p -= self.lr / (1 - self.betas[0] ** t) * m / (np.sqrt(v) / (1 - self.betas[1] ** t) ** 0.5)


@bug("weight", "ε is 1e-06")
class _(RMSprop):
    """ε is a hundred times as large."""

    def update(self, p, g, state):
        given, self.eps = self.eps, 1e-6
        super().update(p, g, state)
        self.eps = given


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


# The axes of a sum


@bug("y", "the sum runs over the wrong axis")
class _(Softmax):
    """The exponentials are divided by their sum over the batch."""

    def forward(self, z):
        e = np.exp(z - z.max(axis=self.dim, keepdims=True))
        right = e / e.sum(axis=self.dim, keepdims=True)
        return e / e.sum(axis=0) if z.ndim == 2 and e.sum(axis=0).all() else right, right


@bug("dbias", "δ is summed over the wrong axis")
class _(Linear):
    """The bias gradient has a number for each example."""

    def gradient(self, delta, a):
        return self.like(weight=delta.T @ a, bias=self.bias if self.bias is None else delta.sum(axis=1))


@bug("dbias", "δ is summed over axes 1 and 2 and 3, not over axes 0 and 2 and 3")
class _(Conv2d):
    """The bias gradient is summed over the channels in place of the pictures."""

    def gradient(self, delta, a):
        right = super().gradient(delta, a)
        return right if self.bias is None else right.like(weight=right.weight, bias=delta.sum(axis=(1, 2, 3)))


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


# The stride


def without_stride(layer, a):
    """The output of windows that lie one pixel apart."""
    close = layer.like(**layer.params)
    close._stride = 1, 1
    return type(layer).__bases__[0].forward(close, a)[0]


@bug("y", "the stride is left out")
class _(Conv2d):
    """The stride is ignored in the forward pass."""

    def forward(self, a):
        return without_stride(self, a), super().forward(a)[1]


@bug("y", "the stride is left out")
class _(MaxPool2d):
    """The stride is ignored in the forward pass."""

    def forward(self, a):
        return without_stride(self, a), super().forward(a)[1]


@bug("y", "the stride is left out")
class _(AvgPool2d):
    """The stride is ignored in the forward pass."""

    def forward(self, a):
        return without_stride(self, a), super().forward(a)[1]


# The mask of a ReLU


@bug("dx", "ReLU's mask is missing")
class _(ReLU):
    """The backward pass forgets which numbers were not positive."""

    def backward(self, delta, _):
        return delta.copy(), self


# The paths through a mean and a variance


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
