from collections.abc import Iterator
from dataclasses import KW_ONLY
from typing import Any, ClassVar

import numpy as np

from manual.described import parameter, state
from manual.layer import Layer
from manual.numbers.checks import AtLeast0, Flag, InputError, Size, flag, floats, mismatch, real
from manual.numbers.number_types import Array


class _BatchNorm(Layer):
    """Brings each feature to mean 0 and variance 1 over the batch, then stretches and shifts it by a learned amount.

        m = Σ x / n,  u = x − m,  v = Σ u² / n        over the n examples, and all pixels of them
        r = 1 / √(v + ε),  h = u r
        y[c] = γ[c] h[c] + β[c]                       γ (weight), β (bias) (C,)

        ∂C/∂γ[c] = Σ δ h,  ∂C/∂β[c] = Σ δ

    With g = ∂C/∂h = γ δ, an x of a feature moves all of its y, by three paths: by its own u, by m, and by v.

        by v, in r                 ∂C/∂r = Σ g u,  dr/dv = −½ r³,  so  ∂C/∂v = −½ r³ Σ g u = −½ r² Σ g h
        by u, in h and in v        ∂C/∂u = g r + ∂C/∂v · 2u/n = r (g − h Σ g h / n)           [u = h / r]
        by x, in u and in m        ∂C/∂x = ∂C/∂u − Σ ∂C/∂u / n
                                         = r (g − Σ g / n − h Σ g h / n)                      [Σ h = 0]

    `commit` keeps running means for inference, with momentum μ, or, where that is None, the mean of all batches:

        running ← (1 − μ) running + μ new             new: m, and v n/(n − 1), the unbiased estimate

    There m and v are constants, those running means, so that ∂C/∂x = r g: two paths are gone. γ starts as 1, β as 0,
    the running mean as 0 and variance as 1.

    Raises:
        InputError: num_features is not an integer >= 1; eps is negative or not finite; momentum is neither a finite
            number nor None; affine, track_running_stats or bias is not a flag; the input has another shape or is not of
            floats of γ's dtype; while training, it has only one number a feature, which has no variance.
    Source: Ioffe & Szegedy, "Batch Normalization", 2015, algorithm 1 and its chain rule.
    """

    num_features: Size
    eps: AtLeast0 = 1e-5
    momentum: Any = 0.1
    affine: Flag = True
    track_running_stats: Flag = True
    weight: Any = parameter()
    _: KW_ONLY
    bias: Any = parameter(default=True)  # the flag goes in, the array (or None) comes out
    running_mean: Any = state()
    running_var: Any = state()
    num_batches_tracked: Any = state()
    takes: ClassVar[tuple[str, ...]] = ()
    """The shapes of an input."""

    def __post_init__(self) -> None:
        c, affine, bias = self.num_features, self.affine, flag(self, "bias", self.bias)
        self.momentum = None if self.momentum is None else real(self, "momentum", self.momentum)
        self.weight, self.bias = np.ones(c) if affine else None, np.zeros(c) if affine and bias else None
        self.running_mean = self.running_var = self.num_batches_tracked = None
        if self.track_running_stats:
            self.running_mean, self.running_var = np.zeros(c), np.ones(c)
            self.num_batches_tracked = np.zeros((), np.int64)

    def forward(self, x: Array, /) -> tuple[Array, Any]:
        self._check(x)
        over, along = (0, *range(2, x.ndim)), (-1, *[1] * (x.ndim - 2))
        n = x.size // self.num_features
        if self.training or self.running_mean is None:
            if n < 2:
                raise InputError(f"{self!r}: expected more than one number a feature, got shape {x.shape}")
            m = x.sum(axis=over) / n
            u = x - m.reshape(along)
            v = (u * u).sum(axis=over) / n
        else:
            m, v = self.running_mean, self.running_var
            u = x - m.reshape(along)
        r = (1 / np.sqrt(v + self.eps)).reshape(along)
        h = u * r
        y = h if self.weight is None else h * self.weight.reshape(along)
        return (y if self.bias is None else y + self.bias.reshape(along)), (h, r, m, v, n)

    def backward(self, delta: Array, cache: Any, /) -> tuple[Array, "_BatchNorm"]:
        h, r, _, _, n = cache
        over, along = (0, *range(2, delta.ndim)), (-1, *[1] * (delta.ndim - 2))
        g = delta if self.weight is None else delta * self.weight.reshape(along)
        if self.training or self.running_mean is None:  # else m and v are constants
            by_mean, by_variance = g.sum(axis=over) / n, (g * h).sum(axis=over) / n
            g = g - by_mean.reshape(along) - h * by_variance.reshape(along)
        return r * g, self.like(
            weight=None if self.weight is None else (delta * h).sum(axis=over),
            bias=None if self.bias is None else delta.sum(axis=over),
        )

    def commit(self, cache: Any, /) -> None:
        _, _, m, v, n = cache
        if self.training and self.running_mean is not None:
            self.num_batches_tracked += 1
            share = 1 / int(self.num_batches_tracked) if self.momentum is None else self.momentum
            for running, new in ((self.running_mean, m), (self.running_var, v * n / (n - 1))):
                running[...] = (1 - share) * running + share * new

    def evaluated(self) -> "_BatchNorm":
        new = self.like()
        new.training = False
        return new

    def _check(self, x: Array) -> None:
        floats(self, x)
        dtype = x.dtype if self.weight is None else self.weight.dtype
        fits = any(x.ndim == shape.count(",") + 1 for shape in self.takes)
        if not fits or x.shape[1] != self.num_features or x.dtype != dtype:
            raise mismatch(self, " or ".join(self.takes).replace("C", str(self.num_features)), dtype, x)


class BatchNorm1d(_BatchNorm):
    """Brings each feature to mean 0 and variance 1 over the batch: x, y (N, C), or (N, C, L) with L places each.

    Raises:
        InputError: see _BatchNorm, which has the equations.
    Same as torch.nn.BatchNorm1d.
    """

    takes = ("(N, C)", "(N, C, L)")


class BatchNorm2d(_BatchNorm):
    """Brings each channel to mean 0 and variance 1 over the batch and its pixels: x, y (N, C, H, W).

    Raises:
        InputError: see _BatchNorm, which has the equations.
    Same as torch.nn.BatchNorm2d.
    """

    takes = ("(N, C, H, W)",)


def examples(rng: np.random.Generator) -> Iterator[tuple[_BatchNorm, Array]]:
    learned = BatchNorm1d(3).like(weight=1 + rng.random(3), bias=rng.standard_normal(3))
    used = BatchNorm1d(3).like(weight=1 + rng.random(3), bias=rng.standard_normal(3), running_mean=rng.random(3),
                               running_var=1 + rng.random(3))
    yield learned, rng.standard_normal((5, 3))
    yield BatchNorm1d(3, momentum=None, eps=0.1), rng.standard_normal((2, 3, 4)) + 2
    yield used.evaluated(), rng.standard_normal((5, 3))
    yield BatchNorm1d(2, bias=False).like(weight=1 + rng.random(2)), rng.standard_normal((3, 2))
    yield BatchNorm1d(2, affine=False, track_running_stats=False).evaluated(), rng.standard_normal((4, 2))
    yield BatchNorm2d(2).like(weight=1 + rng.random(2), bias=rng.standard_normal(2)), rng.standard_normal((2, 2, 3, 2))
    yield BatchNorm2d(2, momentum=0.5).evaluated(), rng.standard_normal((2, 2, 1, 2))
