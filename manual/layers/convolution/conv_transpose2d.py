from collections.abc import Iterator
from dataclasses import KW_ONLY, InitVar
from math import prod
from typing import Any

import numpy as np

from manual.described import parameter
from manual.layer import Layer
from manual.numbers.checks import InputError, Size, flag, generator, mismatch, pair
from manual.numbers.correlation import correlate, correlate_pictures, turned
from manual.numbers.number_types import Array
from manual.numbers.one_example import takes_one
from manual.numbers.windows import Pair, check_groups, extent


@takes_one(4)
class ConvTranspose2d(Layer, without={"padding_mode": "zeros"}):
    """A convolution's way back as a layer: each pixel lays its kernel, times itself, onto a larger picture.

        z[o, s·i + d·u − p, s·j + d·v − p] += W[c,o,u,v] a[c,i,j]    summed over c and all i, j, u, v; and b[o] is added

        a (N, C, H, W), W (C, O, U, V), b (O,), z (N, O, I, J), I = (H − 1) s − 2p + d(U − 1) + 1 + q, J likewise

    It is the transposed matrix of the Conv2d of the same kernel, so that forward and backward change places:

        ∂C/∂a[c,i,j]   = Σ_{o,u,v} W[c,o,u,v] δ[o, s·i + d·u − p, s·j + d·v − p]   equation 2: Conv2d's forward, of δ
        ∂C/∂W[c,o,u,v] = Σ_{n,i,j} a[c,i,j] δ[o, s·i + d·u − p, s·j + d·v − p]     equation 4: what each weight met
        ∂C/∂b[o]       = Σ_{n,x,y} δ[o,x,y]                                        equation 3

    Kernel size, stride s, padding p, output_padding q and dilation d are an integer, or a pair for rows and columns.
    The padding is cut off from z; q rows and columns are added below and on the right, as several sizes of a picture
    have the same convolution. Groups are as in Conv2d: then W is (C, O/groups, U, V). One picture (C, H, W) is a batch
    of one. Weight and bias start as torch's do, uniform in ±1/√(O·U·V).

    Raises:
        InputError: in_channels, out_channels or groups is not an integer >= 1; groups does not divide both others;
            kernel_size, stride, padding, output_padding or dilation is neither an integer nor a pair of them, or too
            small, or output_padding is below neither the stride nor the dilation; bias is not a flag; rng is not a
            Generator; the input is not (N, C, H, W), not of the weight's dtype, or nothing is left of the output.
    Source: Zeiler et al., "Deconvolutional Networks", 2010. Same as torch.nn.ConvTranspose2d (without padding_mode and
    output_size).
    """

    in_channels: Size
    out_channels: Size
    kernel_size: int | Pair
    stride: int | Pair = 1
    padding: int | Pair = 0
    output_padding: int | Pair = 0
    groups: Size = 1
    weight: Array = parameter()
    bias: Any = parameter(default=True)  # the flag goes in, the array (or None) comes out
    dilation: int | Pair = 1
    _: KW_ONLY
    rng: InitVar[np.random.Generator]

    def __post_init__(self, rng: np.random.Generator) -> None:
        check_groups(self)
        self._kernel = pair(self, "kernel_size", self.kernel_size, 1)
        self._dilation = pair(self, "dilation", self.dilation, 1)
        self._stride, self._padding = pair(self, "stride", self.stride, 1), pair(self, "padding", self.padding, 0)
        self._more = pair(self, "output_padding", self.output_padding, 0)
        if any(q >= max(steps) for q, *steps in zip(self._more, self._stride, self._dilation, strict=True)):
            raise InputError(f"ConvTranspose2d: output_padding must be below stride {self.stride} or dilation "
                             f"{self.dilation}, got {self.output_padding}")
        shape = self.in_channels, self.out_channels // self.groups, *self._kernel
        k, rng = prod(shape[1:]) ** -0.5, generator(self, rng)
        self.weight = rng.uniform(-k, k, shape)
        self.bias = rng.uniform(-k, k, self.out_channels) if flag(self, "bias", self.bias) else None

    def forward(self, a: Array, /) -> tuple[Array, Array]:
        W, b, (u, v), (p, q) = self.weight, self.bias, extent(self._kernel, self._dilation), self._padding
        if getattr(a, "dtype", 0) != W.dtype or a.ndim != 4 or a.shape[1] != W.shape[0]:
            raise mismatch(self, f"(N, {self.in_channels}, H, W)", W.dtype, a)
        how = zip(a.shape[2:], self._stride, self._padding, (u, v), self._more, strict=True)
        rows, columns = ((n - 1) * s - 2 * pad + k + more for n, s, pad, k, more in how)
        if rows < 1 or columns < 1:
            raise InputError(f"{self!r}: nothing is left of the output but its padding, got {a.shape[2]}×{a.shape[3]}")
        origin = u - 1 - p, v - 1 - q
        z = correlate(a, turned(W, self.groups), (rows, columns), (1, 1), origin, self._stride, self._dilation)
        return (z if b is None else z + b[:, None, None]), a

    def backward(self, delta: Array, a: Array, /) -> tuple[Array, "ConvTranspose2d"]:
        da = correlate(delta, self.weight, a.shape[2:], self._stride, self._padding, (1, 1), self._dilation)
        return da, self.gradient(delta, a)

    def gradient(self, delta: Array, a: Array, /) -> "ConvTranspose2d":
        dW = correlate_pictures(delta, a, self._kernel, self._stride, self._padding, self._dilation, self.groups)
        return self.like(weight=dW, bias=None if self.bias is None else delta.sum(axis=(0, 2, 3)))


def examples(rng: np.random.Generator) -> Iterator[tuple[ConvTranspose2d, Array]]:
    yield ConvTranspose2d(2, 3, 2, stride=2, rng=rng), rng.standard_normal((2, 2, 2, 3))
    yield ConvTranspose2d(1, 2, (3, 2), (2, 1), (1, 0), (1, 0), rng=rng), rng.standard_normal((2, 1, 3, 2))
    yield ConvTranspose2d(2, 4, 2, 3, 1, groups=2, dilation=2, rng=rng), rng.standard_normal((2, 2, 3, 2))
    yield ConvTranspose2d(2, 1, 3, padding=1, bias=False, rng=rng), rng.standard_normal((2, 2, 3, 3))
