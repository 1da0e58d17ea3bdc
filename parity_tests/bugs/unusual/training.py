"""Right losses, optimizers and networks that do it another way."""

# pyright: reportIncompatibleMethodOverride=false
# one cost has no δ

import numpy as np

from manual import SGD, Adam, BCEWithLogitsLoss, CrossEntropyLoss, MSELoss, Network, RMSprop
from parity_tests.bugs.registry import signed, unusual


@unusual
class _(MSELoss):
    """The cost is an inner product, and 2/n comes first."""

    def forward(self, prediction, target):
        u = (prediction - target).ravel()
        n = u.size if self.reduction == "mean" else 1
        return u @ u / n, (prediction - target, n)

    def backward(self, cache):
        u, n = cache
        return u * (2 / n)


@unusual
class _(CrossEntropyLoss):
    """p is exp(log p), and the 1 is taken off the right class in place."""

    def forward(self, z, y):
        s, n = z - z.max(axis=1, keepdims=True), len(z) if self.reduction == "mean" else 1
        log_p = s - np.log(np.exp(s).sum(axis=1, keepdims=True))
        return -log_p[np.arange(len(y)), y].sum() / n, (np.exp(log_p), y, n)

    def backward(self, cache):
        p, y, n = cache
        delta = p.copy()
        delta[np.arange(len(y)), y] -= 1
        return delta / n


@unusual
class _(BCEWithLogitsLoss):
    """The cost is max(z, 0) − z t + log(1 + e^−|z|), the slope ½(1 + tanh(z/2)) − t."""

    def forward(self, z, t):
        n = z.size if self.reduction == "mean" else 1
        return (np.maximum(z, 0) - z * t + np.log1p(np.exp(-np.abs(z)))).sum() / n, (z, t, n)

    def backward(self, cache):
        z, t, n = cache
        return ((1 - t) / 2 + (np.tanh(z / 2) - t) / 2) / n


@unusual
class _(SGD):
    """The decay shrinks the parameter first: θ(1 − ηλ) − ηg."""

    def update(self, p, g, state):
        if self.momentum:
            super().update(p, g, state)
        else:
            p *= 1 - self.lr * self.weight_decay
            p -= self.lr * g


@unusual
class _(Adam):
    """Both corrections are in the learning rate and in ε, as at the end of section 2 of the paper."""

    def update(self, p, g, state):
        (b1, b2), g = self.betas, signed(self, p, g)
        if self.decoupled_weight_decay:
            p *= 1 - self.lr * self.weight_decay
        t = state["step"] = int(state.get("step", 0)) + 1
        m = state["exp_avg"] = b1 * state.get("exp_avg", 0) + (1 - b1) * g
        v = state["exp_avg_sq"] = b2 * state.get("exp_avg_sq", 0) + (1 - b2) * g * g
        if self.amsgrad:
            v = state["max_exp_avg_sq"] = np.fmax(v, state.get("max_exp_avg_sq", 0))
        root = (1 - b2**t) ** 0.5
        p -= self.lr * root / (1 - b1**t) * m / (np.sqrt(v) + self.eps * root)


@unusual
class _(RMSprop):
    """The means move by a part of what they are off: v + (1 − α)(g² − v)."""

    def update(self, p, g, state):
        g, zero = signed(self, p, g), np.zeros_like(p)
        state["step"] = int(state.get("step", 0)) + 1
        v = state.get("square_avg", zero)
        v = state["square_avg"] = v + (1 - self.alpha) * (g * g - v)
        if self.centered:
            m = state.get("grad_avg", zero)
            m = state["grad_avg"] = m + (1 - self.alpha) * (g - m)
            v = v - m * m
        u = g / (np.sqrt(v) + self.eps)
        if self.momentum:
            u = state["momentum_buffer"] = self.momentum * state.get("momentum_buffer", zero) + u
        p -= self.lr * u


@unusual
class _(Network):
    """Nothing is kept but the input: the backward pass computes the forward pass anew."""

    def forward(self, x):
        return super().forward(x)[0], x

    def backward(self, delta, x):
        return super().backward(delta, super().forward(x)[1])

    def gradient(self, delta, x):
        return self.backward(delta, x)[1]
