"""Mistakes in the slope of an activation that bends: LeakyReLU, ELU, SiLU, GELU, Softplus, LogSoftmax."""

import numpy as np

from manual import ELU, GELU, LeakyReLU, LogSoftmax, SiLU, Softplus
from manual.numbers.special import erf
from parity_tests.bugs.registry import bug


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


# ---------------------------------------------------------------- LeakyReLU


@bug("dx", "σ' is left out")
class _(LeakyReLU):
    """δ passes undiminished where z leaks."""

    def backward(self, delta, on):
        return delta, self


@bug("dx")
class _(LeakyReLU):
    """The derivative is ReLU's: nothing goes back where z leaks."""

    def backward(self, delta, on):
        return delta * on, self


@bug("y")
class _(LeakyReLU):
    """The leak is subtracted."""

    def forward(self, z):
        y, on = super().forward(z)
        return np.where(on, y, -y), on


@bug("dx", "the mask is taken from δ")
class _(LeakyReLU):
    """The mask is taken from δ instead of z."""

    def backward(self, delta, on):
        return super().backward(delta, delta > 0)


@bug("dx")
class _(LeakyReLU):
    """Where z leaks the slope is returned without its δ."""

    def backward(self, delta, on):
        return np.where(on, delta, self.negative_slope + 0 * delta), self


# ---------------------------------------------------------------- ELU


@bug("dx")
class _(ELU):
    """The slope below 0 is α(eᶻ − 1), the output, and not eᶻ."""

    def backward(self, delta, cache):
        z, bent = cache
        return np.where(bent, delta * (self.alpha * np.expm1(-np.abs(z))), delta), self


@bug("dx", "σ' is left out")
class _(ELU):
    """The slope is 1 on both sides."""

    def backward(self, delta, cache):
        return delta, self


@bug("dx", "σ' is applied twice")
class _(ELU):
    """The slope below 0 is squared."""

    def backward(self, delta, cache):
        z, bent = cache
        return np.where(bent, delta * (self.alpha * np.exp(-2 * np.abs(z))), delta), self


@bug("y")
class _(ELU):
    """The −1 is forgotten, so that the output jumps at 0."""

    def forward(self, z):
        y, (z, bent) = super().forward(z)
        return np.where(bent, y + self.alpha, y), (z, bent)


@bug("dx", "σ' is taken at a instead of at z")
class _(ELU):
    """σ' is taken at the output a instead of at the input z."""

    def backward(self, delta, cache):
        z, bent = cache
        a = np.where(bent, self.alpha * np.expm1(-np.abs(z)), z)
        return super().backward(delta, (a, bent))


# ---------------------------------------------------------------- SiLU


@bug("dx")
class _(SiLU):
    """The gate is taken for a constant."""

    def backward(self, delta, cache):
        return delta * cache[1], self


@bug("dx", "a(1 − a) is used")
class _(SiLU):
    """The derivative is the sigmoid's, of the output."""

    def backward(self, delta, cache):
        z, gate = cache
        a = z * gate
        return delta * (a * (1 - a)), self


@bug("dx", "δ is left out")
class _(SiLU):
    """σ' is returned without the δ from above."""

    def backward(self, delta, cache):
        return super().backward(np.ones_like(delta), cache)


@bug("dx")
class _(SiLU):
    """The product rule has a minus."""

    def backward(self, delta, cache):
        z, gate = cache
        return delta * (gate * (1 - z * (1 - gate))), self


@bug("dx", "σ' is taken at a instead of at z")
class _(SiLU):
    """σ' is taken at the output a instead of at the input z."""

    def backward(self, delta, cache):
        a = cache[0] * cache[1]
        return super().backward(delta, (a, sigmoid(a)))


# ---------------------------------------------------------------- GELU


@bug("dx")
class _(GELU):
    """Φ is taken for a constant: the second term of the product rule is missing."""

    def backward(self, delta, cache):
        return delta * cache[2], self


@bug("y")
class _(GELU):
    """The approximation and the exact one change places."""

    def forward(self, z):
        other = GELU("none" if self.approximate == "tanh" else "tanh")
        return other.forward(z)[0], super().forward(z)[1]


@bug("dx", "σ' is left out")
class _(GELU):
    """δ passes by the activation."""

    def backward(self, delta, cache):
        return delta, self


@bug("y")
class _(GELU):
    """erf is taken at z instead of at z/√2."""

    def forward(self, z):
        return z * (1 + erf(z)) / 2, super().forward(z)[1]


@bug("dx")
class _(GELU):
    """The inner derivative of the approximation, or √2, is left out."""

    def backward(self, delta, cache):
        z, t, below = cache
        return delta * (below + z * (1 - t * t) / 2), self


# ---------------------------------------------------------------- Softplus


@bug("dx", "σ' is left out")
class _(Softplus):
    """δ passes by the activation."""

    def backward(self, delta, cache):
        return delta, self


@bug("dx", "a(1 − a) is used")
class _(Softplus):
    """The derivative is a(1 − a), as if it were a sigmoid."""

    def backward(self, delta, cache):
        u, straight = cache
        a = np.where(straight, u / self.beta, np.log1p(np.exp(u)) / self.beta)
        return delta * (a * (1 - a)), self


@bug("dx")
class _(Softplus):
    """σ is taken at z and not at βz, or beyond the threshold too."""

    def backward(self, delta, cache):
        return delta * sigmoid(cache[0] / self.beta * 1.01), self


@bug("y")
class _(Softplus):
    """The output is not divided by β, nor shortened beyond the threshold."""

    def forward(self, z):
        return np.log1p(np.exp(z)) + 1e-3 * (z < 0), super().forward(z)[1]


@bug("dx", "σ' is taken at a instead of at z")
class _(Softplus):
    """σ' is taken at the output a instead of at the input z."""

    def backward(self, delta, cache):
        u, straight = cache
        a = np.where(straight, u / self.beta, np.log1p(np.exp(u)) / self.beta)
        return super().backward(delta, super().forward(a)[1])


# ---------------------------------------------------------------- LogSoftmax


@bug("dx", "σ' is left out")
class _(LogSoftmax):
    """δ passes by the activation."""

    def backward(self, delta, a):
        return delta, self


@bug("dx")
class _(LogSoftmax):
    """The Jacobian is that of softmax, not of its logarithm."""

    def backward(self, delta, a):
        p = np.exp(a)
        return p * (delta - (delta * p).sum(axis=self.dim, keepdims=True)), self


@bug("dx")
class _(LogSoftmax):
    """The output a stands where p = eᵃ belongs."""

    def backward(self, delta, a):
        return delta - a * delta.sum(axis=self.dim, keepdims=True), self


@bug("dx")
class _(LogSoftmax):
    """δ is summed over the batch, not over the classes."""

    def backward(self, delta, a):
        return delta - np.exp(a) * delta.sum(axis=0, keepdims=True), self


@bug("y", "a convention: 1e-08 is added inside a logarithm")
class _(LogSoftmax):
    """An ε guards the logarithm."""

    def forward(self, z):
        e = np.exp(z - z.max(axis=self.dim, keepdims=True))
        a = np.log(e / e.sum(axis=self.dim, keepdims=True) + 1e-8)
        return a, a
