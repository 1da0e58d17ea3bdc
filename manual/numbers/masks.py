"""What is left on: neurons by a dropout, numbers of a softmax by a mask."""

from typing import Any

import numpy as np

from manual.numbers.number_types import Array, positive
from manual.numbers.sums import sums_of_rows

WITHIN = 16
"""How far below what is taken off an exponent may lie: its rounding, in float32, is then at most 16 parts in 2²⁴ of the
exponential."""


def mask(seed: Any, count: Any, p: Any, shape: tuple[int, ...]) -> Array:
    """True where a neuron stays on in this step: a function of (seed, count, shape) alone."""
    return np.random.default_rng((int(seed), int(count))).random(shape) >= float(p)


def softmax(s: Array, allowed: Any = None, zero: bool = False) -> Array:
    """e^s / Σ e^s along the last axis, over what is allowed, the rest 0; a row of which nothing is allowed is 0.
    With `zero` e⁰ is added to the sum.

    What is not allowed is given the row's smallest number, so that the largest, which is taken off, is one that is;
    unless none lies far from another, so that it makes no difference.
    """
    if allowed is not None and not _are_near(s):
        s = np.where(allowed, s, s.min(axis=-1, keepdims=True))
    top = near_largest(s)
    top = np.maximum(top, 0) if zero else top
    e = s - top
    np.exp(e, out=e)
    if allowed is not None:
        e *= allowed
    total = sums_of_rows(e)
    if zero:
        total += np.exp(-top)
    elif allowed is not None:
        total += ~allowed.any(axis=-1, keepdims=True)  # 0 / 1 where nothing is
    e /= total
    return e


def near_largest(s: Array) -> Array:
    """A number not far above the largest of each row of s: that of all, unless a number lies far below it.

    Both are right to take off from a softmax's exponents. That of all takes a tenth of the time, as NumPy is slow at
    short rows.
    """
    top = s.max()
    return top if positive(np.reshape(WITHIN + s.min() - top, 1))[0] else s.max(axis=-1, keepdims=True)


def _are_near(s: Array) -> bool:
    """Whether they are floats of which none lies far below another."""
    return type(s) is np.ndarray and s.dtype.kind == "f" and bool(s.max() - s.min() < WITHIN)
