from collections.abc import Iterator
from dataclasses import KW_ONLY, InitVar
from typing import Any

import numpy as np

from manual.described import parameter
from manual.layer import Layer
from manual.numbers.checks import InputError, Size, flag, generator, mismatch, pair
from manual.numbers.correlation import correlate, correlate_pictures
from manual.numbers.number_types import Array
from manual.numbers.one_example import takes_one
from manual.numbers.windows import Pair


@takes_one(4)
class ConvTranspose2d(Layer, without={"dilation": 1, "groups": 1, "padding_mode": "zeros"}):
    """A convolution's way back as a layer: each pixel lays its kernel, times itself, onto a larger picture.

        z[o, s·i + u − p, s·j + v − p] += W[c,o,u,v] a[c,i,j]        summed over c and all i, j, u, v; and b[o] is added

        a (N, C, H, W), W (C, O, U, V), b (O,), z (N, O, I, J), I = (H − 1) s − 2p + U + q, J likewise

    It is the transposed matrix of the Conv2d of the same kernel, so that forward and backward change places:

        ∂C/∂a[c,i,j]   = Σ_{o,u,v} W[c,o,u,v] δ[o, s·i + u − p, s·j + v − p]     equation 2: Conv2d's forward, of δ
        ∂C/∂W[c,o,u,v] = Σ_{n,i,j} a[c,i,j] δ[o, s·i + u − p, s·j + v − p]       equation 4: what each weight met
        ∂C/∂b[o]       = Σ_{n,x,y} δ[o,x,y]                                      equation 3

    Kernel size, stride s, padding p and output_padding q are an integer, or a pair for rows and columns. The padding
    is cut off from z; q rows and columns are added below and on the right, as several sizes of a picture have the same
    convolution. One picture (C, H, W) is a batch of one. Weight and bias start as torch's do, uniform in ±1/√(O·U·V).

    Raises:
        InputError: in_channels or out_channels is not an integer >= 1; kernel_size, stride, padding or output_padding
            is neither an integer nor a pair of them, or too small, or output_padding is not below the stride; bias is
            not a flag; rng is not a Generator; the input is not (N, C, H, W), not of the weight's dtype, or nothing is
            left of the output.
    Source: Zeiler et al., "Deconvolutional Networks", 2010. Same as torch.nn.ConvTranspose2d (without groups, dilation,
    padding_mode and output_size).
    """

    in_channels: Size
    out_channels: Size
    kernel_size: int | Pair
    stride: int | Pair = 1
    padding: int | Pair = 0
    output_padding: int | Pair = 0
    weight: Array = parameter()
    _: KW_ONLY
    bias: Any = parameter(default=True)  # the flag goes in, the array (or None) comes out
    rng: InitVar[np.random.Generator]

    def __post_init__(self, rng: np.random.Generator) -> None:
        channels = self.in_channels, self.out_channels
        self._kernel = pair(self, "kernel_size", self.kernel_size, 1)
        self._stride, self._padding = pair(self, "stride", self.stride, 1), pair(self, "padding", self.padding, 0)
        self._more = pair(self, "output_padding", self.output_padding, 0)
        if any(q >= s for q, s in zip(self._more, self._stride, strict=True)):
            raise InputError(f"ConvTranspose2d: output_padding must be below stride {self.stride}, "
                             f"got {self.output_padding}")
        k, rng = (channels[1] * self._kernel[0] * self._kernel[1]) ** -0.5, generator(self, rng)
        self.weight = rng.uniform(-k, k, (*channels, *self._kernel))
        self.bias = rng.uniform(-k, k, channels[1]) if flag(self, "bias", self.bias) else None

    def forward(self, a: Array, /) -> tuple[Array, Array]:
        W, b, (u, v), (p, q) = self.weight, self.bias, self._kernel, self._padding
        if getattr(a, "dtype", 0) != W.dtype or a.ndim != 4 or a.shape[1] != W.shape[0]:
            raise mismatch(self, f"(N, {self.in_channels}, H, W)", W.dtype, a)
        how = zip(a.shape[2:], self._stride, self._padding, self._kernel, self._more, strict=True)
        rows, columns = ((n - 1) * s - 2 * pad + k + more for n, s, pad, k, more in how)
        if rows < 1 or columns < 1:
            raise InputError(f"{self!r}: nothing is left of the output but its padding, got {a.shape[2]}×{a.shape[3]}")
        turned = W[:, :, ::-1, ::-1].transpose(1, 0, 2, 3)
        z = correlate(a, turned, (rows, columns), (1, 1), (u - 1 - p, v - 1 - q), self._stride)
        return (z if b is None else z + b[:, None, None]), a

    def backward(self, delta: Array, a: Array, /) -> tuple[Array, "ConvTranspose2d"]:
        da = correlate(delta, self.weight, a.shape[2:], self._stride, self._padding)
        return da, self.gradient(delta, a)

    def gradient(self, delta: Array, a: Array, /) -> "ConvTranspose2d":
        dW = correlate_pictures(delta, a, self._kernel, self._stride, self._padding)
        return self.like(weight=dW, bias=None if self.bias is None else delta.sum(axis=(0, 2, 3)))


def examples(rng: np.random.Generator) -> Iterator[tuple[ConvTranspose2d, Array]]:
    yield ConvTranspose2d(2, 3, 2, stride=2, rng=rng), rng.standard_normal((2, 2, 2, 3))
    yield ConvTranspose2d(1, 2, (3, 2), (2, 1), (1, 0), (1, 0), rng=rng), rng.standard_normal((2, 1, 3, 2))
    yield ConvTranspose2d(2, 1, 3, padding=1, bias=False, rng=rng), rng.standard_normal((2, 2, 3, 3))
