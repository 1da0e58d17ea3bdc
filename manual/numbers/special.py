"""Functions that NumPy lacks, or has only slower ones."""

from math import erf as erf_of_float
from math import pi
from typing import Any

import numpy as np

from manual.numbers.number_types import Array

_each = np.frompyfunc(erf_of_float, 1, 1)


def erf(z: Array) -> Array:
    """2/√π ∫₀ᶻ e^(−t²) dt, elementwise; by a number's own `erf`, where it has one."""
    own: Any = getattr(z, "erf", None)
    if own is not None:
        return own()
    if z.dtype == object:
        return np.frompyfunc(lambda number: number.erf(), 1, 1)(z)
    return np.asarray(_each(z)).astype(z.dtype)


def erf_slope(z: Array) -> Array:
    """Its derivative, 2/√π e^(−z²)."""
    if z.dtype == object:
        return np.frompyfunc(lambda number: number.erf_slope() if hasattr(number, "erf_slope") else
                             2 / type(number).pi().sqrt() * (-number * number).exp(), 1, 1)(z)
    return np.exp(-z * z) * (2 / pi**0.5)


def sigmoid(z: Array) -> Array:
    """σ(z) = 1 / (1 + e⁻ᶻ) = ½ (1 + tanh ½z), for gates: nothing overflows, and float32 takes 0.6 of the time.

    Near 0 it is rounded as a part of 1: right for what a gate lets through, and not to all digits of itself.
    """
    t = np.tanh(z / 2)
    t += 1
    t /= 2
    return t
