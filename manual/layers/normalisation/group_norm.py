from collections.abc import Iterator
from dataclasses import KW_ONLY
from typing import Any

import numpy as np

from manual.described import parameter
from manual.layer import Layer
from manual.numbers.checks import AtLeast0, Flag, InputError, Size, flag, floats, mismatch
from manual.numbers.number_types import Array


class GroupNorm(Layer):
    """Brings groups of channels of each example to mean 0 and variance 1, then stretches and shifts each channel.

        m = Σ x / n,  u = x − m,  v = Σ u² / n        over the n numbers of a group: C/G channels, all their pixels
        r = 1 / √(v + ε),  h = u r
        y[c] = γ[c] h[c] + β[c]                       x, y (N, C, …); γ (weight), β (bias) (C,)

        ∂C/∂γ[c] = Σ δ h,  ∂C/∂β[c] = Σ δ             over the examples and the pixels
        ∂C/∂x = r (g − Σ g / n − h Σ g h / n)         g = γ δ, summed over the group: layer_norm.py derives it, step by
                                                      step; here the features are a group's
    γ starts as 1, β as 0.

    Raises:
        InputError: num_groups or num_channels is not an integer >= 1, or the groups do not share out the channels; eps
            is negative or not finite; affine or bias is not a flag; the input is not (N, C, …), or not of floats of γ's
            dtype.
    Source: Wu & He, "Group Normalization", 2018. Same as torch.nn.GroupNorm.
    """

    num_groups: Size
    num_channels: Size
    eps: AtLeast0 = 1e-5
    affine: Flag = True
    weight: Any = parameter()
    _: KW_ONLY
    bias: Any = parameter(default=True)  # the flag goes in, the array (or None) comes out

    def __post_init__(self) -> None:
        groups, channels = self.num_groups, self.num_channels
        if channels % groups:
            raise InputError(f"GroupNorm: num_groups must divide num_channels, got {groups} and {channels}")
        bias = flag(self, "bias", self.bias)
        self.weight = np.ones(channels) if self.affine else None
        self.bias = np.zeros(channels) if self.affine and bias else None

    def forward(self, x: Array, /) -> tuple[Array, tuple[Array, Array]]:
        floats(self, x)
        dtype = x.dtype if self.weight is None else self.weight.dtype
        if x.ndim < 2 or x.shape[1] != self.num_channels or not x.size or x.dtype != dtype:
            raise mismatch(self, f"(N, {self.num_channels}, …)", dtype, x)
        grouped = self._grouped(x)
        n = grouped.shape[2]
        u = grouped - grouped.sum(axis=2, keepdims=True) / n
        r = 1 / np.sqrt((u * u).sum(axis=2, keepdims=True) / n + self.eps)
        h = (u * r).reshape(x.shape)
        y = h if self.weight is None else h * self._along(self.weight, x)
        return (y if self.bias is None else y + self._along(self.bias, x)), (h, r)

    def backward(self, delta: Array, cache: tuple[Array, Array], /) -> tuple[Array, "GroupNorm"]:
        h, r = cache
        g = self._grouped(delta if self.weight is None else delta * self._along(self.weight, delta))
        grouped, n = self._grouped(h), g.shape[2]
        by_mean = g.sum(axis=2, keepdims=True) / n
        by_variance = (g * grouped).sum(axis=2, keepdims=True) / n
        dx = (r * (g - by_mean - grouped * by_variance)).reshape(delta.shape)
        over = (0, *range(2, delta.ndim))
        return dx, self.like(
            weight=None if self.weight is None else (delta * h).sum(axis=over),
            bias=None if self.bias is None else delta.sum(axis=over),
        )

    def _grouped(self, x: Array) -> Array:
        """(N, groups, numbers of a group)"""
        return x.reshape(len(x), self.num_groups, -1)

    def _along(self, p: Array, x: Array) -> Array:
        """A number for each channel, laid along the channels of x."""
        return p.reshape(-1, *[1] * (x.ndim - 2))


def examples(rng: np.random.Generator) -> Iterator[tuple[GroupNorm, Array]]:
    layer = GroupNorm(2, 4)
    yield layer.like(weight=1 + rng.random(4), bias=rng.standard_normal(4)), rng.standard_normal((3, 4, 2, 2))
    yield GroupNorm(1, 4, eps=0.1, bias=False), rng.standard_normal((3, 4))
    yield GroupNorm(2, 4, affine=False), rng.standard_normal((2, 4, 3)) + 2
