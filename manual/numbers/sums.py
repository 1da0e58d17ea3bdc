"""Sums that have a name, where NumPy has a faster way than the plain one."""

from functools import lru_cache
from typing import Any

import numpy as np

from manual.numbers.number_types import Array


def sum_over_batch(delta: Array) -> Array:
    """Σₙ δₙ: (N, out) to (out,).

    It is the product δᵀ 1 with a vector of ones, which BLAS computes 1.5 to 4.8 times as fast as `delta.sum(axis=0)`
    (from (64, 784) float64 to (32, 10) float32, one thread, NumPy 2.4 with OpenBLAS).
    """
    return delta.T.dot(_ones(len(delta), delta.dtype))


def rows(a: Array) -> Array:
    """Every row of every matrix as a row of one: (N, …, features) to (N · …, features).

    A product of one matrix is BLAS's; of a stack of them `dot` takes 10 to 80 times as long.
    """
    return a.reshape(-1, a.shape[-1])


@lru_cache
def _ones(n: int, dtype: np.dtype[Any]) -> Array:
    """n ones, which many may share, as nobody can write to them."""
    vector = np.ones(n, dtype)
    vector.flags.writeable = False
    return vector
