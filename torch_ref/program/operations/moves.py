"""What moves numbers about: no number changes, but where several land on one place they add up."""

from collections.abc import Callable
from typing import Any

import numpy as np

from manual.numbers.number_types import Array
from torch_ref.program.numbers import is_number
from torch_ref.tolerance.bounded import Bounded
from torch_ref.truth.dual import Dual


def expand(x: Any, size: Any) -> Any:
    """x repeated to a size, in which −1 keeps an axis."""
    ahead = len(size) - x.ndim
    return np.broadcast_to(x, [x.shape[i - ahead] if n == -1 else n for i, n in enumerate(size)])


def cut(x: Any, dim: int = 0, start: Any = None, end: Any = None, step: int = 1) -> Any:
    """x[start:end:step] along an axis."""
    return x[_at(x, dim, slice(start, end, step))]


def _at(x: Any, dim: int, where: Any) -> tuple[Any, ...]:
    return (*[slice(None)] * (dim % x.ndim), where) if x.ndim else ()


def split(x: Any, sizes: Any, dim: int = 0) -> list[Any]:
    """x in parts of these sizes along an axis."""
    ends = np.cumsum(sizes)
    return [cut(x, dim, end - n, end) for n, end in zip(sizes, ends, strict=True)]


def squeeze(x: Any, dim: Any = None) -> Any:
    """x without its axes of length 1, or without those of them that are given."""
    chosen = range(x.ndim) if dim is None else [dim] if isinstance(dim, int) else dim
    gone = {d % x.ndim for d in chosen if x.ndim and x.shape[d] == 1}
    return x.reshape(tuple(n for i, n in enumerate(x.shape) if i not in gone))


def index(x: Any, indices: Any) -> Any:
    """x[indices], where None keeps an axis."""
    return x[_full(indices)]


def _full(indices: Any) -> tuple[Any, ...]:
    return tuple(slice(None) if i is None else _whole(i) for i in indices)


def _whole(indices: Any) -> Array:
    """Indices as integers, also where there are none; a mask stays one."""
    indices = np.asarray(indices)
    return indices if indices.dtype == bool else indices.astype(np.int64)


def index_put(x: Any, indices: Any, values: Any, accumulate: bool = False) -> Any:
    """x with values at some places; with `accumulate` they are added, in any order."""
    return put(x, _full(indices), values, accumulate)


def put(x: Any, where: Any, values: Any, add: bool) -> Any:
    """x with values at these places, or with them added there."""
    if isinstance(values, Bounded) and not isinstance(x, Bounded):
        x = values._of(x)
    new = x[...] if isinstance(x, Bounded) else x.copy()
    if isinstance(new, Bounded):
        new = new._moved(np.copy)
    if add:
        np.add.at(new, where, values)
    else:
        new[where] = values
    return new


def along(dim: int, indices: Any) -> tuple[Any, ...]:
    """The places that indices along one axis name."""
    indices = np.asarray(indices)
    if not indices.ndim:
        return ()
    where = list(np.ogrid[tuple(slice(n) for n in indices.shape)])
    where[dim] = indices
    return tuple(where)


def gather(x: Any, dim: int, indices: Any) -> Any:
    """x's numbers at indices along an axis; a number without axes is one with one."""
    if not np.size(indices):
        return x.reshape(-1)[:0].reshape(np.shape(indices))
    return (x if x.ndim else x.reshape(1))[along(dim, np.reshape(indices, -1) if not x.ndim else indices)].reshape(
        np.shape(indices)
    )


def scatter(x: Any, dim: int, indices: Any, source: Any) -> Any:
    """x with a source's numbers along an axis."""
    return put(x, along(dim, indices), reach(source, indices), add=False)


def reach(source: Any, indices: Any) -> Any:
    """A source may be longer than the indices; of it only what they reach is taken."""
    return source if np.ndim(source) == 0 else source[tuple(slice(n) for n in np.shape(indices))]


def flip(x: Any, dims: Any) -> Any:
    """x in reverse along axes."""
    return np.flip(x, tuple(dims))


def padded(x: Any, pad: Any, value: Any = 0) -> Any:
    """x with a margin: of its last axis first, below and above; a negative margin cuts."""
    margins = [(0, 0)] * x.ndim
    for i in range(len(pad) // 2):
        margins[x.ndim - 1 - i] = (pad[2 * i], pad[2 * i + 1])
    for axis, (low, high) in enumerate(margins):
        x = cut(x, axis, max(-low, 0), x.shape[axis] - max(-high, 0))
    margins = [(max(low, 0), max(high, 0)) for low, high in margins]
    return np.pad(x, margins, "constant", constant_values=value)


def diagonal(x: Any, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Any:
    """The diagonal of two axes, as the last axis."""
    return np.diagonal(x, offset, dim1, dim2)


def embedding(weight: Any, indices: Any, *_: Any) -> Any:
    """A row of the weights for each index."""
    return weight[np.asarray(indices)]


def unfold(x: Any, dim: int, size: int, step: int) -> Any:
    """Every window of a size along an axis, its numbers as the last axis."""
    if not x.ndim:
        return unfold(x.reshape(1), 0, size, step)[0]
    dim %= x.ndim
    starts = range(0, x.shape[dim] - size + 1, step)
    return np.stack([np.swapaxes(cut(x, dim, i, i + size)[..., None], dim, -1)[_at(x, dim, 0)] for i in starts], dim)


def places(size: Any, stride: Any, offset: Any) -> Array:
    """Σ i·stride + offset, for each index i of an array of this size."""
    found = np.full(tuple(size), offset or 0)
    for axis, (n, s) in enumerate(zip(size, stride, strict=True)):
        found = found + (np.arange(n) * s).reshape([n if i == axis else 1 for i in range(len(size))])
    return found


def strided(x: Any, size: Any, stride: Any, offset: Any = 0) -> Any:
    """The numbers of x at these places, counted as they lie in memory in order."""
    return x.reshape(-1)[places(size, stride, offset)]


def strided_put(x: Any, source: Any, size: Any, stride: Any, offset: Any = 0) -> Any:
    """x with a source's numbers at these places."""
    return put(x.reshape(-1), places(size, stride, offset), source, add=False).reshape(x.shape)


def diagonal_put(x: Any, source: Any, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Any:
    """x with a source's numbers on the diagonal of two axes."""
    numbers = np.arange(x.size).reshape(x.shape)
    on = np.diagonal(numbers, offset, dim1, dim2)
    return put(x.reshape(-1), on, source, add=False).reshape(x.shape)


def same(x: Any, **_: Any) -> Any:
    """The numbers as they are."""
    return x


def detached(x: Any) -> Any:
    """The numbers without their derivatives."""
    if isinstance(x, Bounded) or not is_number(x):
        return x
    return np.asarray(np.frompyfunc(lambda number: number.v if isinstance(number, Dual) else number, 1, 1)(x), object)


MOVES: dict[str, Callable[..., Any]] = {
    "view": lambda x, size: x.reshape(tuple(size)),
    "transpose": lambda x, a, b: np.swapaxes(x, a, b) if x.ndim else x,
    "permute": lambda x, dims: np.transpose(x, dims),
    "expand": expand,
    "unsqueeze": np.expand_dims,
    "squeeze": squeeze,
    "select": lambda x, dim, i: x[_at(x, dim, i)],
    "slice": cut,
    "split_with_sizes": split,
    "cat": lambda parts, dim=0: np.concatenate([p for p in parts if p.shape != (0,)], axis=dim),
    "index": index,
    "index_put": index_put,
    "index_select": lambda x, dim, i: x[_at(x, dim, np.asarray(i))],
    "gather": gather,
    "scatter": scatter,
    "scatter_add": lambda x, dim, i, source: put(x, along(dim, i), reach(source, i), add=True),
    "select_scatter": lambda x, source, dim, i: put(x, _at(x, dim, i), source, add=False),
    "slice_scatter": lambda x, source, dim=0, start=None, end=None, step=1: put(
        x, _at(x, dim, slice(start, end, step)), source, add=False
    ),
    "flip": flip,
    "repeat": lambda x, times: np.tile(x, tuple(times)),
    "constant_pad_nd": padded,
    "diagonal": diagonal,
    "unfold": unfold,
    "as_strided": strided,
    "as_strided_scatter": strided_put,
    "diagonal_scatter": diagonal_put,
    "as_strided_copy": strided,
    "view_copy": lambda x, size: x.reshape(tuple(size)),
    "permute_copy": lambda x, dims: np.transpose(x, dims),
    "narrow_copy": lambda x, dim, start, length: cut(x, dim, start, start + length),
    "unbind_copy": lambda x, dim=0: [x[_at(x, dim, i)] for i in range(x.shape[dim])],
    "embedding": embedding,
    "alias": same,
    "clone": same,
    "lift_fresh_copy": same,
    "detach_copy": detached,
    "_to_copy": same,
    **dict.fromkeys(("copy", "copy_"), lambda x, source, *_: np.broadcast_to(source, x.shape)),
}
