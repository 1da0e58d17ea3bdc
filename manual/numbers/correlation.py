"""Correlation of pictures with kernels: what a convolution and its two gradients are made of.

    y[n,o,i,j] = Σ_{c,u,v} x[n,c, s·i + d·u, s·j + d·v] k[o,c,u,v]        stride s, dilation d

It is a matrix product once the windows of x are the rows of a matrix. Four things make that fast:

1. The windows overlap, so that their matrix is larger than x by the size of the kernel. It is made for a few pictures
   at a time, or a few rows of one, few enough to stay in the processor's cache.
2. The windows one row further down see the same rows of the picture but one. So only what a row of a window sees is
   copied, for every row of the picture, and each row u of the kernel has a product with those that it meets:
   y = Σ_u seen[u :] k[u].
3. What is copied in one go should be long. Channels lie last in memory: a window's row is V·C numbers in a row.
4. If that is shorter than a row of outputs, as with the three colours of a photograph, the picture lies in planes
   instead, channel after channel: of those a whole row is copied in one go, and whole windows are.

Source: Chellapilla, Puri & Simard, "High Performance Convolutional Neural Networks for Document Processing", 2006.
"""

from collections.abc import Iterator

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from manual.numbers.number_types import Array, bilinear
from manual.numbers.windows import Pair, extent

TILE = 2**17  # numbers of the matrix at a time: half a megabyte in float32


@bilinear
def correlate(
    x: Array, k: Array, size: Pair, stride: Pair, origin: Pair, spread: Pair = (1, 1), dilation: Pair = (1, 1)
) -> Array:
    """(N, O, *size): pictures x (N, C, H, W) with kernels k (O, C, U, V), each window `stride` after the last one, and
    its pixels `dilation` apart.

    The pictures lie on a field of zeros: their first pixel at `origin` (where the first window begins is 0, 0), and
    each further one `spread` from the one before. What lies outside of all windows is left out.

    Of kernels (O, C/groups, U, V) each group sees its own channels alone.
    """
    if (groups := x.shape[1] // k.shape[1]) > 1:
        parts = zip(np.split(x, groups, axis=1), np.split(k, groups), strict=True)
        each = [correlate(own, kernels, size, stride, origin, spread, dilation) for own, kernels in parts]
        return np.concatenate(each, axis=1)
    y = np.empty((len(x), *size, len(k)), x.dtype)
    for tile, seen in _tiles(x, k.shape[2:], size, stride, origin, spread, dilation):
        weights = k.transpose(2, 3, 1, 0).reshape(len(seen), -1, len(k))
        z = y[tile].reshape(*seen[0].shape[:2], -1)
        np.matmul(seen[0], weights[0], out=z)
        for u in range(1, len(seen)):
            z += seen[u] @ weights[u]
    return y.transpose(0, 3, 1, 2)


@bilinear
def correlate_pictures(
    x: Array, delta: Array, kernel: Pair, stride: Pair, origin: Pair, dilation: Pair = (1, 1), groups: int = 1
) -> Array:
    """(O, C/groups, *kernel): what the kernels of `correlate` met, weighed by δ (N, O, I, J), over all pictures and
    windows.

        k[o,c,u,v] = Σ_{n,i,j} δ[n,o,i,j] x[n,c, s·i + d·u, s·j + d·v]
    """
    if groups > 1:
        parts = zip(np.split(x, groups, axis=1), np.split(delta, groups, axis=1), strict=True)
        return np.concatenate([correlate_pictures(*part, kernel, stride, origin, dilation) for part in parts])
    weights = delta.transpose(0, 2, 3, 1)
    met = np.zeros((kernel[0], kernel[1] * x.shape[1], delta.shape[1]), x.dtype)
    for tile, seen in _tiles(x, kernel, delta.shape[2:], stride, origin, (1, 1), dilation):
        z = weights[tile].reshape(*seen[0].shape[:2], -1)
        for u, part in enumerate(met.reshape(len(seen), -1, delta.shape[1])):
            part += (seen[u].transpose(0, 2, 1) @ z).sum(axis=0)
    return met.reshape(*kernel, x.shape[1], -1).transpose(3, 2, 0, 1)


def turned(k: Array, groups: int = 1) -> Array:
    """The kernels with which δ goes back: (C, O/groups, U, V), turned by 180°."""
    out, channels, *size = k.shape
    swapped = k.reshape(groups, out // groups, channels, *size).transpose(0, 2, 1, 3, 4)
    return swapped.reshape(groups * channels, out // groups, *size)[:, :, ::-1, ::-1]


def _tiles(
    x: Array, kernel: tuple[int, ...], size: tuple[int, ...], stride: Pair, origin: Pair, spread: Pair, dilation: Pair
) -> Iterator[tuple[tuple[slice, slice], list[Array]]]:
    """((pictures, rows of y), what the windows there see): for each row u of the kernel a matrix (pictures, rows · J,
    V·C), or, of pictures that lie in planes, one (pictures, rows · J, U·V·C). They are there until the next tile.
    """
    planes = kernel[1] * x.shape[1] < size[1]  # a row of a window is shorter than a row of outputs
    # numbers of the matrix for a row of outputs
    row = size[1] * kernel[1] * x.shape[1] * (kernel[0] if planes else stride[0])
    rows = min(size[0], max(1, TILE // row))
    n = max(1, min(len(x), TILE // (rows * row)))
    for top in range(0, size[0], rows):
        block, start = (min(rows, size[0] - top), size[1]), (origin[0] - stride[0] * top, origin[1])
        for pictures, seen in _seen(x, n, planes, kernel, block, stride, start, spread, dilation):
            yield (pictures, slice(top, top + rows)), seen


def _seen(
    x: Array, n: int, planes: bool, kernel: tuple[int, ...], size: Pair, stride: Pair, origin: Pair, spread: Pair,
    dilation: Pair,
) -> Iterator[tuple[slice, list[Array]]]:
    """n pictures at a time, and what all their windows see. Memory is taken once, and used again for the next n."""
    channels, (u, v), (s, t), (d, e), (down, across) = x.shape[1], kernel, stride, dilation, extent(kernel, dilation)
    height, width = (size[0] - 1) * s + down, (size[1] - 1) * t + across
    taken_rows, field_rows = _landing(x.shape[2], origin[0], spread[0], height)
    taken_columns, field_columns = _landing(x.shape[3], origin[1], spread[1], width)
    if planes:
        field = np.zeros((n, channels, height, width), x.dtype)
        windows = sliding_window_view(field, (down, across), axis=(2, 3))[:, :, ::s, ::t, ::d, ::e]
        windows = windows.transpose(0, 4, 5, 1, 2, 3)
    else:
        field = np.zeros((n, height, width, channels), x.dtype).transpose(0, 3, 1, 2)
        windows = sliding_window_view(field, across, axis=3)[:, :, :, ::t, ::e].transpose(0, 2, 3, 4, 1)
    copy = np.empty(windows.shape, x.dtype)
    for first in range(0, len(x), n):
        some = x[first : first + n, :, taken_rows, taken_columns]
        m = len(some)
        field[:m, :, field_rows, field_columns] = some
        copy[:m] = windows[:m]
        if planes:
            seen = [copy[:m].reshape(m, u * v * channels, -1).transpose(0, 2, 1)]
        else:
            seen = [copy[:m, i : i + s * size[0] : s].reshape(m, -1, v * channels) for i in range(0, down, d)]
        yield slice(first, first + m), seen


def _landing(n: int, origin: int, spread: int, field: int) -> tuple[slice, slice]:
    """Which of n pixels at origin, origin + spread, … land on the field, and where."""
    first = max(0, -(origin // spread))
    end = max(first, min(n, (field - 1 - origin) // spread + 1))
    return slice(first, end), slice(origin + spread * first, origin + spread * end, spread)
