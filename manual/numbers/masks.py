"""What is left on: neurons by a dropout, numbers of a softmax by a mask."""

from typing import Any

import numpy as np

from manual.numbers.number_types import Array


def mask(seed: Any, count: Any, p: Any, shape: tuple[int, ...]) -> Array:
    """True where a neuron stays on in this step: a function of (seed, count, shape) alone."""
    return np.random.default_rng((int(seed), int(count))).random(shape) >= float(p)


def softmax(s: Array, allowed: Any = None) -> Array:
    """e^s / Σ e^s along the last axis, over what is allowed, the rest 0; where nothing is, all are.

    What is not allowed is given the row's smallest number, so that the largest, which is taken off, is one that is.
    """
    if allowed is not None:
        s = np.where(allowed, s, s.min(axis=-1, keepdims=True))
    e = np.exp(s - s.max(axis=-1, keepdims=True))
    if allowed is None:
        return e / e.sum(axis=-1, keepdims=True)
    e = e * allowed
    return e / (e.sum(axis=-1, keepdims=True) + ~allowed.any(axis=-1, keepdims=True))  # 0 / 1 where nothing is
