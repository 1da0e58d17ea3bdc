from collections.abc import Iterator
from typing import Any

import numpy as np

from manual.layer import Layer
from manual.numbers.checks import Flag, floats, mismatch, whole
from manual.numbers.number_types import Array
from manual.numbers.one_example import takes_one
from manual.numbers.windows import Pair, pad_widths, pool_arguments, window_count, window_slices


@takes_one(4)
class AvgPool2d(Layer):
    """The mean of each window of each channel.

        y[c,i,j] = 1/n Σ_{u,v} a[c, s·i + u − p, s·j + v − p]        n = U·V; a is 0 outside of the picture, and counts

        a (N, C, H, W), y (N, C, I, J), I = ⌊(H + 2p − U)/s⌋ + 1, J likewise

        ∂C/∂a[c,x,y] = Σ δ[c,i,j] / n, over the windows i, j that pixel x, y lies in: each took an equal part of it

    Kernel size, stride s (None: the kernel's size) and padding p are an integer, or a pair for rows and columns. With
    ceil_mode I is rounded up: a last window may reach beyond the padding, where nothing counts. Without
    count_include_pad the padding does not count either; divisor_override is n itself. One picture (C, H, W) is a batch
    of one.

    Raises:
        InputError: kernel_size, stride or padding is neither an integer nor a pair of them, or too small; padding is
            more than half the kernel; ceil_mode or count_include_pad is not a flag; divisor_override is neither None
            nor an integer >= 1; the input is not (N, C, H, W), not of floats, or smaller than the kernel.
    Source: LeCun et al., "Gradient-Based Learning Applied to Document Recognition", 1998. Same as torch.nn.AvgPool2d.
    """

    kernel_size: int | Pair
    stride: int | Pair | None = None
    padding: int | Pair = 0
    ceil_mode: Flag = False
    count_include_pad: Flag = True
    divisor_override: int | None = None

    def __post_init__(self) -> None:
        self._kernel, self._stride, self._padding = pool_arguments(self)
        if self.divisor_override is not None:
            whole(self, "divisor_override", self.divisor_override, 1)

    def forward(self, a: Array, /) -> tuple[Array, Array]:
        floats(self, a)
        if a.ndim != 4:
            raise mismatch(self, "(N, C, H, W)", "float", a)
        size = window_count(self, a.shape[2:], self._kernel, self._stride, self._padding, self.ceil_mode)
        sides = pad_widths(a.shape[2:], size, self._kernel, self._stride, self._padding)
        field = np.pad(a, ((0, 0), (0, 0), *sides), "constant") if sides != ((0, 0), (0, 0)) else a
        first, *others = (field[window] for window in window_slices(self._kernel, self._stride, size))
        total = first.copy()
        for pixel in others:
            total += pixel
        total /= self._counted(a, size)
        return total, a

    def backward(self, delta: Array, a: Array, /) -> tuple[Array, "AvgPool2d"]:
        (p, q), size = self._padding, delta.shape[2:]
        sides = pad_widths(a.shape[2:], size, self._kernel, self._stride, self._padding)
        field = np.pad(np.zeros_like(a), ((0, 0), (0, 0), *sides), "constant")
        part = delta / self._counted(a, size)
        for window in window_slices(self._kernel, self._stride, size):
            field[window] += part
        return field[:, :, p : p + a.shape[2], q : q + a.shape[3]], self

    def _counted(self, a: Array, size: tuple[int, ...]) -> Any:
        """n: how many pixels of each window count; one number where it is the same for all."""
        if self.divisor_override is not None or (self.count_include_pad and not self.ceil_mode):
            return self.divisor_override or self._kernel[0] * self._kernel[1]
        counts = []
        for side, windows, k, s, p in zip(a.shape[2:], size, self._kernel, self._stride, self._padding, strict=True):
            first = np.arange(windows) * s - p
            begin, end = (-p, side + p) if self.count_include_pad else (0, side)
            counts.append(np.minimum(first + k, end) - np.maximum(first, begin))
        return np.outer(*counts).astype(a.dtype)


def examples(rng: np.random.Generator) -> Iterator[tuple[AvgPool2d, Array]]:
    yield AvgPool2d(2), rng.standard_normal((2, 2, 4, 5))
    yield AvgPool2d((3, 2), stride=(1, 2), padding=(1, 0)), rng.standard_normal((2, 1, 4, 4))
    yield AvgPool2d(2, ceil_mode=True), rng.standard_normal((1, 2, 3, 5))
    yield AvgPool2d(3, 2, 1, count_include_pad=False), rng.standard_normal((1, 1, 4, 5))
    yield AvgPool2d(2, 1, divisor_override=3), rng.standard_normal((1, 1, 3, 3))
    yield AvgPool2d(3, 2, 1), rng.standard_normal((1, 2, 5, 5))
