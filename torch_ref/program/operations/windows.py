"""Convolution and pooling: what each pixel of a window is, at all windows at once; and back."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from torch_ref.program.numbers import as_array
from torch_ref.program.operations.arithmetic import product
from torch_ref.program.operations.moves import padded
from torch_ref.tolerance.bounded import Bounded

Index = tuple[slice, ...]


def counts(
    size: Sequence[int], kernel: Sequence[int], stride: Sequence[int], padding: Sequence[int], dilation: Sequence[int],
    ceil: bool = False,
) -> list[int]:  # fmt: skip
    """How many windows there are along each axis."""
    found = []
    for n, k, s, p, d in zip(size, kernel, stride, padding, dilation, strict=True):
        room = n + 2 * p - d * (k - 1) - 1
        many = -(-room // s) if ceil else room // s
        if ceil and many * s >= n + p:  # a window that begins beyond the picture is none
            many -= 1
        found.append(many + 1)
    return found


def pixels(
    kernel: Sequence[int], stride: Sequence[int], dilation: Sequence[int], windows: Sequence[int]
) -> Iterator[Index]:
    """Where each pixel of a window lies in all windows, in reading order, as an index of (N, C, …)."""
    for place in np.ndindex(*kernel):
        axes = zip(place, dilation, windows, stride, strict=True)
        yield (slice(None), slice(None), *(slice(i * d, i * d + (n - 1) * s + 1, s) for i, d, n, s in axes))


def margins(padding: Sequence[int], more: Sequence[int] | None = None) -> list[int]:
    """Padding as ATen's pad: the last axis first; `more` above alone."""
    more = more or [0] * len(padding)
    return [m for p, extra in zip(padding[::-1], more[::-1], strict=True) for m in (p, p + extra)]


def convolution(
    x: Any, weight: Any, bias: Any, stride: Any, padding: Any, dilation: Any, transposed: bool, output_padding: Any,
    groups: int,
) -> Any:  # fmt: skip
    """Σ w·x over each window; transposed, what its gradient by x is."""
    if transposed:
        size = [
            (n - 1) * s - 2 * p + d * (k - 1) + 1 + o
            for n, s, p, d, k, o in zip(
                x.shape[2:], stride, padding, dilation, weight.shape[2:], output_padding, strict=True
            )
        ]
        y = _spread(x, weight, (x.shape[0], weight.shape[1] * groups, *size), stride, padding, dilation, groups)
    else:
        y = _correlated(x, weight, stride, padding, dilation, groups)
    return y if bias is None else y + bias.reshape(1, -1, *[1] * len(stride))


def _correlated(x: Any, weight: Any, stride: Any, padding: Any, dilation: Any, groups: int) -> Any:
    kernel = weight.shape[2:]
    windows = counts(x.shape[2:], kernel, stride, padding, dilation)
    field = padded(x, margins(padding))
    seen = np.stack([field[index] for index in pixels(kernel, stride, dilation, windows)], axis=2)
    n, c, o = x.shape[0], weight.shape[1], weight.shape[0] // groups
    parts = []
    for g in range(groups):
        rows = seen[:, g * c : (g + 1) * c].reshape(n, c * seen.shape[2], -1)
        parts.append(product(weight[g * o : (g + 1) * o].reshape(o, -1), rows))
    return np.concatenate(parts, axis=1).reshape(n, o * groups, *windows)


def _spread(
    delta: Any, weight: Any, shape: Sequence[int], stride: Any, padding: Any, dilation: Any, groups: int
) -> Any:
    """Σ w·δ over the windows that each pixel of a picture of this shape lies in."""
    kernel, windows = weight.shape[2:], delta.shape[2:]
    n, c, o = delta.shape[0], weight.shape[1], weight.shape[0] // groups
    parts = []
    for g in range(groups):
        of_group = weight[g * o : (g + 1) * o].reshape(o, -1)
        rows = product(np.swapaxes(of_group, 0, 1), delta[:, g * o : (g + 1) * o].reshape(n, o, -1))
        parts.append(rows.reshape(n, c, -1, *windows))
    return dealt(np.concatenate(parts, axis=1), shape, kernel, stride, padding, dilation)


def dealt(
    parts: Any, shape: Sequence[int], kernel: Any, stride: Any, padding: Any, dilation: Any, more: Any = None
) -> Any:
    """The sums at each pixel of what the windows give their pixels, (N, C, kernel, *windows)."""
    more = more or [0] * len(padding)
    sides = [n + 2 * p + m for n, p, m in zip(shape[2:], padding, more, strict=True)]
    field = _zeros(parts, (*shape[:2], *sides))
    for i, index in enumerate(pixels(kernel, stride, dilation, parts.shape[3:])):
        field[index] = field[index] + parts[:, :, i]
    return padded(field, [-m for m in margins(padding, more)])


def _zeros(like: Any, shape: Sequence[int]) -> Any:
    zeros = np.zeros(tuple(shape))
    return Bounded(zeros, like.dtype) if isinstance(like, Bounded) else zeros.astype(object)


def convolution_backward(
    delta: Any, x: Any, weight: Any, bias_sizes: Any, stride: Any, padding: Any, dilation: Any, transposed: bool,
    output_padding: Any, groups: int, mask: Any,
) -> tuple[Any, Any, Any]:  # fmt: skip
    """The gradients by x, weight and bias.

    Raises:
        TypeError: of a transposed convolution: it has no rule.
    """
    if transposed:
        raise TypeError("aten::convolution_backward: transposed has no rule")
    dx = _spread(delta, weight, x.shape, stride, padding, dilation, groups) if mask[0] else None
    kernel, windows = weight.shape[2:], delta.shape[2:]
    field = padded(x, margins(padding))
    seen = np.stack([field[index] for index in pixels(kernel, stride, dilation, windows)], axis=2)
    n, c, o = x.shape[0], weight.shape[1], weight.shape[0] // groups
    parts = []
    for g in range(groups):
        rows = np.moveaxis(seen[:, g * c : (g + 1) * c].reshape(n, c * seen.shape[2], -1), 1, -1)
        deltas = np.moveaxis(delta[:, g * o : (g + 1) * o].reshape(n, o, -1), 1, 0)
        met = product(deltas.reshape(o, -1), rows.reshape(-1, c * seen.shape[2]))
        parts.append(met.reshape(o, c, *kernel))
    dw = np.concatenate(parts, axis=0) if mask[1] else None
    db = as_array(np.sum(delta, axis=(0, *range(2, delta.ndim)))) if mask[2] else None
    return dx, dw, db


def _pooling(kernel: Any, stride: Any, padding: Any, ndim: int) -> tuple[list[int], list[int], list[int]]:
    kernel, padding = ([*a] if len(a) == ndim else [*a] * ndim for a in (kernel, padding or [0]))
    return kernel, ([*stride] if len(stride or ()) == ndim else [*stride] * ndim) if stride else kernel, padding


def max_pool2d(
    x: Any, kernel: Any, stride: Any = (), padding: Any = (0,), dilation: Any = (1,), ceil_mode: bool = False
) -> tuple[Any, Any]:
    """The largest of each window, and where in the picture it is."""
    batched = x if x.ndim == 4 else x.reshape(1, *x.shape)
    kernel, stride, padding = _pooling(kernel, stride, padding, 2)
    dilation = [*dilation] * (3 - len(dilation))
    windows = counts(batched.shape[2:], kernel, stride, padding, dilation, ceil_mode)
    room = [max(0, (n - 1) * s + d * (k - 1) + 1 - m - 2 * p) for n, s, d, k, m, p in zip(
        windows, stride, dilation, kernel, batched.shape[2:], padding, strict=True)]  # fmt: skip
    field = padded(batched, margins(padding, room), -np.inf)
    numbers = np.arange(batched.shape[2] * batched.shape[3]).reshape(1, 1, *batched.shape[2:])
    places = padded(numbers, margins(padding, room), -1)
    first, *others = pixels(kernel, stride, dilation, windows)
    best, where = field[first], np.broadcast_to(places[first], field[first].shape)
    for index in others:
        here, place = field[index], np.broadcast_to(places[index], field[index].shape)
        inside = place >= 0
        greater = np.zeros(inside.shape, bool)
        if inside.any():
            greater[inside] = np.asarray(here[inside] > best[inside], dtype=bool)
        best, where = np.where(greater, here, best), np.where(greater, place, where)
    return best.reshape(*x.shape[:-2], *windows), where.reshape(*x.shape[:-2], *windows)


def max_pool2d_backward(
    delta: Any, x: Any, kernel: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool, indices: Any
) -> Any:
    """δ, to the pixel that won each window."""
    planes, pixels = int(np.prod(x.shape[:-2])), x.shape[-2] * x.shape[-1]
    new = _zeros(delta, (planes, pixels))
    rows = np.arange(planes)[:, None]
    np.add.at(new, (rows, np.asarray(indices).reshape(planes, -1)), delta.reshape(planes, -1))
    return new.reshape(*x.shape)


def avg_pool2d(
    x: Any, kernel: Any, stride: Any = (), padding: Any = (0,), ceil_mode: bool = False,
    count_include_pad: bool = True, divisor_override: int | None = None,
) -> Any:  # fmt: skip
    """The mean of each window."""
    batched = x if x.ndim == 4 else x.reshape(1, *x.shape)
    kernel, stride, padding = _pooling(kernel, stride, padding, 2)
    field, windows, divisors, _ = _averaged(
        batched.shape, kernel, stride, padding, ceil_mode, count_include_pad, divisor_override
    )
    room = [f - n - 2 * p for f, n, p in zip(field, batched.shape[2:], padding, strict=True)]
    margin = padded(batched, margins(padding, room))
    total = 0
    for index in pixels(kernel, stride, (1, 1), windows):
        total = margin[index] + total
    return (total / divisors).reshape(*x.shape[:-2], *windows)


def _averaged(
    shape: Any, kernel: Any, stride: Any, padding: Any, ceil: bool, include: bool, divisor: int | None
) -> tuple[list[int], list[int], Any, Any]:
    """The field's sides, how many windows there are, and by what each sum is divided."""
    windows = counts(shape[2:], kernel, stride, padding, (1, 1), ceil)
    field = [max((n - 1) * s + k, m + 2 * p) for n, s, k, m, p in zip(
        windows, stride, kernel, shape[2:], padding, strict=True)]  # fmt: skip
    inside = np.zeros((1, 1, *field))
    (p, q), (h, w) = padding, shape[2:]
    low = 0 if include else 1
    inside[:, :, p * low : h + p * (2 - low), q * low : w + q * (2 - low)] = 1
    divisors = np.zeros((1, 1, *windows))
    for index in pixels(kernel, stride, (1, 1), windows):
        divisors = divisors + inside[index]
    return field, windows, np.full_like(divisors, divisor) if divisor else divisors, inside


def avg_pool2d_backward(
    delta: Any, x: Any, kernel: Any, stride: Any, padding: Any, ceil_mode: bool, count_include_pad: bool,
    divisor_override: int | None,
) -> Any:  # fmt: skip
    """An equal part of δ to every pixel of each window."""
    shape = x.shape if x.ndim == 4 else (1, *x.shape)
    kernel, stride, padding = _pooling(kernel, stride, padding, 2)
    field, windows, divisors, _ = _averaged(
        shape, kernel, stride, padding, ceil_mode, count_include_pad, divisor_override
    )
    part = delta.reshape(*shape[:2], 1, *windows) / divisors[:, :, None]
    parts = np.concatenate([part] * int(np.prod(kernel)), axis=2)
    room = [f - n - 2 * p for f, n, p in zip(field, shape[2:], padding, strict=True)]
    return dealt(parts, shape, kernel, stride, padding, (1, 1), room).reshape(*x.shape)


WINDOWS: dict[str, Callable[..., Any]] = {
    "convolution": convolution,
    "convolution_backward": convolution_backward,
    "max_pool2d_with_indices": max_pool2d,
    "max_pool2d_with_indices_backward": max_pool2d_backward,
    "avg_pool2d": avg_pool2d,
    "avg_pool2d_backward": avg_pool2d_backward,
}
