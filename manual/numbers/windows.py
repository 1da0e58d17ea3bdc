"""The windows of a picture that convolution and pooling look through."""

from itertools import product
from typing import Any

from manual.numbers.checks import InputError, pair

Pair = tuple[int, int]


def window_count(owner: object, picture: tuple[int, ...], kernel: Pair, stride: Pair, padding: Pair) -> Pair:
    """How many windows fit below and beside each other: ⌊(H + 2p − U)/s⌋ + 1.

    Raises:
        InputError: none fits.
    """
    rows, columns = ((n + 2 * p - k) // s + 1 for n, k, s, p in zip(picture, kernel, stride, padding, strict=True))
    if rows < 1 or columns < 1:
        raise InputError(
            f"{owner!r}: expected pictures of at least the kernel's size, with their padding, got "
            f"{picture[0]}×{picture[1]}"
        )
    return rows, columns


def pooled(layer: Any) -> tuple[Pair, Pair, Pair]:
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


def pixels(kernel: Pair, stride: Pair, size: tuple[int, ...]) -> list[tuple[slice, ...]]:
    """For each pixel of a window, in reading order: its place in all windows at once, as an index of (N, C, H, W)."""
    (u, v), (s, t), every = kernel, stride, slice(None)
    return [
        (every, every, slice(i, i + s * size[0], s), slice(j, j + t * size[1], t))
        for i, j in product(range(u), range(v))
    ]
