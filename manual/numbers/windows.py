"""The windows of a picture that convolution and pooling look through."""

from itertools import product
from typing import Any

from manual.numbers.checks import InputError, pair

Pair = tuple[int, int]


def window_count(
    owner: object, picture: tuple[int, ...], kernel: Pair, stride: Pair, padding: Pair, ceil: bool = False
) -> Pair:
    """How many windows fit below and beside each other: ⌊(H + 2p − U)/s⌋ + 1. With `ceil` it is rounded up, to windows
    that reach beyond the padding, as long as they begin before the picture's end.

    Raises:
        InputError: none fits.
    """
    rows, columns = map(windows_along, picture, kernel, stride, padding, (ceil, ceil))
    if rows < 1 or columns < 1 or 0 in picture:
        raise InputError(
            f"{owner!r}: expected pictures of at least the kernel's size, with their padding, got "
            f"{picture[0]}×{picture[1]}"
        )
    return rows, columns


def windows_along(n: int, k: int, s: int, p: int, ceil: bool) -> int:
    """The same along one axis."""
    if not ceil:
        return (n + 2 * p - k) // s + 1
    up = -((k - n - 2 * p) // s) + 1
    return up - ((up - 1) * s >= n + p)


def extent(kernel: tuple[int, ...], dilation: Pair) -> Pair:
    """How many rows and columns of a picture a kernel covers whose pixels are `dilation` apart."""
    (u, v), (d, e) = kernel, dilation
    return (u - 1) * d + 1, (v - 1) * e + 1


def check_groups(layer: Any) -> None:
    """Raise InputError unless a convolution's groups divide both numbers of channels."""
    for name in ("in_channels", "out_channels"):
        if (n := getattr(layer, name)) % layer.groups:
            raise InputError(f"{type(layer).__name__}: groups must divide {name}, got {layer.groups} and {n}")


def pad_widths(picture: tuple[int, ...], size: tuple[int, ...], kernel: Pair, stride: Pair, padding: Pair) -> Any:
    """How much stands before and behind the rows, and the columns, of a picture: the padding, or more where the last of
    so many windows reaches beyond it."""
    sides = zip(picture, size, kernel, stride, padding, strict=True)
    return tuple((p, max(p, (windows - 1) * s + k - p - n)) for n, windows, k, s, p in sides)


def same_padding(layer: Any, kernel: tuple[int, ...], stride: tuple[int, ...]) -> tuple[int, ...] | None:
    """A convolution's padding where it is a word: "valid", which is none, or "same", with which the output has the
    input's size; of an odd number the smaller half stands before. None where it is a number.

    Raises:
        InputError: it is another word; "same" with a stride.
    """
    word = layer.padding
    if not isinstance(word, str):
        return None
    name = type(layer).__name__
    if word not in ("same", "valid"):
        raise InputError(f"{name}: padding must be 'same', 'valid' or a number, got {word!r}")
    if word == "same" and {*stride} != {1}:
        raise InputError(f"{name}: padding='same' needs a stride of 1, got {layer.stride!r}")
    return tuple((k - 1) // 2 if word == "same" else 0 for k in kernel)


def pool_arguments(layer: Any) -> tuple[Pair, Pair, Pair]:
    """A pooling layer's kernel, stride (None: the kernel's size) and padding, as pairs.

    Raises:
        InputError: one of them cannot be; the padding is more than half of the kernel.
    """
    kernel = pair(layer, "kernel_size", layer.kernel_size, 1)
    stride = kernel if layer.stride is None else pair(layer, "stride", layer.stride, 1)
    padding = pair(layer, "padding", layer.padding, 0)
    if any(2 * p > k for p, k in zip(padding, kernel, strict=True)):
        name = type(layer).__name__
        raise InputError(f"{name}: padding must be at most half of kernel_size {layer.kernel_size}, "
                         f"got {layer.padding}")
    return kernel, stride, padding


def window_slices(kernel: Pair, stride: Pair, size: tuple[int, ...]) -> list[tuple[slice, ...]]:
    """For each pixel of a window, in reading order: its place in all windows at once, as an index of (N, C, H, W)."""
    (u, v), (s, t), every = kernel, stride, slice(None)
    return [
        (every, every, slice(i, i + s * size[0], s), slice(j, j + t * size[1], t))
        for i, j in product(range(u), range(v))
    ]
