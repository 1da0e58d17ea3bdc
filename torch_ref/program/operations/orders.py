"""What comes first along an axis: sorted, the largest few, the middle, and the extreme of every beginning."""

from collections.abc import Callable
from typing import Any

import numpy as np

from torch_ref.program.numbers import as_array, elementwise, is_number, truth_of
from torch_ref.program.operations.choices import is_nan
from torch_ref.program.operations.moves import along, cut
from torch_ref.tolerance.bounded import Bounded

EXP, LOG = elementwise(np.exp), elementwise(np.log)


def with_an_axis(rule: Callable[..., Any]) -> Callable[..., Any]:
    """The rule, also of a number without axes: torch grants it one."""

    def wider(x: Any, *how: Any, **options: Any) -> Any:
        if x.ndim:
            return rule(x, *how, **options)
        found = rule(x.reshape(1), *how, **options)
        return tuple(part.reshape(()) for part in found) if isinstance(found, tuple) else found.reshape(())

    return wider


def sort(x: Any, dim: int = -1, descending: bool = False, stable: bool = False) -> tuple[Any, Any]:
    """x in order along an axis, and where each number was; a number type that leaves an order open says so."""
    order = np.argsort(x, axis=dim, kind="stable" if is_number(x) and not isinstance(x, Bounded) else None)
    order = np.flip(order, dim) if descending else order
    return x[along(dim, order)], order


def topk(x: Any, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> tuple[Any, Any]:  # noqa: A002
    """The k largest, or smallest, and where they are."""
    values, order = sort(x, dim, descending=largest)
    return cut(values, dim, 0, k), cut(order, dim, 0, k)


def kthvalue(x: Any, k: int, dim: int = -1, keepdim: bool = False) -> tuple[Any, Any]:
    """The k-th smallest, and where it is."""
    values, order = sort(x, dim)
    found = cut(values, dim, k - 1, k), cut(order, dim, k - 1, k)
    shape = tuple(n for i, n in enumerate(found[1].shape) if keepdim or i != dim % x.ndim)
    return found[0].reshape(shape), found[1].reshape(shape)


def median(x: Any, dim: int = -1, keepdim: bool = False) -> tuple[Any, Any]:
    """The middle, the lower of two, and where it is."""
    return kthvalue(x, (x.shape[dim] + 1) // 2, dim, keepdim)


def nanmedian(x: Any, dim: int = -1, keepdim: bool = False) -> tuple[Any, Any]:
    """The middle of what is a number, and where it is; NaN where none is."""
    nan = is_nan(x)
    if not nan.any():
        return median(x, dim, keepdim)
    values, order = sort(np.where(nan, np.inf, x), dim)
    many = np.sum(~nan, axis=dim, keepdims=True)
    at = along(dim, np.maximum(0, (many - 1) // 2))
    shape = tuple(n for i, n in enumerate(many.shape) if keepdim or i != dim % x.ndim)
    return np.where(many == 0, np.nan, values[at]).reshape(shape), order[at].reshape(shape)


def accumulated(goes_on: Callable[..., Any]) -> Callable[..., Any]:
    """The rule of the largest, or smallest, number so far along an axis, and where it is; of equals the last."""

    def rule(x: Any, dim: int) -> tuple[Any, Any]:
        row = np.moveaxis(x, dim, 0)
        best, at = [row[i : i + 1] for i in range(min(1, len(row)))], [np.zeros((1, *row.shape[1:]), int)]
        for i in range(1, len(row)):
            new = truth_of(goes_on(row[i : i + 1], best[-1]))
            best.append(np.where(new, row[i : i + 1], best[-1]))
            at.append(np.where(new, i, at[-1]))
        if not best:
            return x, np.zeros(x.shape, int)
        return np.moveaxis(np.concatenate(best), 0, dim), np.moveaxis(np.concatenate(at), 0, dim)

    return rule


def logcumsumexp(x: Any, dim: int) -> Any:
    """log Σ eˣ of every beginning, as torch adds it up: one number after the other."""
    if not x.size:
        return x
    row = np.moveaxis(x, dim, 0)
    if not isinstance(x, Bounded):
        return np.moveaxis(np.concatenate([row[:1], LOG(np.cumsum(EXP(row), axis=0)[1:])]), 0, dim)
    sums = [row[:1]]
    for i in range(1, len(row)):
        sums.append(np.logaddexp(sums[-1], row[i : i + 1]))
    return np.moveaxis(np.concatenate(sums), 0, dim)


ORDERS: dict[str, Callable[..., Any]] = {
    "sort": with_an_axis(sort),
    "topk": with_an_axis(topk),
    "kthvalue": with_an_axis(kthvalue),
    "median.dim": with_an_axis(median),
    "median": lambda x: as_array(median(x.reshape(-1))[0]),
    "nanmedian.dim": with_an_axis(nanmedian),
    "nanmedian": lambda x: as_array(nanmedian(x.reshape(-1))[0]),
    "cummax": with_an_axis(accumulated(np.greater_equal)),
    "cummin": with_an_axis(accumulated(np.less_equal)),
    "cumsum": with_an_axis(lambda x, dim: np.cumsum(x, axis=dim)),
    "cumprod": with_an_axis(lambda x, dim: np.cumprod(x, axis=dim)),
    "logcumsumexp": with_an_axis(logcumsumexp),
}
