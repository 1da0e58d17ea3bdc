"""Right implementations that do it another way: other orders of summation, other formulas, other precision in between.

Each is a class that overrides methods of a right layer, loss, optimizer or network and bears its name, as in `bugs.py`. All of
them must be accepted.
"""

import numpy as np

from manual import (
    SGD,
    Adam,
    BCEWithLogitsLoss,
    CrossEntropyLoss,
    Linear,
    MSELoss,
    Network,
    ReLU,
    RMSprop,
    Sigmoid,
    Softmax,
    Tanh,
)

UNUSUAL: list[tuple[str, type, type]] = []  # (what is unusual, the usual class, the unusual one)


def unusual(other: type) -> type:
    """Put a class into `UNUSUAL`, under the name of the class that it derives from."""
    usual = other.__bases__[0]
    UNUSUAL.append(((other.__doc__ or "").rstrip("."), usual, other))
    other.__name__ = usual.__name__
    return other


@unusual
class _(Linear):
    """The gradient is summed one example at a time, the last one first."""

    def gradient(self, delta, a):
        weight, bias = np.zeros_like(self.weight), np.zeros_like(self.weight[:, 0])
        for d, x in zip(delta[::-1], a[::-1], strict=True):
            weight += np.outer(d, x)
            bias += d
        return self.like(weight=weight, bias=self.bias if self.bias is None else bias)


@unusual
class _(Linear):
    """The bias is a last column of the weight, on which a constant input of 1 acts."""

    def forward(self, a):
        W = self.weight if self.bias is None else np.column_stack([self.weight, self.bias])
        x = a if self.bias is None else np.column_stack([a, np.ones_like(a[:, :1])])
        return np.einsum("ni,oi->no", x, W), x

    def gradient(self, delta, x):
        W = np.einsum("no,ni->oi", delta, x)
        return self.like(weight=W[:, : self.in_features], bias=self.bias if self.bias is None else W[:, -1])


@unusual
class _(Linear):
    """Every sum is accumulated in extended precision, and rounded back."""

    def forward(self, a):
        z = a.astype(np.longdouble) @ self.weight.T
        return (z if self.bias is None else z + self.bias).astype(a.dtype), a

    def backward(self, delta, a):
        return (delta.astype(np.longdouble) @ self.weight).astype(a.dtype), self.gradient(delta, a)

    def gradient(self, delta, a):
        weight = (delta.T.astype(np.longdouble) @ a).astype(a.dtype)
        bias = delta.sum(axis=0, dtype=np.longdouble).astype(a.dtype)
        return self.like(weight=weight, bias=self.bias if self.bias is None else bias)


@unusual
class _(Sigmoid):
    """Two branches, of which none overflows, and the slope from them: σ' = e^−|z| / (1 + e^−|z|)²."""

    def forward(self, z):
        e = np.exp(-np.abs(z))
        return np.where(z > 0, 1 / (1 + e), e / (1 + e)), e / ((1 + e) * (1 + e))

    def backward(self, delta, slope):
        return delta * slope, self


@unusual
class _(Tanh):
    """tanh' is (1 − a)(1 + a)."""

    def backward(self, delta, a):
        return delta * (1 - a) * (1 + a), self


@unusual
class _(ReLU):
    """max(0, z) is (z + |z|) / 2, its slope Heaviside's."""

    def forward(self, z):
        return (z + np.abs(z)) / 2, z

    def backward(self, delta, z):
        return delta * np.heaviside(z, 0), self


@unusual
class _(Softmax):
    """The Jacobian, diag(a) − a aᵀ, is really built."""

    def backward(self, delta, a):
        a, d = (np.moveaxis(v, self.dim, -1) for v in (a, delta))
        jacobian = a[..., None] * (np.eye(a.shape[-1], dtype=a.dtype) - a[..., None, :])
        return np.moveaxis((jacobian @ d[..., None])[..., 0], -1, self.dim), self


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
    """The 1 is taken off the right class in place, in a copy of exp(log p)."""

    def backward(self, cache):
        p, y, n = cache
        delta = np.exp(np.log(p))
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
        (b1, b2), g = self.betas, g + self.weight_decay * p
        t = state["step"] = int(state.get("step", 0)) + 1
        m = state["exp_avg"] = b1 * state.get("exp_avg", 0) + (1 - b1) * g
        v = state["exp_avg_sq"] = b2 * state.get("exp_avg_sq", 0) + (1 - b2) * g * g
        root = (1 - b2**t) ** 0.5
        p -= self.lr * root / (1 - b1**t) * m / (np.sqrt(v) + self.eps * root)


@unusual
class _(RMSprop):
    """The means move by a part of what they are off: v + (1 − α)(g² − v)."""

    def update(self, p, g, state):
        g, zero = g + self.weight_decay * p, np.zeros_like(p)
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
