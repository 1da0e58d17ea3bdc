"""Arrays that are made of nothing but a size."""

from collections.abc import Callable
from typing import Any

import numpy as np


def full(size: Any, value: Any, **_: Any) -> Any:
    """The same number everywhere."""
    return np.full(tuple(size), value)


def arange(*limits: Any, **_: Any) -> Any:
    """start, start + step, … below end."""
    return np.arange(*limits)


def like(value: float) -> Callable[..., Any]:
    """The rule of zeros_like and its kin."""
    return lambda x, **_: np.full(x.shape, value)


NEW_ARRAYS: dict[str, Callable[..., Any]] = {
    "full": full,
    "full_like": lambda x, value, **_: np.full(x.shape, value),
    "scalar_tensor": lambda value, **_: np.asarray(value),
    "zeros": lambda size, **_: np.zeros(tuple(size)),
    "ones": lambda size, **_: np.ones(tuple(size)),
    "empty": lambda size, **_: np.zeros(tuple(size)),
    "new_zeros": lambda _, size, **__: np.zeros(tuple(size)),
    "new_ones": lambda _, size, **__: np.ones(tuple(size)),
    "new_full": lambda _, size, value, **__: np.full(tuple(size), value),
    "new_empty": lambda _, size, **__: np.zeros(tuple(size)),
    "empty_permuted": lambda size, _, **__: np.zeros(tuple(size)),
    "empty_strided": lambda size, _, **__: np.zeros(tuple(size)),
    "zeros_like": like(0.0),
    "ones_like": like(1.0),
    "empty_like": like(0.0),
    "arange": arange,
}
