"""Sums, means, extremes and products over axes."""

from collections.abc import Callable
from typing import Any

import numpy as np

from torch_ref.program.numbers import as_array, truth_of
from torch_ref.program.operations.orders import with_an_axis

Axes = tuple[int, ...] | None


def axes(dim: Any, x: Any) -> Axes:
    """ATen's dim, an integer, a list or nothing, as NumPy's axis; a number without axes is summed as it is."""
    if dim is None or not x.ndim or (isinstance(dim, list | tuple) and not dim):
        return None
    return (dim,) if isinstance(dim, int) else tuple(dim)


def count(x: Any, over: Axes) -> int:
    """How many numbers there are along the axes."""
    return int(np.prod([x.shape[i] for i in (range(x.ndim) if over is None else over)], dtype=int))


def total(x: Any, dim: Any = None, keepdim: bool = False) -> Any:
    """Σx"""
    return as_array(np.sum(x, axis=axes(dim, x), keepdims=keepdim))


def mean(x: Any, dim: Any = None, keepdim: bool = False) -> Any:
    """Σx/n"""
    return total(x, dim, keepdim) / count(x, axes(dim, x))


def variance(x: Any, dim: Any = None, correction: Any = 1, keepdim: bool = False, unbiased: bool = True) -> Any:
    """Σ(x − x̄)²/(n − correction)"""
    gap = x - mean(x, dim, keepdim=True)
    over = axes(dim, x)
    return total(gap * gap, dim, keepdim) / max(0, count(x, over) - (correction if unbiased else 0))


def extreme(f: Callable[..., Any]) -> Callable[..., Any]:
    """The rule of the largest, or the smallest, along axes."""
    return lambda x, dim=(), keepdim=False: as_array(f(x, axis=axes(dim, x), keepdims=keepdim))


def with_place(f: Callable[..., Any], place: Callable[..., Any]) -> Callable[..., Any]:
    """The same along one axis, and where it is."""

    def rule(x: Any, dim: int, keepdim: bool = False) -> tuple[Any, Any]:
        return as_array(f(x, axis=dim, keepdims=keepdim)), np.asarray(place(x, axis=dim, keepdims=keepdim))

    return rule


def place(f: Callable[..., Any]) -> Callable[..., Any]:
    """The rule of where the extreme is, along one axis or in all."""
    return lambda x, dim=None, keepdim=False: np.asarray(f(x, axis=dim if x.ndim else None, keepdims=keepdim))


REDUCTIONS: dict[str, Callable[..., Any]] = {
    "sum": total,
    "mean": mean,
    "var": variance,
    "var_mean": lambda x, dim=None, **how: (variance(x, dim, **how), mean(x, dim, how.get("keepdim", False))),
    "amax": extreme(np.max),
    "amin": extreme(np.min),
    "max.dim": with_an_axis(with_place(np.max, np.argmax)),
    "min.dim": with_an_axis(with_place(np.min, np.argmin)),
    "max": lambda x: as_array(np.max(x)),
    "min": lambda x: as_array(np.min(x)),
    "argmax": place(np.argmax),
    "argmin": place(np.argmin),
    "prod": lambda x: as_array(np.prod(x)),
    "prod.dim_int": with_an_axis(lambda x, dim, keepdim=False: np.prod(x, axis=dim, keepdims=keepdim)),
    "any": lambda x, dim=None, keepdim=False: np.asarray(np.any(truth_of(x), axis=axes(dim, x), keepdims=keepdim)),
}
