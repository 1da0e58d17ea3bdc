from collections.abc import Iterator
from dataclasses import KW_ONLY, InitVar
from typing import Any

import numpy as np

from manual.described import parameter
from manual.layer import Layer
from manual.numbers.checks import InputError, Size, flag, generator, mismatch, whole
from manual.numbers.correlation import correlate, correlate_pictures
from manual.numbers.number_types import Array
from manual.numbers.one_example import takes_one
from manual.numbers.windows import same_padding


@takes_one(3)
class Conv1d(Layer, without={"dilation": 1, "groups": 1, "padding_mode": "zeros"}):
    """The same weighted sum at every place of a sequence: each output channel is its kernel, laid over each window.

        z[o,i] = Σ_{c,u} W[o,c,u] a[c, s·i + u − p] + b[o]           a is 0 outside of the sequence

        a (N, C, L), W (O, C, U), b (O,), z (N, O, I), I = ⌊(L + 2p − U)/s⌋ + 1

    It is Linear with most weights 0 and the others shared. A place a[c,x] is in z[o,i] with the weight W[o,c,u],
    where x = s·i + u − p. So:

        ∂C/∂a[c,x]   = Σ_{o,i} W[o,c, x + p − s·i] δ[o,i]    equation 2: δ, its places s apart, laid under the kernel
                                                             turned around
        ∂C/∂W[o,c,u] = Σ_{n,i} δ[o,i] a[c, s·i + u − p]      equation 4: what each weight met, times δ
        ∂C/∂b[o]     = Σ_{n,i} δ[o,i]                        equation 3

    The sums are those of pictures of one row. With padding="same" z is as long as a. One sequence (C, L) is a batch of
    one. Weight and bias start as torch's do, uniform in ±1/√(C·U).

    Raises:
        InputError: in_channels, out_channels, kernel_size or stride is not an integer >= 1, padding not one >= 0,
            "valid", or "same" with a stride of 1; bias is not a flag; rng is not a Generator; the input is not (N, C,
            L), not of the weight's dtype, or shorter than the kernel.
    Source: Waibel et al., "Phoneme Recognition Using Time-Delay Neural Networks", 1989. Same as torch.nn.Conv1d
    (without dilation, groups and padding_mode).
    """

    in_channels: Size
    out_channels: Size
    kernel_size: int
    stride: int = 1
    padding: int | str = 0
    weight: Array = parameter()
    _: KW_ONLY
    bias: Any = parameter(default=True)  # the flag goes in, the array (or None) comes out
    rng: InitVar[np.random.Generator]

    def __post_init__(self, rng: np.random.Generator) -> None:
        channels = self.out_channels, self.in_channels
        size = whole(self, "kernel_size", self.kernel_size, 1)
        self.stride = whole(self, "stride", self.stride, 1)
        same = same_padding(self, (size,), (self.stride,))
        self._padding = whole(self, "padding", self.padding, 0) if same is None else same[0]
        k, rng = (channels[1] * size) ** -0.5, generator(self, rng)
        self.weight = rng.uniform(-k, k, (*channels, size))
        self.bias = rng.uniform(-k, k, channels[0]) if flag(self, "bias", self.bias) else None

    def forward(self, a: Array, /) -> tuple[Array, Array]:
        W, b, s, p = self.weight, self.bias, self.stride, self._padding
        if getattr(a, "dtype", 0) != W.dtype or a.ndim != 3 or a.shape[1] != W.shape[1]:
            raise mismatch(self, f"(N, {self.in_channels}, L)", W.dtype, a)
        size = a.shape[2] if self.padding == "same" else (a.shape[2] + 2 * p - W.shape[2]) // s + 1
        if size < 1:
            raise InputError(f"{self!r}: expected sequences of at least the kernel's size, with their padding, "
                             f"got {a.shape[2]}")
        z = correlate(a[:, :, None], W[:, :, None], (1, size), (1, s), (0, p))[:, :, 0]
        return (z if b is None else z + b[:, None]), a

    def backward(self, delta: Array, a: Array, /) -> tuple[Array, "Conv1d"]:
        W, s, p = self.weight, self.stride, self._padding
        turned = W[:, :, ::-1].transpose(1, 0, 2)[:, :, None]
        origin, spread = (0, W.shape[2] - 1 - p), (1, s)
        da = correlate(delta[:, :, None], turned, (1, a.shape[2]), (1, 1), origin, spread)[:, :, 0]
        return da, self.gradient(delta, a)

    def gradient(self, delta: Array, a: Array, /) -> "Conv1d":
        kernel, stride = (1, self.weight.shape[2]), (1, self.stride)
        dW = correlate_pictures(a[:, :, None], delta[:, :, None], kernel, stride, (0, self._padding))[:, :, 0]
        return self.like(weight=dW, bias=None if self.bias is None else delta.sum(axis=(0, 2)))


def examples(rng: np.random.Generator) -> Iterator[tuple[Conv1d, Array]]:
    yield Conv1d(2, 3, 3, padding=1, rng=rng), rng.standard_normal((2, 2, 5))
    yield Conv1d(2, 1, 3, padding="same", rng=rng), rng.standard_normal((1, 2, 4))
    yield Conv1d(1, 2, 2, stride=3, bias=False, rng=rng), rng.standard_normal((2, 1, 7))  # the last is in no window
