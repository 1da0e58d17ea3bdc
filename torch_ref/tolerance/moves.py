"""What moves numbers about, joins arrays, takes them apart or makes new ones, on `Bounded`: every value keeps its
bound.

A function that moves the numbers of one array is applied to the values, to the errors and to the magnitudes of the
sums, so that a sum that was moved is still open. What NumPy returns as a view writes through to the array.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from manual.numbers.number_types import Array
from torch_ref.tolerance.array_methods import no_float
from torch_ref.tolerance.bounded import Bounded
from torch_ref.tolerance.sums import all_bounded


def moved(f: Callable[..., Any]) -> Callable[..., Any]:
    """The rule of a function that returns a copy of an array's numbers."""

    def rule(x: Any, *how: Any, **options: Any) -> Any:
        return x._moved(lambda a: f(a, *how, **options))

    return rule


def _through(x: Bounded, move: Callable[[Array], Array]) -> Bounded:
    """A view: what is done to it in place is done to the numbers that it shows."""

    def back(new: Bounded) -> None:
        places = move(np.arange(x.size).reshape(x.shape))
        x[np.unravel_index(places, x.shape)] = new

    return x._moved(move, back)


def viewed(f: Callable[..., Any]) -> Callable[..., Any]:
    """The rule of a function that returns a view."""

    def rule(x: Any, *how: Any, **options: Any) -> Any:
        return _through(x, lambda a: f(a, *how, **options))

    return rule


def reshaped(f: Callable[..., Any]) -> Callable[..., Any]:
    """The rule of a function that changes nothing but the shape."""

    def rule(x: Any, *how: Any, **options: Any) -> Any:
        return x.reshape(f(np.empty(x.shape), *how, **options).shape)

    return rule


def reshape(x: Any, /, shape: Any, order: Any = "C") -> Any:
    """As np.reshape."""
    return x.reshape(shape, order=order)


def ravel(x: Any, order: Any = "C") -> Any:
    """As np.ravel."""
    return x.reshape(-1, order=order)


def parted(f: Callable[..., Any]) -> Callable[..., Any]:
    """The rule of a function that returns views of an array's parts."""

    def rule(x: Any, *how: Any, **options: Any) -> list[Any]:
        count = len(f(x.value, *how, **options))
        return [_through(x, lambda a, i=i: f(a, *how, **options)[i]) for i in range(count)]

    return rule


def _joined(f: Callable[..., Any], parts: list[Bounded]) -> Bounded:
    """One array of several: an open sum, if all of them are of as many roundings."""
    dtype, roundings = parts[0].dtype, parts[0]._roundings
    value, positive = f([p.value for p in parts]), all(p.positive for p in parts)
    if all(p._exact for p in parts):
        return Bounded(value, dtype)
    if any(p._roundings != roundings for p in parts):
        return Bounded(value, dtype, f([p.error for p in parts]), positive=positive)
    return Bounded(value, dtype, f([p._carried for p in parts]), f([p._sum for p in parts]), roundings, positive)


def joined(f: Callable[..., Any]) -> Callable[..., Any]:
    """The rule of a function that joins a sequence of arrays."""

    def rule(arrays: Any, *how: Any, **options: Any) -> Any:
        return _joined(lambda parts: f(parts, *how, **options), all_bounded(*arrays))

    return rule


def append(x: Any, values: Any, axis: Any = None) -> Bounded:
    """As np.append."""
    return _joined(lambda parts: np.append(*parts, axis=axis), all_bounded(x, values))


def each(f: Callable[..., Any]) -> Callable[..., Any]:
    """The rule of np.broadcast_arrays and np.meshgrid: one result for each array."""

    def rule(*arrays: Any, **options: Any) -> list[Any]:
        given = all_bounded(*arrays)
        bare = [np.empty(a.shape) for a in given]
        return [
            x._moved(lambda a, i=i: f(*bare[:i], a, *bare[i + 1 :], **options)[i].copy()) for i, x in enumerate(given)
        ]  # fmt: skip

    return rule


def pad(x: Any, pad_width: Any, mode: Any = "constant", *, constant_values: Any = 0, reflect_type: str = "even") -> Any:
    """With a margin of numbers, or of the array's own.

    Raises:
        TypeError: a mode that has no rule.
    """
    if mode in ("edge", "reflect", "symmetric", "wrap", "empty") and reflect_type == "even":
        return x._moved(lambda a: np.pad(a, pad_width, mode))
    if mode != "constant":
        raise TypeError(
            f"numpy.pad of a Bounded: there is no rule for mode={mode!r} with reflect_type={reflect_type!r}"
        )
    if isinstance(constant_values, int | float) and constant_values == 0:
        return x._moved(lambda a: np.pad(a, pad_width))
    margin = x._of(constant_values)
    pairs = (x.value, margin.value), (x.error, margin.error)
    value, error = (np.pad(a, pad_width, constant_values=c) for a, c in pairs)
    return Bounded(value, x.dtype, error)


# ---------------------------------------------------------------- assigning, in place


def _held(x: Any) -> None:
    if not isinstance(x, Bounded):
        raise no_float("an array of floats cannot be assigned a Bounded")


def put_along_axis(x: Any, indices: Any, values: Any, axis: Any = -1) -> None:
    """As np.put_along_axis."""
    _held(x)
    places = np.arange(x.size).reshape(x.shape)
    places = places.ravel()[indices] if axis is None else np.take_along_axis(places, indices, axis)
    x[np.unravel_index(places, x.shape)] = values


def copyto(x: Any, source: Any, casting: Any = "same_kind", where: Any = True) -> None:
    """As np.copyto."""
    _held(x)
    del casting  # there is one dtype
    everywhere = np.broadcast_to(where, x.shape)
    x[everywhere] = np.broadcast_to(source, x.shape)[everywhere]


def fill_diagonal(x: Any, value: Any) -> None:
    """As np.fill_diagonal."""
    _held(x)
    x[np.diag_indices(min(x.shape), x.ndim)] = value


def add_at(x: Any, index: Any, y: Any) -> None:
    """Unbuffered: as many terms join an element's sum as fall on it."""
    y = x._of(y)
    hits = np.zeros(x.shape, dtype=int)
    np.add.at(hits, index, 1)
    m = x._roundings + int(hits.max(initial=0)) * (y._roundings + 1)
    pairs = [(a.copy(), b) for a, b in ((x.value, y.value), (x._carried, y._carried), (x._sum, y._sum))]
    for a, b in pairs:
        np.add.at(a, index, b)
    (value, _), (carried, _), (magnitude, _) = pairs
    x._become(Bounded(value, x.dtype, carried, magnitude, m, x.positive and y.positive))


def subtract_at(x: Any, index: Any, y: Any) -> None:
    """Unbuffered."""
    add_at(x, index, -x._of(y))


# ---------------------------------------------------------------- new arrays


def like(f: Callable[..., Array]) -> Callable[..., Any]:
    """The rule of zeros_like and its kin: exact, of x's dtype; a plain array, where whole numbers or truths are
    asked."""

    def rule(x: Any, *fill: Any, dtype: Any = None, shape: Any = None, order: Any = "K") -> Any:
        del order  # where a number lies does not change it
        dtype = np.dtype(x.dtype if dtype is None else dtype)
        shape = x.shape if shape is None else shape
        if any(isinstance(number, Bounded) for number in fill):
            return np.broadcast_to(fill[0], shape).copy()
        fill = tuple(x._of(number).value if dtype.kind == "f" else number for number in fill)
        made = f(np.empty(x.shape), *fill, dtype=np.float64 if dtype.kind == "f" else dtype, shape=shape)
        if dtype.kind != "f":
            return made
        return Bounded(made, dtype, x._of(fill[0]).error * np.ones(made.shape)) if fill else Bounded(made, dtype)

    return rule


def made(f: Callable[..., Array]) -> Callable[..., Any]:
    """The rule of np.zeros(shape, like=x) and its kin: an exact array of floats."""

    def rule(*arguments: Any, **options: Any) -> Any:
        array = f(*arguments, **options)
        return Bounded(array, array.dtype) if array.dtype.kind == "f" else array

    return rule


def array(x: Any, *how: Any, **options: Any) -> Any:
    """np.array(x, like=x) and np.copy(x): a copy."""
    return x.copy() if isinstance(x, Bounded) else made(np.array)(x, *how, **options)


MOVES: dict[Callable[..., Any], Callable[..., Any]] = {
    **{f: moved(f) for f in (
        np.copy, np.take, np.take_along_axis, np.repeat, np.tile, np.roll, np.resize, np.delete, np.tril, np.triu,
        np.diag,
        np.diagflat, np.compress, np.extract, sliding_window_view,
    )},
    **{f: viewed(f) for f in (
        np.transpose, np.swapaxes, np.moveaxis, np.rollaxis, np.diagonal, np.flip, np.fliplr, np.flipud, np.rot90,
        np.broadcast_to,
    )},
    **{f: reshaped(f) for f in (np.expand_dims, np.squeeze, np.atleast_1d, np.atleast_2d, np.atleast_3d)},
    np.reshape: reshape,
    np.ravel: ravel,
    **{f: parted(f) for f in (np.split, np.array_split, np.hsplit, np.vsplit, np.dsplit)},
    **{f: joined(f) for f in (np.concatenate, np.stack, np.hstack, np.vstack, np.dstack, np.column_stack)},
    np.append: append,
    np.broadcast_arrays: each(np.broadcast_arrays),
    np.meshgrid: each(np.meshgrid),
    np.pad: pad,
    np.diff: lambda x, n=1, axis=-1: _differences(x, n, axis),
    np.put_along_axis: put_along_axis,
    np.copyto: copyto,
    np.fill_diagonal: fill_diagonal,
    **{f: like(f) for f in (np.zeros_like, np.ones_like, np.empty_like, np.full_like)},
    **{f: made(f) for f in (np.zeros, np.ones, np.empty, np.full, np.eye, np.arange, np.identity)},
    np.array: array,
    np.asarray: lambda x, *how, **options: x if isinstance(x, Bounded) else made(np.asarray)(x, *how, **options),
    np.shape: lambda x: x.shape,
    np.ndim: lambda x: x.ndim,
    np.size: lambda x, axis=None: x.size if axis is None else x.shape[axis],
    np.result_type: lambda *arrays: np.result_type(*(a.dtype if isinstance(a, Bounded) else a for a in arrays)),
    np.iscomplexobj: lambda _: False,
    np.isrealobj: lambda _: True,
}  # fmt: skip


def _differences(x: Any, n: int, axis: int) -> Any:
    """Each element less the one before, n times."""
    row = np.moveaxis(x, axis, -1)
    for _ in range(n):
        row = row[..., 1:] - row[..., :-1]
    return np.moveaxis(row, -1, axis)
