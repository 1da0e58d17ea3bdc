from collections.abc import Iterator
from dataclasses import KW_ONLY, InitVar
from math import prod
from typing import Any

import numpy as np

from manual.described import parameter
from manual.layer import Layer
from manual.numbers.checks import InputError, Size, flag, generator, mismatch, whole
from manual.numbers.correlation import correlate, correlate_pictures, turned
from manual.numbers.number_types import Array
from manual.numbers.one_example import takes_one
from manual.numbers.windows import check_groups, extent, same_padding


@takes_one(3)
class Conv1d(Layer, without={"padding_mode": "zeros"}):
    """The same weighted sum at every place of a sequence: each output channel is its kernel, laid over each window.

        z[o,i] = Σ_{c,u} W[o,c,u] a[c, s·i + d·u − p] + b[o]         a is 0 outside of the sequence

        a (N, C, L), W (O, C, U), b (O,), z (N, O, I), I = ⌊(L + 2p − d(U − 1) − 1)/s⌋ + 1

    It is Linear with most weights 0 and the others shared. A place a[c,x] is in z[o,i] with the weight W[o,c,u],
    where x = s·i + d·u − p. So:

        ∂C/∂a[c,x]   = Σ W[o,c,u] δ[o,i]                     equation 2, over all o, i, u that meet there: δ, its
                                                             places s apart, laid under the kernel turned around
        ∂C/∂W[o,c,u] = Σ_{n,i} δ[o,i] a[c, s·i + d·u − p]    equation 4: what each weight met, times δ
        ∂C/∂b[o]     = Σ_{n,i} δ[o,i]                        equation 3

    The sums are those of pictures of one row. With padding="same" z is as long as a. Groups are as in Conv2d: then W is
    (O, C/groups, U). One sequence (C, L) is a batch of one. Weight and bias start as torch's do, uniform in ±1/√(C·U).

    Raises:
        InputError: in_channels, out_channels, kernel_size, stride, dilation or groups is not an integer >= 1, padding
            not one >= 0, "valid", or "same" with a stride of 1; groups does not divide both numbers of channels; bias
            is not a flag; rng is not a Generator; the input is not (N, C, L), not of the weight's dtype, or shorter
            than the kernel.
    Source: Waibel et al., "Phoneme Recognition Using Time-Delay Neural Networks", 1989. Same as torch.nn.Conv1d
    (without padding_mode).
    """

    in_channels: Size
    out_channels: Size
    kernel_size: Size
    stride: Size = 1
    padding: int | str = 0
    dilation: Size = 1
    groups: Size = 1
    weight: Array = parameter()
    bias: Any = parameter(default=True)  # the flag goes in, the array (or None) comes out
    _: KW_ONLY
    rng: InitVar[np.random.Generator]

    def __post_init__(self, rng: np.random.Generator) -> None:
        check_groups(self)
        self._kernel, self._stride, self._dilation = (1, self.kernel_size), (1, self.stride), (1, self.dilation)
        _, self._extent = extent(self._kernel, self._dilation)
        same = same_padding(self, (self._extent,), (self.stride,))
        self._padding = whole(self, "padding", self.padding, 0) if same is None else same[0]
        shape = self.out_channels, self.in_channels // self.groups, self.kernel_size
        k, rng = prod(shape[1:]) ** -0.5, generator(self, rng)
        self.weight = rng.uniform(-k, k, shape)
        self.bias = rng.uniform(-k, k, self.out_channels) if flag(self, "bias", self.bias) else None

    def forward(self, a: Array, /) -> tuple[Array, Array]:
        W, b, p = self.weight, self.bias, self._padding
        if getattr(a, "dtype", 0) != W.dtype or a.ndim != 3 or a.shape[1] != self.in_channels:
            raise mismatch(self, f"(N, {self.in_channels}, L)", W.dtype, a)
        size = a.shape[2] if self.padding == "same" else (a.shape[2] + 2 * p - self._extent) // self.stride + 1
        if size < 1:
            raise InputError(f"{self!r}: expected sequences of at least the kernel's size, with their padding, "
                             f"got {a.shape[2]}")
        z = correlate(a[:, :, None], W[:, :, None], (1, size), self._stride, (0, p), (1, 1), self._dilation)[:, :, 0]
        return (z if b is None else z + b[:, None]), a

    def backward(self, delta: Array, a: Array, /) -> tuple[Array, "Conv1d"]:
        back, origin = turned(self.weight[:, :, None], self.groups), (0, self._extent - 1 - self._padding)
        da = correlate(delta[:, :, None], back, (1, a.shape[2]), (1, 1), origin, self._stride, self._dilation)
        return da[:, :, 0], self.gradient(delta, a)

    def gradient(self, delta: Array, a: Array, /) -> "Conv1d":
        how = self._kernel, self._stride, (0, self._padding), self._dilation, self.groups
        dW = correlate_pictures(a[:, :, None], delta[:, :, None], *how)
        return self.like(weight=dW[:, :, 0], bias=None if self.bias is None else delta.sum(axis=(0, 2)))


def examples(rng: np.random.Generator) -> Iterator[tuple[Conv1d, Array]]:
    yield Conv1d(2, 3, 3, padding=1, rng=rng), rng.standard_normal((2, 2, 5))
    yield Conv1d(2, 1, 3, padding="same", rng=rng), rng.standard_normal((1, 2, 4))
    yield Conv1d(2, 4, 2, padding=1, dilation=3, groups=2, rng=rng), rng.standard_normal((2, 2, 6))
    yield Conv1d(1, 2, 2, stride=3, bias=False, rng=rng), rng.standard_normal((2, 1, 7))  # the last is in no window
