"""Correlation of pictures with kernels: what a convolution and its two gradients are made of.

    y[n,o,i,j] = Σ_{c,u,v} x[n,c, s·i + u, s·j + v] k[o,c,u,v]

Every window of x becomes a row of a matrix, so that all windows times all kernels is one matrix product. The windows overlap,
and the matrix is larger than x by the size of the kernel; so it is made for a few pictures at a time, few enough to stay in the
processor's cache. Channels lie last in memory: what belongs to one row of a window is then one piece, copied at once.

Source: Chellapilla, Puri & Simard, "High Performance Convolutional Neural Networks for Document Processing", 2006.
"""

from collections.abc import Iterator

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from manual.number_types import Array, bilinear
from manual.windows import Pair

TILE = 2**18  # numbers of the matrix at a time: 1 MB in float32


@bilinear
def correlate(x: Array, k: Array, size: Pair, stride: Pair, origin: Pair, spread: Pair = (1, 1)) -> Array:
    """(N, O, *size): the pictures x (N, C, H, W) with the kernels k (O, C, U, V), each window `stride` from the one before.

    The pictures lie on a field of zeros: their first pixel at `origin` (where the first window begins is 0, 0), and each
    further one `spread` from the one before. What lies outside of all windows is left out.
    """
    channels_last = k.transpose(2, 3, 1, 0).reshape(-1, len(k))
    y = np.empty((len(x), *size, len(k)), x.dtype)
    for pictures, windows in _tiles(x, k.shape[2:], size, stride, origin, spread):
        np.matmul(windows, channels_last, out=y[pictures].reshape(-1, len(k)))
    return y.transpose(0, 3, 1, 2)


@bilinear
def correlate_pictures(x: Array, delta: Array, kernel: Pair, stride: Pair, origin: Pair) -> Array:
    """(O, C, *kernel): what the kernels of `correlate` met, weighed by δ (N, O, I, J), over all pictures and windows.

        k[o,c,u,v] = Σ_{n,i,j} δ[n,o,i,j] x[n,c, s·i + u, s·j + v]
    """
    weights = delta.transpose(0, 2, 3, 1)
    met = np.zeros((kernel[0] * kernel[1] * x.shape[1], delta.shape[1]), x.dtype)
    for pictures, windows in _tiles(x, kernel, delta.shape[2:], stride, origin, (1, 1)):
        met += windows.T @ weights[pictures].reshape(-1, delta.shape[1])
    return met.reshape(*kernel, x.shape[1], -1).transpose(3, 2, 0, 1)


def _tiles(
    x: Array, kernel: tuple[int, ...], size: tuple[int, ...], stride: Pair, origin: Pair, spread: Pair
) -> Iterator[tuple[slice, Array]]:
    """A few pictures at a time, and their windows as rows: (pictures, (pictures · size, kernel · C))."""
    channels, step = x.shape[1], max(1, TILE // (x.shape[1] * size[0] * size[1] * kernel[0] * kernel[1]))
    height, width = ((n - 1) * s + k for n, s, k in zip(size, stride, kernel, strict=True))
    rows, field_rows = _landing(x.shape[2], origin[0], spread[0], height)
    columns, field_columns = _landing(x.shape[3], origin[1], spread[1], width)
    x = x.transpose(0, 2, 3, 1)[:, rows, columns]
    field = np.zeros((min(step, len(x)), height, width, channels), x.dtype)
    for first in range(0, len(x), step):
        some = x[first : first + step]
        field[: len(some), field_rows, field_columns] = some
        windows = sliding_window_view(field[: len(some)], kernel, axis=(1, 2))[:, :: stride[0], :: stride[1]]  # pyright: ignore
        yield slice(first, first + step), windows.transpose(0, 1, 2, 4, 5, 3).reshape(-1, kernel[0] * kernel[1] * channels)


def _landing(n: int, origin: int, spread: int, field: int) -> tuple[slice, slice]:
    """Which of n pixels at origin, origin + spread, … land on the field, and where."""
    first = max(0, -(origin // spread))
    end = max(first, min(n, (field - 1 - origin) // spread + 1))
    return slice(first, end), slice(origin + spread * first, origin + spread * end, spread)
