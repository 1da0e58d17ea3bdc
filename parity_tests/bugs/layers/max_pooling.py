"""Mistakes in a maximum over windows: ties, windows that overlap, where the largest pixel is."""

from itertools import product

import numpy as np

from manual import MaxPool2d
from parity_tests.bugs.layers.average_pooling import cropped, padded, windows, without_stride
from parity_tests.bugs.registry import bug, mistakes


def largest(window):
    """Where a window's maximum is, wherever it is."""
    return window == window.max(axis=(2, 3), keepdims=True)


def first(window):
    """Where a window's maximum is first, in reading order."""
    pixels = window.reshape(*window.shape[:2], -1)
    return (np.arange(pixels.shape[2]) == pixels.argmax(axis=2)[..., None]).reshape(window.shape)


def keeping_the_picture(self, a):
    """Forward as it is, but the cache has the picture, not its shape alone."""
    y, (_, winner) = MaxPool2d.forward(self, a)
    return y, (a, winner)


def dealt(share, summed=True):
    """The methods of a pooling that gives each pixel of a window its share of δ, as the window's pixels say."""

    def backward(self, delta, cache):
        a = cache[0]
        picture, field = padded(self, a, -np.inf), padded(self, np.zeros_like(a), 0)
        for place, window in windows(self, delta):
            part = share(picture[window]) * delta[place][..., None, None]
            field[window] = part + field[window] if summed else part
        return cropped(self, field, a), self

    return {"forward": keeping_the_picture, "backward": backward}


def corner(window):
    """The first pixel of a window."""
    return np.arange(window[0, 0].size).reshape(window.shape[2:]) == 0


mistakes(MaxPool2d, [
    ("The mask is returned, without the δ from above", "dx", "δ is left out",
     {"backward": lambda self, delta, cache: MaxPool2d.backward(self, np.ones_like(delta), cache)}),
    ("The stride is ignored in the forward pass", "y", "the stride is left out",
     {"forward": lambda self, a: (without_stride(self, a), MaxPool2d.forward(self, a)[1])}),
    ("In a tie δ is split equally", "dx", "a convention: a tie is split equally",
     dealt(lambda window: largest(window) / largest(window).sum(axis=(2, 3), keepdims=True))),
    ("In a tie every pixel has the whole δ, as a mask a == max has it", "dx",
     "a convention: in a tie every pixel has the whole δ", dealt(largest)),
    ("In a tie the last pixel has the δ: >= stands where > does", "dx", "a convention: only where values tie",
     dealt(lambda window: first(window[..., ::-1, ::-1])[..., ::-1, ::-1])),
    ("Every window is written over the ones before, mask times δ, zeros and all", "dx", "overlap",
     dealt(first, summed=False)),
    ("δ goes where δ, not the picture, is largest in the window: it is the same everywhere, so to the first pixel",
     "dx", "the first pixel of its window", dealt(corner)),
    ("Every pixel of the window has the δ, whether it won or not", "dx", "every pixel of its window",
     dealt(lambda window: np.ones(window.shape, bool))),
])  # fmt: skip


@bug("dx", "overlap")
class _(MaxPool2d):
    """Where windows overlap, = stands where += belongs, and the last one that a pixel won counts."""

    forward = keeping_the_picture

    def backward(self, delta, cache):
        a = cache[0]
        picture, field = padded(self, a, -np.inf), padded(self, np.zeros_like(a), 0)
        for n, c in np.ndindex(*a.shape[:2]):
            for i, j in np.ndindex(*delta.shape[2:]):
                (s, t), (u, v) = self._stride, self._kernel
                window = picture[n, c, s * i : s * i + u, t * j : t * j + v]
                x, y = divmod(int(window.argmax()), window.shape[1])
                field[n, c, s * i + x, t * j + y] = delta[n, c, i, j]
        return cropped(self, field, a), self


@bug("dx")
class _(MaxPool2d):
    """The number of the largest pixel is divided by the height of the kernel, not by its width."""

    forward = keeping_the_picture

    def backward(self, delta, cache):
        a = cache[0]
        (s, t), (u, v) = self._stride, self._kernel
        picture = padded(self, a, -np.inf)
        field = np.pad(np.zeros_like(picture), ((0, 0), (0, 0), (0, u * v), (0, u * v)))
        for (n, c), (i, j) in product(np.ndindex(*a.shape[:2]), np.ndindex(*delta.shape[2:])):
            x, y = divmod(int(picture[n, c, s * i : s * i + u, t * j : t * j + v].argmax()), u)
            field[n, c, s * i + x, t * j + y] += delta[n, c, i, j]
        return cropped(self, field, a), self


@bug("y", "the padding counts as 0")
class _(MaxPool2d):
    """The picture is padded with 0, which is more than a negative pixel."""

    def forward(self, a):
        bare = self.like()
        bare._padding = 0, 0
        y, (_, lead) = MaxPool2d.forward(bare, padded(self, a, 0))
        return y, (a, lead)

    def backward(self, delta, cache):
        bare = self.like()
        bare._padding = 0, 0
        field, _ = MaxPool2d.backward(bare, delta, (padded(self, cache[0], 0).shape, cache[1]))
        return cropped(self, field, cache[0]), self


@bug("dx", "the stride is left out")
class _(MaxPool2d):
    """The windows are taken to lie side by side, the stride to be the kernel's size."""

    forward = keeping_the_picture

    def backward(self, delta, cache):
        a, lead = cache
        side_by_side = self.like()
        side_by_side._stride, side_by_side._padding = self._kernel, (0, 0)
        field, _ = MaxPool2d.backward(side_by_side, delta, ((*a.shape[:2], 20, 20), lead))
        return cropped(self, field, a), self
