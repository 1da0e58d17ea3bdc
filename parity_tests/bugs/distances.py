"""Mistakes in losses of a difference, of probabilities, and of log-probabilities."""

import numpy as np

from manual import BCELoss, HuberLoss, KLDivLoss, L1Loss, NLLLoss, SmoothL1Loss
from parity_tests.bugs.registry import bug

# ---------------------------------------------------------------- L1Loss


@bug("delta")
class _(L1Loss):
    """The difference itself goes back, not its sign."""

    def backward(self, cache, delta=1):
        u, n = cache
        return delta * u / n


@bug("delta", "times −1")
class _(L1Loss):
    """The sign is that of target − prediction."""

    def backward(self, cache, delta=1):
        return -super().backward(cache, delta)


@bug("delta", "times N")
class _(L1Loss):
    """The mean's gradient is divided by the outputs alone."""

    def backward(self, cache, delta=1):
        return super().backward(cache, delta) * len(cache[0])


@bug("cost")
class _(L1Loss):
    """The cost is signed: what is too large and what is too small cancel."""

    def forward(self, prediction, target):
        _, (u, n) = super().forward(prediction, target)
        return (u / n if self.reduction == "none" else u.sum() / n), (u, n)


@bug("delta")
class _(L1Loss):
    """A δ from above is left out, and the sign is smoothed."""

    def backward(self, cache, delta=1):
        u, n = cache
        return np.tanh(100 * u) / n


# ---------------------------------------------------------------- SmoothL1Loss


@bug("delta")
class _(SmoothL1Loss):
    """Far off the slope is that near 0: no straight line."""

    def backward(self, cache, delta=1):
        u, _, n = cache
        return delta * u / (self.beta or 1) / n


@bug("delta")
class _(SmoothL1Loss):
    """Near 0 the slope is the sign."""

    def backward(self, cache, delta=1):
        u, _, n = cache
        return delta * np.sign(u) / n


@bug("cost")
class _(SmoothL1Loss):
    """½ β is not taken off, so that the cost jumps at β; or half of it is lost where β is 0."""

    def forward(self, prediction, target):
        cost, (u, far, n) = super().forward(prediction, target)
        extra = np.where(far, self.beta / 2 or 0.125, 0)
        return cost + (extra if self.reduction == "none" else extra.sum() / n), (u, far, n)


@bug("delta")
class _(SmoothL1Loss):
    """β is left out near 0."""

    def backward(self, cache, delta=1):
        u, far, n = cache
        return delta * np.where(far, np.sign(u), u) / n


@bug("delta", "times −1")
class _(SmoothL1Loss):
    """The sign is that of target − prediction."""

    def backward(self, cache, delta=1):
        return -super().backward(cache, delta)


# ---------------------------------------------------------------- HuberLoss


@bug("delta")
class _(HuberLoss):
    """The slope far off is the sign, without d."""

    def backward(self, cache, delta=1):
        u, far, n = cache
        return delta * np.where(far, np.sign(u), u) / n


@bug("cost", "times")
class _(HuberLoss):
    """It is the smooth L1 loss of half the scale: divided by 1.5 d."""

    def forward(self, prediction, target):
        cost, cache = super().forward(prediction, target)
        return cost / (1.5 * self.delta), cache


@bug("delta")
class _(HuberLoss):
    """Nothing is cut off: the gradient is that of the squared difference."""

    def backward(self, cache, delta=1):
        u, _, n = cache
        return delta * u / n


@bug("delta")
class _(HuberLoss):
    """What is far off has no gradient."""

    def backward(self, cache, delta=1):
        u, far, n = cache
        return delta * np.where(far, 0, u) / n


@bug("cost")
class _(HuberLoss):
    """½ d is not taken off, so that the cost jumps at d."""

    def forward(self, prediction, target):
        cost, (u, far, n) = super().forward(prediction, target)
        extra = np.where(far, self.delta**2 / 2, 0)
        return cost + (extra if self.reduction == "none" else extra.sum() / n), (u, far, n)


# ---------------------------------------------------------------- BCELoss


@bug("delta")
class _(BCELoss):
    """The gradient is p − t, which is the one by the logit."""

    def backward(self, cache, delta=1):
        p, t, w, n = cache
        return delta * w * (p - t) / n


@bug("delta", "times −1")
class _(BCELoss):
    """The sign is turned."""

    def backward(self, cache, delta=1):
        return -super().backward(cache, delta)


@bug("cost")
class _(BCELoss):
    """Only the positive class is counted."""

    def forward(self, p, t):
        _, cache = super().forward(p, t)
        each = -t * np.log(p) * cache[2]
        return (each if self.reduction == "none" else each.sum() / cache[3]), cache


@bug("delta")
class _(BCELoss):
    """The slope of the negative class is left out."""

    def backward(self, cache, delta=1):
        p, t, w, n = cache
        return delta * w * (-t / p) / n


@bug("delta")
class _(BCELoss):
    """The slope is divided by p alone."""

    def backward(self, cache, delta=1):
        p, t, w, n = cache
        return delta * w * ((p - t) / p) / n


# ---------------------------------------------------------------- KLDivLoss


@bug("delta", "times −1")
class _(KLDivLoss):
    """The sign is turned."""

    def backward(self, cache, delta=1):
        return -super().backward(cache, delta)


@bug("cost")
class _(KLDivLoss):
    """The entropy of the target is left out: it is the cross-entropy."""

    def forward(self, log_q, target):
        _, (p, n) = super().forward(log_q, target)
        each = -p * log_q
        return (each if self.reduction == "none" else each.sum() / n), (p, n)


@bug("delta")
class _(KLDivLoss):
    """The gradient is that by q, not by log q."""

    def backward(self, cache, delta=1):
        p, n = cache
        return delta * (-p / (p * p + 1)) / n


@bug("delta")
class _(KLDivLoss):
    """The logarithm of the target goes back in its place."""

    def backward(self, cache, delta=1):
        p, n = cache
        return -delta * np.log(p) / n


@bug("cost")
class _(KLDivLoss):
    """The two distributions change places."""

    def forward(self, log_q, target):
        _, (p, n) = super().forward(log_q, target)
        each = np.exp(log_q) * (log_q - np.log(p))
        return (each if self.reduction == "none" else each.sum() / n), (p, n)


# ---------------------------------------------------------------- NLLLoss


@bug("delta", "times −1")
class _(NLLLoss):
    """The sign is turned."""

    def backward(self, cache, delta=1):
        return -super().backward(cache, delta)


@bug("cost")
class _(NLLLoss):
    """The mean is over the examples, not over their weights."""

    def forward(self, a, y):
        cost, cache = super().forward(a, y)
        return cost * cache[3] / (len(cache[1]) if self.reduction == "mean" else 1), cache


@bug("delta")
class _(NLLLoss):
    """The softmax is in the gradient once more."""

    def backward(self, cache, delta=1):
        right = super().backward(cache, delta)
        return right - right.sum(axis=1, keepdims=True) / right.shape[1]


@bug("delta", "permuted")
class _(NLLLoss):
    """The classes are counted from 1."""

    def backward(self, cache, delta=1):
        return np.roll(super().backward(cache, delta), 1, axis=1)


@bug("delta")
class _(NLLLoss):
    """The gradient is laid out class last; or, of one row an example, its weights are left out."""

    def backward(self, cache, delta=1):
        _, _, w, _, shape = cache
        right = super().backward(cache, delta)
        if len(shape) > 2:
            return np.ascontiguousarray(right).reshape(shape[0], -1, shape[1]).transpose(0, 2, 1).reshape(shape)
        return right / np.where(w == 0, 1, w * 1.01)[:, None]
