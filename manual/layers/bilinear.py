from collections.abc import Iterator
from dataclasses import KW_ONLY, InitVar
from typing import Any

import numpy as np

from manual.described import parameter
from manual.layer import Layer
from manual.numbers.checks import InputError, Size, flag, generator, mismatch
from manual.numbers.number_types import Array
from manual.numbers.sums import rows, rows_times, sum_over_batch


class Bilinear(Layer):
    """Every output is a weighted sum of all products of a number of one input with one of the other.

        zₒ = Σᵢⱼ Wₒᵢⱼ aᵢ cⱼ + bₒ            a (…, in1), c (…, in2), W (out, in1, in2), b (out,), z (…, out)

    It is Linear on the products pᵢⱼ = aᵢ cⱼ, and so

        ∂C/∂p = Wᵀ δ,  ∂C/∂W = Σ δ pᵀ,  ∂C/∂b = Σ δ            equations 2, 4 and 3
        ∂C/∂aᵢ = Σⱼ ∂C/∂pᵢⱼ cⱼ,  ∂C/∂cⱼ = Σᵢ ∂C/∂pᵢⱼ aᵢ       each is the other's factor

    Weight and bias start as torch's do, uniform in ±1/√in1.

    Raises:
        InputError: in1_features, in2_features or out_features is not an integer >= 1, bias not a flag, or rng not
            a Generator; an input is not (…, in), or not of the weight's dtype, or the two differ in their other axes.
    Source: Tenenbaum & Freeman, "Separating Style and Content with Bilinear Models", 2000. Same as torch.nn.Bilinear.
    """

    in1_features: Size
    in2_features: Size
    out_features: Size
    weight: Array = parameter()
    bias: Any = parameter(default=True)  # the flag goes in, the array (or None) comes out
    _: KW_ONLY
    rng: InitVar[np.random.Generator]

    def __post_init__(self, rng: np.random.Generator) -> None:
        first, second, out = self.in1_features, self.in2_features, self.out_features
        k, rng = first**-0.5, generator(self, rng)
        self.weight = rng.uniform(-k, k, (out, first, second))
        self.bias = rng.uniform(-k, k, out) if flag(self, "bias", self.bias) else None

    def forward(self, *inputs: Array) -> tuple[Array, Any]:
        W, b = self.weight, self.bias
        for given, n in zip(inputs, W.shape[1:], strict=False):
            if getattr(given, "dtype", 0) != W.dtype or given.shape[-1:] != (n,) or type(given) is np.matrix:
                raise mismatch(self, f"(N, {n}) or (…, {n})", W.dtype, given)
        if [given.shape[:-1] for given in inputs] != 2 * [inputs[0].shape[:-1]]:
            raise InputError(f"{self!r}: expected two inputs of as many examples, got {len(inputs)}, of the shapes "
                             f"{' and '.join(str(given.shape) for given in inputs)}")
        a, c = inputs
        p = (a[..., :, None] * c[..., None, :]).reshape(*a.shape[:-1], W.shape[1] * W.shape[2])
        z = rows_times(p, W.reshape(len(W), -1).T)
        return z if b is None else z + b, (a, c, p)

    def backward(self, delta: Array, cache: Any, /) -> tuple[tuple[Array, Array], "Bilinear"]:
        (a, c, p), W = cache, self.weight
        dW = rows(delta).T.dot(rows(p)).reshape(W.shape)
        db = None if self.bias is None else sum_over_batch(rows(delta))
        dp = rows_times(delta, W.reshape(len(W), -1)).reshape(*a.shape, W.shape[2])
        da, dc = (dp * c[..., None, :]).sum(axis=-1), (dp * a[..., :, None]).sum(axis=-2)
        return (da, dc), self.like(weight=dW, bias=db)


def examples(rng: np.random.Generator) -> Iterator[tuple[Any, ...]]:
    yield Bilinear(3, 4, 2, rng=rng), (rng.standard_normal((5, 3)), rng.standard_normal((5, 4)))
    yield Bilinear(2, 2, 3, bias=False, rng=rng), (rng.standard_normal((2, 3, 2)), rng.standard_normal((2, 3, 2)))
