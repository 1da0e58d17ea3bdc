from collections.abc import Iterator
from dataclasses import KW_ONLY

import numpy as np

from manual.layer import Layer
from manual.numbers.checks import Flag, InputError, floats
from manual.numbers.number_types import Array, greater
from manual.numbers.one_example import takes_one
from manual.numbers.windows import Pair, pad_widths, pool_arguments, window_count, window_slices

Cache = tuple[tuple[int, ...], Array | int]


@takes_one(4)
class MaxPool2d(Layer, without={"dilation": 1, "return_indices": False}):
    """The largest number of each window of each channel.

        y[c,i,j] = max_{u,v} a[c, s·i + u − p, s·j + v − p]        what lies outside of the picture never wins

        a (N, C, H, W), y (N, C, I, J), I = ⌊(H + 2p − U)/s⌋ + 1, J likewise

        ∂C/∂a[c,x,y] = Σ δ[c,i,j], over the windows i, j that pixel x, y won: y moves with it there, and with no other

    In a tie the derivative is not defined. As in torch, the first in reading order wins: the pixels of a window are
    gone through, and one takes the lead if it is greater than all before it; the last to take the lead wins. (A NaN
    wins; of several, as in torch, the last.)

    Kernel size, stride s (None: the kernel's size) and padding p are an integer, or a pair for rows and columns. With
    ceil_mode I is rounded up: a last window may reach beyond the edge. One picture (C, H, W) is a batch of one.

    Raises:
        InputError: kernel_size, stride or padding is neither an integer nor a pair of them, or too small; padding is
            more than half the kernel; ceil_mode is not a flag; the input is not (N, C, H, W), not of floats, or smaller
            than the kernel.
        Undecided: numbers that leave open which is the greater.
    Source: Ranzato et al., "Unsupervised Learning of Invariant Feature Hierarchies", 2007. Same as torch.nn.MaxPool2d
    (without dilation and return_indices).
    """

    kernel_size: int | Pair
    stride: int | Pair | None = None
    padding: int | Pair = 0
    _: KW_ONLY
    ceil_mode: Flag = False

    def __post_init__(self) -> None:
        self._kernel, self._stride, self._padding = pool_arguments(self)

    def forward(self, a: Array, /) -> tuple[Array, Cache]:
        floats(self, a)
        if a.ndim != 4:
            raise InputError(f"{self!r}: expected an array of shape (N, C, H, W), got shape {a.shape}")
        size = window_count(self, a.shape[2:], self._kernel, self._stride, self._padding, self.ceil_mode)
        field = self._pad(a, size)
        y, *others = (field[window] for window in window_slices(self._kernel, self._stride, size))
        winner, small = 0, np.min_scalar_type(len(others)).type  # one byte is enough for most windows' pixels
        for number, pixel in enumerate(others, 1):
            winner = np.maximum(winner, greater(pixel, y) * small(number))
            y = np.maximum(y, pixel)
        if isinstance(a, np.ndarray) and a.dtype.kind == "f" and np.isnan(y).any():
            sides = pad_widths(a.shape[2:], size, self._kernel, self._stride, self._padding)
            nan = np.pad(np.isnan(a), ((0, 0), (0, 0), *sides))
            for number, window in enumerate(window_slices(self._kernel, self._stride, size)):
                winner = np.where(nan[window], small(number), winner)
        return y, (a.shape, winner)

    def backward(self, delta: Array, cache: Cache, /) -> tuple[Array, "MaxPool2d"]:
        shape, winner = cache
        field = self._pad(np.zeros_like(delta, shape=shape), delta.shape[2:])
        for number, window in enumerate(window_slices(self._kernel, self._stride, delta.shape[2:])):
            field[window] += delta * (winner == number)
        return self._fold(field, shape), self

    def _pad(self, a: Array, size: tuple[int, ...]) -> Array:
        """The picture with its edge repeated. No maximum changes: who sees the copy also sees the pixel."""
        sides = pad_widths(a.shape[2:], size, self._kernel, self._stride, self._padding)
        return np.pad(a, ((0, 0), (0, 0), *sides), "edge") if sides != ((0, 0), (0, 0)) else a

    def _fold(self, field: Array, shape: tuple[int, ...]) -> Array:
        """What the repeated pixels were given belongs to the pixels on the edge: those above and left of it. A
        repeated pixel below or right of it never wins, as the edge is gone through before.
        """
        p, q = self._padding
        if p:
            field[:, :, p] += field[:, :, :p].sum(axis=2)
        if q:
            field[..., q] += field[..., :q].sum(axis=3)
        return field[:, :, p : p + shape[2], q : q + shape[3]]


def examples(rng: np.random.Generator) -> Iterator[tuple[MaxPool2d, Array]]:
    yield MaxPool2d(2), rng.standard_normal((2, 2, 4, 5))
    yield MaxPool2d((3, 2), stride=(1, 2), padding=(1, 0)), rng.standard_normal((2, 1, 4, 4))
    yield MaxPool2d(3, 2, 1), rng.standard_normal((1, 2, 5, 5))
    yield MaxPool2d(2), rng.integers(0, 2, (3, 2, 6, 6)) + rng.integers(0, 2, (3, 2, 6, 6)) / 2  # ties
    yield MaxPool2d((2, 3), 2, (0, 1), ceil_mode=True), rng.standard_normal((1, 2, 5, 4))
