"""Windows of a picture: what each pixel of them is, at all windows at once, and back; and convolution."""

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
    stride, padding, dilation = _of_axes(x, stride, padding, dilation)
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
    return y if bias is None else y + bias.reshape(1, -1, *[1] * (x.ndim - 2))


def _of_axes(x: Any, *how: Sequence[int]) -> tuple[Any, Any, Any]:
    """A number for each axis of a picture, where ATen may give one for all, as for padding="valid"."""
    stride, padding, dilation = ([*given] * (x.ndim - 2) if len(given) == 1 else given for given in how)
    return stride, padding, dilation


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
    field = zeros(parts, (*shape[:2], *sides))
    for i, index in enumerate(pixels(kernel, stride, dilation, parts.shape[3:])):
        field[index] = field[index] + parts[:, :, i]
    return padded(field, [-m for m in margins(padding, more)])


def zeros(like: Any, shape: Sequence[int]) -> Any:
    """Zeros of the kind of numbers that another array has."""
    made = np.zeros(tuple(shape))
    return Bounded(made, like.dtype) if isinstance(like, Bounded) else made.astype(object)


def convolution_backward(
    delta: Any, x: Any, weight: Any, bias_sizes: Any, stride: Any, padding: Any, dilation: Any, transposed: bool,
    output_padding: Any, groups: int, mask: Any,
) -> tuple[Any, Any, Any]:  # fmt: skip
    """The gradients by x, weight and bias. A transposed convolution is what the other's gradient by x is: the picture
    and δ change places."""
    how = _of_axes(x, stride, padding, dilation)
    dx = dw = None
    if mask[0]:
        dx = _correlated(delta, weight, *how, groups) if transposed else _spread(delta, weight, x.shape, *how, groups)
    if mask[1]:
        dw = _by_weight(x, delta, weight, *how, groups) if transposed else _by_weight(delta, x, weight, *how, groups)
    db = as_array(np.sum(delta, axis=(0, *range(2, delta.ndim)))) if mask[2] else None
    return dx, dw, db


def _by_weight(delta: Any, x: Any, weight: Any, stride: Any, padding: Any, dilation: Any, groups: int) -> Any:
    """Σ δ·x over all windows."""
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
    return np.concatenate(parts, axis=0)


WINDOWS: dict[str, Callable[..., Any]] = {
    "convolution": convolution,
    "convolution_backward": convolution_backward,
}
