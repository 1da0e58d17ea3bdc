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


NEW_ARRAYS: dict[str, Callable[..., Any]] = {
    "full": full,
    "full_like": lambda x, value, **_: np.full(x.shape, value),
    "scalar_tensor": lambda value, **_: np.asarray(value),
    **{name: lambda size, **_: np.zeros(tuple(size)) for name in ("empty", "zeros", "_efficientzerotensor")},
    "new_empty_strided": lambda _, size, __, **___: np.zeros(tuple(size)),
    "empty_permuted": lambda size, _, **__: np.zeros(tuple(size)),
    "arange": arange,
}
