"""Numbers that are gathered at places, and what several at one place come to: their sum, mean, product or extreme; and
what a mask picks out."""

from collections.abc import Callable
from typing import Any

import numpy as np

from torch_ref.program.numbers import as_array, truth_of
from torch_ref.program.operations.moves import along, put, reach
from torch_ref.program.operations.pictures.windows import zeros
from torch_ref.tolerance.bounded import Bounded

REDUCED: dict[str, Callable[[Any], Any]] = {
    "sum": np.sum,
    "prod": np.prod,
    "mean": lambda group: as_array(np.sum(group)) / group.shape[0],
    "amax": np.max,
    "amin": np.min,
}


def _together(x: Any, targets: Any, source: Any, reduce: str, include_self: bool) -> Any:
    """Every place of x with what its sources, and its own number where that counts, come to."""
    flat, targets, source = x.reshape(-1), np.reshape(targets, -1), source.reshape(-1)
    if reduce == "sum" and include_self:
        return put(flat, targets, source, True).reshape(x.shape)
    new = []
    for place in range(flat.shape[0]):
        hits = np.flatnonzero(targets == place)
        group = np.concatenate([flat[place : place + 1], source[hits]]) if include_self else source[hits]
        new.append(as_array(REDUCED[reduce](group)) if len(hits) else as_array(flat[place]))
    return np.stack(new).reshape(x.shape) if new else x


def scatter_reduce(x: Any, dim: int, index: Any, source: Any, reduce: str, include_self: bool = True) -> Any:
    """Of every place what is sent there along an axis."""
    if not x.ndim:
        return scatter_reduce(
            x.reshape(1), 0, np.reshape(index, -1), source.reshape(-1), reduce, include_self
        ).reshape(())  # fmt: skip
    numbers = np.arange(x.size).reshape(x.shape)
    return _together(x, numbers[along(dim, index)], reach(source, index), reduce, include_self)


def index_reduce(x: Any, dim: int, index: Any, source: Any, reduce: str, include_self: bool = True) -> Any:
    """The same of whole slices."""
    if not x.ndim:
        return index_reduce(x.reshape(1), 0, index, source.reshape(1), reduce, include_self).reshape(())
    targets = np.take(np.arange(x.size).reshape(x.shape), np.reshape(index, -1), dim)
    return _together(x, targets, source, reduce, include_self)


def masked_select(x: Any, mask: Any) -> Any:
    """The numbers where a mask holds, in order."""
    shape = np.broadcast_shapes(x.shape, mask.shape)
    return np.broadcast_to(x, shape)[np.broadcast_to(truth_of(mask), shape)]


def masked_scatter(x: Any, mask: Any, source: Any) -> Any:
    """x with a source's numbers, in order, where a mask holds."""
    mask = np.broadcast_to(truth_of(mask), x.shape)
    return put(x, mask, source.reshape(-1)[: int(mask.sum())], False)


def masked_scatter_backward(delta: Any, mask: Any, sizes: Any) -> Any:
    """δ where the mask holds, and 0 for what was not used."""
    taken = masked_select(delta, mask)
    rest = zeros(delta, (int(np.prod(sizes)) - taken.shape[0],))
    return np.concatenate([taken, rest]).reshape(tuple(sizes))


def is_infinite(x: Any) -> Any:
    """Whether a number is infinite: no ball and no dual number is."""
    return np.isinf(x) if isinstance(x, Bounded) else truth_of(_EACH_INFINITE(x))


_EACH_INFINITE = np.frompyfunc(lambda value: isinstance(value, float) and np.isinf(value), 1, 1)


SCATTERED: dict[str, Callable[..., Any]] = {
    "scatter_reduce": scatter_reduce,
    "index_reduce": index_reduce,
    "masked_select": masked_select,
    "masked_scatter": masked_scatter,
    "masked_scatter_backward": masked_scatter_backward,
    "put": lambda x, index, source, accumulate=False: put(
        x.reshape(-1), np.reshape(index, -1), source.reshape(-1), accumulate
    ).reshape(x.shape),
    "isinf": is_infinite,
}
