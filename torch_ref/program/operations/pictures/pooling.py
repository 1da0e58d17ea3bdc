"""Pooling: the largest, or the mean, of each window of a picture; and back."""

from collections.abc import Callable
from typing import Any

import numpy as np

from torch_ref.program.operations.moves import padded
from torch_ref.program.operations.pictures.windows import counts, dealt, margins, pixels, zeros


def _pooling(kernel: Any, stride: Any, padding: Any, ndim: int) -> tuple[list[int], list[int], list[int]]:
    kernel, padding = ([*a] if len(a) == ndim else [*a] * ndim for a in (kernel, padding or [0]))
    return kernel, ([*stride] if len(stride or ()) == ndim else [*stride] * ndim) if stride else kernel, padding


def _batched(x: Any, ndim: int) -> Any:
    return x if x.ndim == ndim + 2 else x.reshape(1, *x.shape)


def max_pool(ndim: int) -> Callable[..., tuple[Any, Any]]:
    """The rule of the largest of each window, and where in the picture it is."""

    def rule(
        x: Any, kernel: Any, stride: Any = (), padding: Any = (0,), dilation: Any = (1,), ceil_mode: bool = False
    ) -> tuple[Any, Any]:
        batched = _batched(x, ndim)
        kernel, stride, padding = _pooling(kernel, stride, padding, ndim)
        dilation = [*dilation] * (ndim if len(dilation) == 1 else 1)
        sides = batched.shape[2:]
        windows = counts(sides, kernel, stride, padding, dilation, ceil_mode)
        room = [max(0, (n - 1) * s + d * (k - 1) + 1 - m - 2 * p) for n, s, d, k, m, p in zip(
            windows, stride, dilation, kernel, sides, padding, strict=True)]  # fmt: skip
        field = padded(batched, margins(padding, room), -np.inf)
        places = padded(np.arange(int(np.prod(sides))).reshape(1, 1, *sides), margins(padding, room), -1)
        best, where = _largest(field, places, [*pixels(kernel, stride, dilation, windows)])
        return best.reshape(*x.shape[:-ndim], *windows), where.reshape(*x.shape[:-ndim], *windows)

    return rule


def _largest(field: Any, places: Any, every: list[Any]) -> tuple[Any, Any]:
    """The largest of what these indices find, and its place; what has the place −1 is beyond the picture."""
    first, *others = every
    best, where = field[first], np.broadcast_to(places[first], field[first].shape)
    for index in others:
        here, place = field[index], np.broadcast_to(places[index], field[index].shape)
        inside = place >= 0
        greater = np.zeros(inside.shape, bool)
        if inside.any():
            greater[inside] = np.asarray(here[inside] > best[inside], dtype=bool)
        best, where = np.where(greater, here, best), np.where(greater, place, where)
    return best, where


def adaptive_max_pool(ndim: int) -> Callable[..., tuple[Any, Any]]:
    """The rule of the largest of each of so many windows as are asked for, from ⌊o·in/out⌋ to ⌈(o + 1)·in/out⌉."""

    def rule(x: Any, size: Any) -> tuple[Any, Any]:
        sides = x.shape[-ndim:]
        numbers = np.arange(int(np.prod(sides))).reshape(sides)
        best, where = [], []
        for o in np.ndindex(*size):
            inside = tuple(slice(i * n // m, -(-(i + 1) * n // m)) for i, n, m in zip(o, sides, size, strict=True))
            window = x[(..., *inside)].reshape(*x.shape[:-ndim], -1)
            at = np.argmax(window, axis=-1)
            best.append(np.max(window, axis=-1))
            where.append(numbers[inside].reshape(-1)[at])
        shape = (*x.shape[:-ndim], *size)
        return np.stack(best, -1).reshape(shape), np.stack(where, -1).reshape(shape)

    return rule


def dealt_to_places(delta: Any, x: Any, indices: Any, ndim: int) -> Any:
    """δ, to the pixel that won each window."""
    planes, count = int(np.prod(x.shape[:-ndim])), int(np.prod(x.shape[-ndim:]))
    new = zeros(delta, (planes, count))
    rows = np.arange(planes)[:, None]
    np.add.at(new, (rows, np.asarray(indices).reshape(planes, -1)), delta.reshape(planes, -1))
    return new.reshape(*x.shape)


def avg_pool(ndim: int) -> Callable[..., Any]:
    """The rule of the mean of each window."""

    def rule(
        x: Any, kernel: Any, stride: Any = (), padding: Any = (0,), ceil_mode: bool = False,
        count_include_pad: bool = True, divisor_override: int | None = None,
    ) -> Any:  # fmt: skip
        batched = _batched(x, ndim)
        kernel, stride, padding = _pooling(kernel, stride, padding, ndim)
        windows, room, divisors = _averaged(
            batched.shape, kernel, stride, padding, ceil_mode, count_include_pad, divisor_override
        )
        margin = padded(batched, margins(padding, room))
        total = 0
        for index in pixels(kernel, stride, [1] * ndim, windows):
            total = margin[index] + total
        return (total / divisors).reshape(*x.shape[:-ndim], *windows)

    return rule


def _averaged(
    shape: Any, kernel: Any, stride: Any, padding: Any, ceil: bool, include: bool, divisor: int | None
) -> tuple[list[int], list[int], Any]:
    """How many windows there are, the margin above that they need besides, and by what each sum is divided."""
    ones = [1] * len(kernel)
    windows = counts(shape[2:], kernel, stride, padding, ones, ceil)
    field = [max((n - 1) * s + k, m + 2 * p) for n, s, k, m, p in zip(
        windows, stride, kernel, shape[2:], padding, strict=True)]  # fmt: skip
    inside = np.zeros((1, 1, *field))
    inside[(..., *(slice(0 if include else p, (2 * p if include else p) + n)
                   for p, n in zip(padding, shape[2:], strict=True)))] = 1  # fmt: skip
    divisors = np.zeros((1, 1, *windows))
    for index in pixels(kernel, stride, ones, windows):
        divisors = divisors + inside[index]
    room = [f - n - 2 * p for f, n, p in zip(field, shape[2:], padding, strict=True)]
    return windows, room, np.full_like(divisors, divisor) if divisor else divisors


def avg_pool_backward(ndim: int) -> Callable[..., Any]:
    """The rule of its backward: an equal part of δ to every pixel of each window."""

    def rule(
        delta: Any, x: Any, kernel: Any, stride: Any, padding: Any, ceil_mode: bool, count_include_pad: bool,
        divisor_override: int | None,
    ) -> Any:  # fmt: skip
        shape = x.shape if x.ndim == ndim + 2 else (1, *x.shape)
        kernel, stride, padding = _pooling(kernel, stride, padding, ndim)
        windows, room, divisors = _averaged(
            shape, kernel, stride, padding, ceil_mode, count_include_pad, divisor_override
        )
        part = delta.reshape(*shape[:2], 1, *windows) / divisors[:, :, None]
        parts = np.concatenate([part] * int(np.prod(kernel)), axis=2)
        return dealt(parts, shape, kernel, stride, padding, [1] * ndim, room).reshape(*x.shape)

    return rule


def max_pool_backward(ndim: int) -> Callable[..., Any]:
    """The rule of its backward; what the windows are is known by their winners."""
    return lambda delta, x, *how: dealt_to_places(delta, x, how[-1], ndim)


POOLING: dict[str, Callable[..., Any]] = {
    **{f"max_pool{n}d_with_indices": max_pool(n) for n in (2, 3)},
    **{f"max_pool{n}d_with_indices_backward": max_pool_backward(n) for n in (2, 3)},
    **{f"adaptive_max_pool{n}d": adaptive_max_pool(n) for n in (2, 3)},
    **{f"adaptive_max_pool{n}d_backward": max_pool_backward(n) for n in (2, 3)},
    **{f"avg_pool{n}d": avg_pool(n) for n in (2, 3)},
    **{f"avg_pool{n}d_backward": avg_pool_backward(n) for n in (2, 3)},
}
