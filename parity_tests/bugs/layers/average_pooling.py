"""Mistakes in a mean over windows; and what mistakes in any pooling are made of."""

from math import prod

import numpy as np

from manual import AvgPool2d, MaxPool2d
from parity_tests.bugs.registry import bug, mistakes


def windows(pool: MaxPool2d | AvgPool2d, delta):
    """For each window: its place among the windows, and where it lies in the padded picture."""
    (u, v), (s, t) = pool._kernel, pool._stride
    for i, j in np.ndindex(*delta.shape[2:]):
        yield (..., i, j), (..., slice(s * i, s * i + u), slice(t * j, t * j + v))


def padded(pool: MaxPool2d | AvgPool2d, a, value: float):
    (p, q) = pool._padding
    return np.pad(a, ((0, 0), (0, 0), (p, p), (q, q)), constant_values=value)


def cropped(pool: MaxPool2d | AvgPool2d, field, a):
    (p, q) = pool._padding
    return field[:, :, p : p + a.shape[2], q : q + a.shape[3]]


def filled(pool: AvgPool2d, a):
    """What part of each window lies in the picture."""
    return AvgPool2d.forward(pool, np.ones_like(a))[0]


def without_stride(layer, a):
    """The output of windows that lie one pixel apart."""
    close = layer.like(**layer.params)
    close._stride = 1, 1
    return type(layer).__bases__[0].forward(close, a)[0]


mistakes(AvgPool2d, [
    ("The stride is ignored in the forward pass", "y", "the stride is left out",
     {"forward": lambda self, a: (without_stride(self, a), AvgPool2d.forward(self, a)[1])}),
    ("The mean is over the pixels that are there, not over the padding (count_include_pad=False)", "y",
     "a convention: only pixels of the picture count",
     {"forward": lambda self, a: (AvgPool2d.forward(self, a)[0] / filled(self, a), a),
      "backward": lambda self, delta, a: AvgPool2d.backward(self, delta / filled(self, a), a)}),
    ("Padding counts in the forward pass, and not on the way back", "dx", "only pixels of the picture count",
     {"backward": lambda self, delta, a: AvgPool2d.backward(self, delta / filled(self, a), a)}),
    ("δ goes to every pixel undivided", "dx", "not divided by the size of the window",
     {"backward": lambda self, delta, a: AvgPool2d.backward(self, delta * prod(self._kernel), a)}),
    ("The sum of the window is taken for its mean", "y", "not divided by the size of the window",
     {"forward": lambda self, a: (AvgPool2d.forward(self, a)[0] * prod(self._kernel), a)}),
    ("δ is divided before it is dealt out, and again in each pixel", "dx", "divided twice by the size of the window",
     {"backward": lambda self, delta, a: AvgPool2d.backward(self, delta / prod(self._kernel), a)}),
    ("The sum is divided by the square of the kernel's height, as if it were a square", "y", "times 2/3",
     {"forward": lambda self, a: (AvgPool2d.forward(self, a)[0] * self._kernel[1] / self._kernel[0], a)}),
])  # fmt: skip


@bug("dx", "the first pixel of its window")
class _(AvgPool2d):
    """δ goes to the first pixel of the window alone."""

    def backward(self, delta, a):
        field = padded(self, np.zeros_like(a), 0)
        for place, window in windows(self, delta):
            field[window][..., 0, 0] += delta[place]
        return cropped(self, field, a), self


@bug("dx", "overlap")
class _(AvgPool2d):
    """Where windows overlap, = stands where += belongs: the last one wins."""

    def backward(self, delta, a):
        (u, v), field = self._kernel, padded(self, np.zeros_like(a), 0)
        for place, window in windows(self, delta):
            field[window] = delta[place][..., None, None] / (u * v)
        return cropped(self, field, a), self


@bug("dx", "the padding is left out")
class _(AvgPool2d):
    """The gradient of the padded picture is cropped at its first corner, not at the picture's."""

    def backward(self, delta, a):
        (u, v), (p, q) = self._kernel, self._padding
        field = np.pad(np.zeros_like(a), ((0, 0), (0, 0), (0, 2 * p), (0, 2 * q)))
        for place, window in windows(self, delta):
            field[window] += delta[place][..., None, None] / (u * v)
        return field[:, :, : a.shape[2], : a.shape[3]], self
