from collections.abc import Iterator

import numpy as np

from manual.layer import Layer
from manual.numbers.checks import floats, mismatch
from manual.numbers.number_types import Array
from manual.numbers.windows import Pair, pixels, pooled, window_count


class AvgPool2d(Layer):
    """The mean of each window of each channel.

        y[c,i,j] = 1/(U·V) Σ_{u,v} a[c, s·i + u − p, s·j + v − p]        a is 0 outside of the picture, and counts there

        a (N, C, H, W), y (N, C, I, J), I = ⌊(H + 2p − U)/s⌋ + 1, J likewise

        ∂C/∂a[c,x,y] = 1/(U·V) Σ δ[c,i,j], over the windows i, j that pixel x, y lies in: each took an equal part of it

    Kernel size, stride s (None: the kernel's size) and padding p are an integer, or a pair for rows and columns.

    Raises:
        InputError: kernel_size, stride or padding is neither an integer nor a pair of them, or too small; padding is
            more than half the kernel; the input is not (N, C, H, W), not of floats, or smaller than the kernel.
    Source: LeCun et al., "Gradient-Based Learning Applied to Document Recognition", 1998. Same as torch.nn.AvgPool2d
    (without ceil_mode, count_include_pad and divisor_override).
    """

    kernel_size: int | Pair
    stride: int | Pair | None = None
    padding: int | Pair = 0

    def __post_init__(self) -> None:
        self._kernel, self._stride, self._padding = pooled(self)

    def forward(self, a: Array, /) -> tuple[Array, Array]:
        floats(self, a)
        if a.ndim != 4:
            raise mismatch(self, "(N, C, H, W)", "float", a)
        size = window_count(self, a.shape[2:], self._kernel, self._stride, self._padding)
        (p, q), (u, v) = self._padding, self._kernel
        field = np.pad(a, ((0, 0), (0, 0), (p, p), (q, q)), "constant") if p or q else a
        first, *others = (field[window] for window in pixels(self._kernel, self._stride, size))
        total = first.copy()
        for pixel in others:
            total += pixel
        total /= u * v
        return total, a

    def backward(self, delta: Array, a: Array, /) -> tuple[Array, "AvgPool2d"]:
        (p, q), (u, v) = self._padding, self._kernel
        field = np.pad(np.zeros_like(a), ((0, 0), (0, 0), (p, p), (q, q)), "constant")
        part = delta / (u * v)
        for window in pixels(self._kernel, self._stride, delta.shape[2:]):
            field[window] += part
        return field[:, :, p : p + a.shape[2], q : q + a.shape[3]], self


def examples(rng: np.random.Generator) -> Iterator[tuple[AvgPool2d, Array]]:
    yield AvgPool2d(2), rng.standard_normal((2, 2, 4, 5))
    yield AvgPool2d((3, 2), stride=(1, 2), padding=(1, 0)), rng.standard_normal((2, 1, 4, 4))
    yield AvgPool2d(3, 2, 1), rng.standard_normal((1, 2, 5, 5))
