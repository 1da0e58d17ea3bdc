from collections.abc import Iterator
from dataclasses import KW_ONLY, InitVar
from typing import Any

import numpy as np

from manual.described import parameter
from manual.layer import Layer
from manual.numbers.checks import Size, flag, generator, mismatch
from manual.numbers.number_types import Array
from manual.numbers.sums import rows, rows_times, sum_over_batch


class Linear(Layer):
    """Every output is a weighted sum of all inputs.

        z = W a + b              a (…, in), W (out, in), b (out,), z (…, out)

        ∂C/∂a = Wᵀ δ             equation 2; σ' is the business of the activation before
        ∂C/∂W = Σ δ aᵀ           equation 4, summed over the batch, and over every axis but the last
        ∂C/∂b = Σ δ              equation 3, likewise

    Row n of an array is example n, so that the code multiplies from the other side: z = a Wᵀ + b.
    Weight and bias start as torch's do, uniform in ±1/√in.

    Raises:
        InputError: in_features or out_features is not an integer >= 1, bias not a flag, or rng no generator; the input
            is not (…, in), or not of the weight's dtype.
    Source: document A, parts 1 and 3. Same as torch.nn.Linear.
    """

    in_features: Size
    out_features: Size
    weight: Array = parameter()
    bias: Any = parameter(default=True)  # the flag goes in, the array (or None) comes out
    _: KW_ONLY
    rng: InitVar[np.random.Generator]

    def __post_init__(self, rng: np.random.Generator) -> None:
        k, rng = self.in_features**-0.5, generator(self, rng)
        self.weight = rng.uniform(-k, k, (self.out_features, self.in_features))
        self.bias = rng.uniform(-k, k, self.out_features) if flag(self, "bias", self.bias) else None

    def forward(self, a: Array, /) -> tuple[Array, Array]:
        W, b = self.weight, self.bias
        if getattr(a, "dtype", 0) != W.dtype or a.shape[-1:] != W.shape[1:] or not a.ndim or type(a) is np.matrix:
            raise mismatch(self, f"(N, {self.in_features}) or (…, {self.in_features})", W.dtype, a)
        z = rows_times(a, W.T)
        if b is not None:
            z += b
        return z, a

    def backward(self, delta: Array, a: Array, /) -> tuple[Array, "Linear"]:
        return rows_times(delta, self.weight), self.gradient(delta, a)

    def gradient(self, delta: Array, a: Array, /) -> "Linear":
        delta, a = rows(delta), rows(a)
        dW = delta.T.dot(a)
        db = None if self.bias is None else sum_over_batch(delta)
        return self.like(weight=dW, bias=db)


def examples(rng: np.random.Generator) -> Iterator[tuple[Linear, Array]]:
    yield Linear(3, 4, rng=rng), rng.standard_normal((5, 3))
    yield Linear(3, 4, rng=rng), rng.standard_normal((1, 3))
    yield Linear(4, 4, rng=rng), rng.standard_normal((5, 4))
    yield Linear(4, 1, bias=False, rng=rng), rng.standard_normal((6, 4))
    yield Linear(3, 2, bias=False, rng=rng), rng.standard_normal((5, 3))
