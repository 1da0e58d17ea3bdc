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
    """σ(z) = 1 / (1 + e⁻ᶻ). For z far below 0, e⁻ᶻ overflows to infinity; its reciprocal, 0, is the right answer."""
    with np.errstate(over="ignore"):
        return 1 / (1 + np.exp(-z))


def newton_schulz(X: Array, a: float, b: float, c: float, steps: int) -> Array:
    """X ← a X + (b A + c A²) X, A = X Xᵀ: singular values σ become aσ + bσ³ + cσ⁵; by an array's own, where it has
    one."""
    own: Any = getattr(X, "newton_schulz", None)
    if own is not None:
        return own(a, b, c, steps)
    for _ in range(steps):
        A = X.dot(X.T)
        X = a * X + (b * A + c * A.dot(A)).dot(X)
    return X
