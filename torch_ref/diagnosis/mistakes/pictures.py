"""Wrong formulas of convolution and pooling."""

from collections.abc import Callable
from itertools import product
from math import prod
from typing import Any, NamedTuple

import numpy as np

import manual
from manual import Layer
from manual.numbers.checks import pair
from manual.numbers.correlation import correlate, correlate_pictures, turned
from manual.numbers.number_types import Array
from manual.numbers.windows import Pair, extent, window_count, window_slices
from torch_ref.diagnosis.mistakes.parameters import PARAMETERS, WITHOUT_DELTA, with_bias
from torch_ref.diagnosis.mistakes.passes import Backward, Forward, output, plain


def _turned(kernel: Any) -> Any:
    return kernel[:, :, ::-1, ::-1]


def _weight(layer: Any, x: Any, delta: Any, move: Callable[[Any], Any]) -> tuple[Any, Any]:
    dx, gradient = plain(layer, x, delta)
    return dx, gradient.like(weight=move(gradient.weight), bias=gradient.bias)


class _Windows(NamedTuple):
    """How large the windows of a picture are, how far apart, and how far they reach beyond its edge."""

    kernel: Pair
    stride: Pair
    padding: Pair


def _windows(layer: Any) -> _Windows:
    kernel = pair(layer, "kernel_size", layer.kernel_size, 1)
    stride = kernel if layer.stride is None else pair(layer, "stride", layer.stride, 1)
    return _Windows(kernel, stride, pair(layer, "padding", layer.padding, 0))


def _dilation(layer: Any) -> Pair:
    return pair(layer, "dilation", layer.dilation, 1)


def _padded(layer: Any, by: int) -> _Windows:
    kernel, stride, (p, q) = _windows(layer)
    return _Windows(kernel, stride, (p + by, q + by))


def _convolved(layer: Any, x: Any, size: Pair, windows: _Windows) -> Any:
    y = correlate(x, layer.weight, size, windows.stride, windows.padding, (1, 1), _dilation(layer))
    return y if layer.bias is None else y + layer.bias[:, None, None]


def _close(layer: Any, x: Any) -> Any:
    """Conv2d's output for windows that lie one pixel apart."""
    windows = _windows(layer)._replace(stride=(1, 1))
    covered = extent(windows.kernel, _dilation(layer))
    return _convolved(layer, x, window_count(layer, x.shape[2:], covered, *windows[1:]), windows)


def _shifted(layer: Any, x: Any, by: int) -> Any:
    """Conv2d's output, as large as ever, for windows that begin further out."""
    return _convolved(layer, x, output(layer, x).shape[2:], _padded(layer, by))


def _convolved_back(layer: Any, x: Any, delta: Any, windows: _Windows) -> tuple[Any, Any]:
    """Conv2d's equations, for other windows than the forward pass has."""
    kernel, stride, (p, q) = windows
    dilation, back = _dilation(layer), turned(layer.weight, layer.groups)
    u, v = extent(kernel, dilation)
    dx = correlate(delta, back, x.shape[2:], (1, 1), (u - 1 - p, v - 1 - q), stride, dilation)
    weight = correlate_pictures(x, delta, kernel, stride, (p, q), dilation, layer.groups)
    return dx, layer.like(weight=weight, bias=None if layer.bias is None else delta.sum(axis=(0, 2, 3)))


def _pool(layer: Any, stride: Pair, padding: Pair = (0, 0)) -> Any:
    """The same pooling through other windows."""
    return type(layer)(layer.kernel_size, stride, padding)


def _on_a_field(layer: Any, x: Any, delta: Any, stride: Pair, corner: Pair) -> tuple[Any, Any]:
    """δ as it is dealt out to windows that lie `stride` apart; the picture is cut out at `corner`."""
    cache, room = layer.forward(x)[1], max(stride) * max(delta.shape[2:]) + max(_windows(layer).kernel)
    field = np.pad(x, ((0, 0), (0, 0), (0, room), (0, room)), "constant")
    cache = (field.shape, cache[1]) if isinstance(layer, manual.MaxPool2d) else field
    dx, _ = _pool(layer, stride).backward(delta, cache)
    return dx[:, :, corner[0] : corner[0] + x.shape[2], corner[1] : corner[1] + x.shape[3]], layer


def _margin(layer: Any, x: Any) -> Any:
    """The picture with a margin of 0 in place of the layer's padding."""
    p, q = _windows(layer).padding
    return np.pad(x, ((0, 0), (0, 0), (p, p), (q, q)), "constant")


def _zero_padded(layer: Any, x: Any) -> tuple[Any, Any]:
    """The layer without padding, and the picture with a margin of 0 in its place."""
    return _pool(layer, _windows(layer).stride), _margin(layer, x)


def _cropped(layer: Any, field: Any, x: Any) -> Any:
    p, q = _windows(layer).padding
    return field[:, :, p : p + x.shape[2], q : q + x.shape[3]]


def _dealt(layer: Any, x: Any, delta: Any, some: slice) -> tuple[Any, Any]:
    """Undivided to these pixels of every window, in reading order."""
    (kernel, stride, _), field = _windows(layer), _margin(layer, np.zeros_like(x))
    for window in window_slices(kernel, stride, delta.shape[2:])[some]:
        field[window] += delta
    return _cropped(layer, field, x), layer


def _among_ties(layer: Any, x: Any, delta: Any, divided: bool) -> tuple[Any, Any]:
    """To every pixel of a window that is as large as the largest: an equal part, or the whole."""
    (kernel, stride, _), y = _windows(layer), output(layer, x)
    field, inside = _margin(layer, x), _margin(layer, np.ones(x.shape, bool))
    windows = window_slices(kernel, stride, delta.shape[2:])
    tied = [(field[window] == y) & inside[window] for window in windows]
    part, dx = delta / np.sum(tied, axis=0) if divided else delta, _margin(layer, np.zeros_like(x))
    for window, on in zip(windows, tied, strict=True):
        dx[window] += part * on
    return _cropped(layer, dx, x), layer


def _without_last(layer: Layer, x: Any, delta: Any, axis: int) -> tuple[Any, Any]:
    on = np.ones(delta.shape, bool)
    np.moveaxis(on, axis, 0)[-1] = False
    return plain(layer, x, delta * on)


def _overwritten(layer: Any, x: Any, delta: Any, zeros_too: bool) -> tuple[Any, Any]:
    """What a pixel has from the last window that it lies in, or from the last that gave it anything but 0.

    Windows i, i + m, i + 2m, … do not overlap if m is large enough: what each gave is read off one backward pass.
    """
    cache, dx, given = layer.forward(x)[1], np.zeros_like(x), {}
    windows = _windows(layer)
    m, n = (-(-k // s) for k, s in zip(windows.kernel, windows.stride, strict=True))
    for r, c in product(range(m), range(n)):
        on = np.zeros(delta.shape, bool)
        on[:, :, r::m, c::n] = True
        given[r, c] = layer.backward(delta * on, cache)[0]
    axes = zip(*windows, x.shape[2:], delta.shape[2:], strict=True)
    for i, j in product(*(_windows_over(*axis) for axis in axes)):
        for (r, c), part in given.items():
            here = np.broadcast_to(((i >= 0) & (i % m == r))[:, None] & (j >= 0) & (j % n == c), x.shape)
            here = here if zeros_too else here & (part != 0)
            dx = dx * ~here + part * here
    return dx, layer


def _windows_over(kernel: int, stride: int, padding: int, pixels: int, windows: int) -> list[Array]:
    """Along one axis, the numbers of the windows over each pixel, the first ones first; negative for none."""
    place = np.arange(pixels) + padding
    before = [place // stride - back for back in reversed(range(-(-kernel // stride)))]
    return [np.where(i < windows, i, -1) for i in before]


def _in_window(layer: Any) -> int:
    return prod(_windows(layer).kernel)


def _pixels_inside(layer: Any, x: Any) -> Array:
    """How many pixels of the picture each window has."""
    return np.rint(output(layer, np.ones(x.shape)) * _in_window(layer))


WINDOWS: list[tuple[str, Backward]] = [
    ("the last row of windows is left out", lambda f, x, d: _without_last(f, x, d, 2)),
    ("the last column of windows is left out", lambda f, x, d: _without_last(f, x, d, 3)),
    (
        "where windows overlap, the last one overwrites the others",
        lambda f, x, d: _overwritten(f, x, d, zeros_too=True),
    ),
]
CONVOLUTION: list[tuple[str, Backward]] = [
    *PARAMETERS,
    ("the kernel is turned by 180°", lambda f, x, d: plain(f.like(weight=_turned(f.weight), bias=f.bias), x, d)),
    ("the kernel is turned upside down", lambda f, x, d: plain(f.like(weight=f.weight[:, :, ::-1], bias=f.bias), x, d)),
    (
        "the kernel is turned left to right",
        lambda f, x, d: plain(f.like(weight=f.weight[..., ::-1], bias=f.bias), x, d),
    ),
    ("the kernel is turned by 180°", lambda f, x, d: _weight(f, x, d, _turned)),
    ("the channels are exchanged, in and out", lambda f, x, d: _weight(f, x, d, lambda w: w.transpose(1, 0, 2, 3))),
    ("δ is not summed over the pixels", lambda f, x, d: with_bias(f, x, d, d.sum(axis=0))),
    ("the stride is left out", lambda f, x, d: _convolved_back(f, x, d, _windows(f)._replace(stride=(1, 1)))),
    ("the padding is left out", lambda f, x, d: _convolved_back(f, x, d, _windows(f)._replace(padding=(0, 0)))),
    ("the padding is off by one: one less", lambda f, x, d: _convolved_back(f, x, d, _padded(f, -1))),
    ("the padding is off by one: one more", lambda f, x, d: _convolved_back(f, x, d, _padded(f, 1))),
    *WINDOWS,
]
POOLING: list[tuple[str, Backward]] = [
    *WITHOUT_DELTA,
    ("δ goes to the first pixel of its window", lambda f, x, d: _dealt(f, x, d, slice(1))),
    (
        "the stride is left out: the windows lie side by side",
        lambda f, x, d: _on_a_field(f, x, d, _windows(f).kernel, _windows(f).padding),
    ),
    ("the stride is left out", lambda f, x, d: _on_a_field(f, x, d, (1, 1), _windows(f).padding)),
    ("the padding is left out", lambda f, x, d: _on_a_field(f, x, d, _windows(f).stride, (0, 0))),
    *WINDOWS,
]
MAX_POOLING: list[tuple[str, Backward]] = [
    *POOLING,
    ("a convention: a tie is split equally", lambda f, x, d: _among_ties(f, x, d, divided=True)),
    ("a convention: in a tie every pixel has the whole δ", lambda f, x, d: _among_ties(f, x, d, divided=False)),
    ("δ goes to every pixel of its window", lambda f, x, d: _dealt(f, x, d, slice(None))),
    ("where windows overlap, the last one overwrites the "
     "others", lambda f, x, d: _overwritten(f, x, d, zeros_too=False)),
    ("the padding counts as 0, which is more than a negative pixel",
     lambda f, x, d: (_cropped(f, plain(*_zero_padded(f, x), d)[0], x), f)),
]  # fmt: skip
AVG_POOLING: list[tuple[str, Backward]] = [
    *POOLING,
    ("δ is not divided by the size of the window", lambda f, x, d: plain(f, x, d * _in_window(f))),
    ("δ is divided twice by the size of the window", lambda f, x, d: plain(f, x, d / _in_window(f))),
    (
        "a convention: only pixels of the picture count",
        lambda f, x, d: plain(f, x, d * _in_window(f) / _pixels_inside(f, x)),
    ),
]
STRIDES: list[tuple[str, Forward]] = [
    ("the stride is left out", lambda f, x: output(_pool(f, (1, 1), _windows(f).padding), x)),
    (
        "the stride is left out: the windows lie side by side",
        lambda f, x: output(_pool(f, _windows(f).kernel, _windows(f).padding), x),
    ),
]
PICTURES: dict[type[Layer], list[tuple[str, Forward]]] = {
    manual.Conv2d: [
        ("the kernel is turned by 180°: a convolution, not a correlation",
         lambda f, x: output(f.like(weight=_turned(f.weight), bias=f.bias), x)),
        ("the stride is left out", _close),
        ("the padding is off by one: one less", lambda f, x: _shifted(f, x, -1)),
        ("the padding is off by one: one more", lambda f, x: _shifted(f, x, 1)),
    ],
    manual.MaxPool2d: [
        *STRIDES,
        ("the padding counts as 0, which is more than a negative pixel", lambda f, x: output(*_zero_padded(f, x))),
    ],
    manual.AvgPool2d: [
        *STRIDES,
        ("it is not divided by the size of the window", lambda f, x: output(f, x) * _in_window(f)),
        ("a convention: only pixels of the picture count",
         lambda f, x: output(f, x) * _in_window(f) / _pixels_inside(f, x)),
    ],
}  # fmt: skip
