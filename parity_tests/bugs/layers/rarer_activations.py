"""Mistakes in the slope of SELU, Hardsigmoid and Mish."""

import numpy as np

from manual import SELU, Hardsigmoid, Mish
from manual.layers.activations.selu import ALPHA, SCALE
from parity_tests.bugs.registry import bug


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


# ---------------------------------------------------------------- SELU


@bug("dx", "times 0.9517")
class _(SELU):
    """λ is left out of the slope."""

    def backward(self, delta, cache):
        return super().backward(delta / SCALE, cache)


@bug("dx")
class _(SELU):
    """The slope below 0 is λα(eᶻ − 1), the output, and not λαeᶻ."""

    def backward(self, delta, cache):
        z, bent = cache
        return np.where(bent, delta * (ALPHA * np.expm1(-np.abs(z))), delta) * SCALE, self


@bug("dx", "σ' is left out")
class _(SELU):
    """δ passes by the activation."""

    def backward(self, delta, cache):
        return delta, self


@bug("y")
class _(SELU):
    """It is an ELU: λ is left out, and α is 1."""

    def forward(self, z):
        bent = z <= 0
        return np.where(bent, np.expm1(-np.abs(z)), z), (z, bent)


@bug("dx", "σ' is taken at a instead of at z")
class _(SELU):
    """σ' is taken at the output a instead of at the input z."""

    def backward(self, delta, cache):
        return super().backward(delta, super().forward(super().forward(cache[0])[0])[1])


# ---------------------------------------------------------------- Hardsigmoid


@bug("y")
class _(Hardsigmoid):
    """The slope is 1/5, and the ends are at ±2.5, as in another library."""

    def forward(self, z):
        return np.minimum(np.maximum(z / 5 + 1 / 2, 0), 1).astype(z.dtype), np.abs(z) < 5 / 2


@bug("dx", "times 6")
class _(Hardsigmoid):
    """The slope is 1, that of the clipping alone."""

    def backward(self, delta, inside):
        return delta * inside, self


@bug("dx", "σ' is taken at a instead of at z")
class _(Hardsigmoid):
    """The slope is 1/6 everywhere, also where the output is constant."""

    def backward(self, delta, inside):
        return delta / 6, self


@bug("dx", "δ is left out")
class _(Hardsigmoid):
    """Where it is not constant the slope is returned without its δ."""

    def backward(self, delta, inside):
        return super().backward(np.ones_like(delta), inside)


@bug("dx", "a(1 − a) is used")
class _(Hardsigmoid):
    """The derivative is the sigmoid's, of the output."""

    def forward(self, z):
        return super().forward(z)[0], super().forward(z)[0]

    def backward(self, delta, a):
        return delta * (a * (1 - a)), self


# ---------------------------------------------------------------- Mish


@bug("dx")
class _(Mish):
    """The gate is taken for a constant."""

    def backward(self, delta, cache):
        return delta * cache[1], self


@bug("dx")
class _(Mish):
    """The inner derivative of the softplus, σ(z), is left out."""

    def backward(self, delta, cache):
        z, t = cache
        return delta * (t + z * (1 - t * t)), self


@bug("dx")
class _(Mish):
    """The slope of tanh is 1 − t."""

    def backward(self, delta, cache):
        z, t = cache
        return delta * (t + z * (1 - t) * sigmoid(z)), self


@bug("y")
class _(Mish):
    """It is a SiLU: the gate is σ(z), not the tanh of the softplus."""

    def forward(self, z):
        return z * sigmoid(z), super().forward(z)[1]


@bug("dx", "σ' is left out")
class _(Mish):
    """δ passes by the activation."""

    def backward(self, delta, cache):
        return delta, self
