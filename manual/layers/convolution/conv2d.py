from collections.abc import Iterator
from dataclasses import KW_ONLY, InitVar
from math import prod
from typing import Any

import numpy as np

from manual.described import parameter
from manual.layer import Layer
from manual.numbers.checks import Size, flag, generator, mismatch, pair
from manual.numbers.correlation import correlate, correlate_pictures, turned
from manual.numbers.number_types import Array
from manual.numbers.one_example import takes_one
from manual.numbers.windows import Pair, check_groups, extent, same_padding, window_count


@takes_one(4)
class Conv2d(Layer, without={"padding_mode": "zeros"}):
    """The same weighted sum at every place: each output channel is its kernel, laid over each window of the picture.

        z[o,i,j] = Σ_{c,u,v} W[o,c,u,v] a[c, s·i + d·u − p, s·j + d·v − p] + b[o]      a is 0 outside of the picture

        a (N, C, H, W), W (O, C, U, V), b (O,), z (N, O, I, J), I = ⌊(H + 2p − d(U − 1) − 1)/s⌋ + 1, J likewise

    It is Linear with most weights 0 and the others shared, so its derivatives are Linear's, gathered. A pixel
    a[c,x,y] is in z[o,i,j] with the weight W[o,c,u,v], where x = s·i + d·u − p and y = s·j + d·v − p. So:

        ∂C/∂a[c,x,y]   = Σ W[o,c,u,v] δ[o,i,j]                                 equation 2, over all o, i, j, u, v that
                                                                              meet there: δ, its pixels s apart, laid
                                                                              under the kernel turned by 180°
        ∂C/∂W[o,c,u,v] = Σ_{n,i,j} δ[o,i,j] a[c, s·i + d·u − p, s·j + d·v − p] equation 4: what each weight met, times δ
        ∂C/∂b[o]       = Σ_{n,i,j} δ[o,i,j]                                    equation 3

    Kernel size, stride s, padding p and dilation d are an integer, or a pair for rows and columns; with padding="same"
    z has the size of a. Of several groups of output channels each sees its own part of the input's alone: then W is
    (O, C/groups, U, V), and C counts that part. One picture (C, H, W) is a batch of one. Weight and bias start as
    torch's do, uniform in ±1/√(C·U·V).

    Raises:
        InputError: in_channels, out_channels or groups is not an integer >= 1; groups does not divide both others;
            kernel_size, stride, padding or dilation is neither an integer nor a pair of them, or too small; padding is
            another word, or "same" with a stride; bias is not a flag; rng is not a Generator; the input is not
            (N, C, H, W), not of the weight's dtype, or smaller than the kernel.
    Source: LeCun et al., "Gradient-Based Learning Applied to Document Recognition", 1998; document B names it for
    pictures. Same as torch.nn.Conv2d (without padding_mode).
    """

    in_channels: Size
    out_channels: Size
    kernel_size: int | Pair
    stride: int | Pair = 1
    padding: int | Pair | str = 0
    dilation: int | Pair = 1
    groups: Size = 1
    weight: Array = parameter()
    bias: Any = parameter(default=True)  # the flag goes in, the array (or None) comes out
    _: KW_ONLY
    rng: InitVar[np.random.Generator]

    def __post_init__(self, rng: np.random.Generator) -> None:
        check_groups(self)
        self._kernel = pair(self, "kernel_size", self.kernel_size, 1)
        self._stride, self._dilation = pair(self, "stride", self.stride, 1), pair(self, "dilation", self.dilation, 1)
        self._extent = extent(self._kernel, self._dilation)
        same = same_padding(self, self._extent, self._stride)
        self._padding: Any = pair(self, "padding", self.padding, 0) if same is None else same
        shape = self.out_channels, self.in_channels // self.groups, *self._kernel
        k, rng = prod(shape[1:]) ** -0.5, generator(self, rng)
        self.weight = rng.uniform(-k, k, shape)
        self.bias = rng.uniform(-k, k, self.out_channels) if flag(self, "bias", self.bias) else None

    def forward(self, a: Array, /) -> tuple[Array, Array]:
        W, b = self.weight, self.bias
        if getattr(a, "dtype", 0) != W.dtype or a.ndim != 4 or a.shape[1] != self.in_channels:
            raise mismatch(self, f"(N, {self.in_channels}, H, W)", W.dtype, a)
        size = a.shape[2:]
        if self.padding != "same" or 0 in size:
            size = window_count(self, size, self._extent, self._stride, self._padding)
        z = correlate(a, W, size, self._stride, self._padding, (1, 1), self._dilation)
        if b is not None:
            z += b[:, None, None]
        return z, a

    def backward(self, delta: Array, a: Array, /) -> tuple[Array, "Conv2d"]:
        (u, v), (p, q), back = self._extent, self._padding, turned(self.weight, self.groups)
        da = correlate(delta, back, a.shape[2:], (1, 1), (u - 1 - p, v - 1 - q), self._stride, self._dilation)
        return da, self.gradient(delta, a)

    def gradient(self, delta: Array, a: Array, /) -> "Conv2d":
        dW = correlate_pictures(a, delta, self._kernel, self._stride, self._padding, self._dilation, self.groups)
        return self.like(weight=dW, bias=None if self.bias is None else delta.sum(axis=(0, 2, 3)))


def examples(rng: np.random.Generator) -> Iterator[tuple[Conv2d, Array]]:
    yield Conv2d(2, 3, 3, padding=1, rng=rng), rng.standard_normal((2, 2, 4, 5))
    yield Conv2d(1, 2, (2, 3), stride=(2, 1), padding=(0, 2), rng=rng), rng.standard_normal((2, 1, 5, 4))
    # the last rows are in no window
    yield Conv2d(2, 1, 2, stride=3, bias=False, rng=rng), rng.standard_normal((3, 2, 7, 6))
    yield Conv2d(1, 2, (1, 3), padding="same", rng=rng), rng.standard_normal((1, 3, 4))
    yield Conv2d(1, 1, 1, padding=1, rng=rng), rng.standard_normal((1, 1, 2, 2))  # windows of zeros alone
