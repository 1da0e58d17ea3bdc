"""One example without a batch, which torch's layers take, too: it is a batch of one."""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

import numpy as np

Axis = Callable[[Any, int], int]
Kind = TypeVar("Kind", bound=type)


def batch_first(layer: Any, _place: int) -> int:
    """Where the batch lies in a layer that has a flag for that."""
    return 1 - layer.batch_first


def _first(_layer: Any, _place: int) -> int:
    return 0


def takes_one(axes: int, axis: Axis = _first) -> Callable[[Kind], Kind]:
    """Let a layer whose inputs and outputs have so many axes take one example, which lacks that of the batch.

    `axis(layer, place)` is where the batch lies in the input, or output, of that place. Of one example a batch of one
    goes through; what comes out, forwards and backwards, loses that axis again.
    """

    def lacks(a: Any) -> bool:
        is_array = isinstance(getattr(a, "dtype", None), np.dtype) and not isinstance(a, np.matrix | np.generic)
        return is_array and a.ndim == axes - 1 and a.dtype != bool

    def added(layer: Any, arrays: Any) -> Any:
        if not isinstance(arrays, tuple):
            return added(layer, (arrays,))[0]
        before = [(slice(None),) * axis(layer, i) for i in range(len(arrays))]
        return tuple(a[(*at, None)] if lacks(a) else a for a, at in zip(arrays, before, strict=True))

    def dropped(layer: Any, arrays: Any) -> Any:
        if not isinstance(arrays, tuple):
            return dropped(layer, (arrays,))[0]
        before = [(slice(None),) * axis(layer, i) for i in range(len(arrays))]
        return tuple(None if a is None else a[(*at, 0)] for a, at in zip(arrays, before, strict=True))

    def forward_of(method: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(method)
        def forward(layer: Any, *inputs: Any) -> Any:
            if not inputs or not lacks(inputs[0]):
                return method(layer, *inputs)
            y, cache = method(layer, *added(layer, inputs))
            return dropped(layer, y), cache

        return forward

    def backward_of(method: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(method)
        def backward(layer: Any, delta: Any, cache: Any, /) -> Any:
            if not any(map(lacks, delta if isinstance(delta, tuple) else (delta,))):
                return method(layer, delta, cache)
            found = method(layer, added(layer, delta), cache)
            return (dropped(layer, found[0]), found[1]) if isinstance(found, tuple) else found  # `gradient` gives one

        return backward

    def decorate(kind: Kind) -> Kind:
        for name, of in (("forward", forward_of), ("backward", backward_of), ("gradient", backward_of)):
            if name in vars(kind):
                setattr(kind, name, of(vars(kind)[name]))
        return kind

    return decorate
