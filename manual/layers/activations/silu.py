from collections.abc import Iterator

import numpy as np

from manual.layer import Layer
from manual.numbers.checks import floats
from manual.numbers.number_types import Array


class SiLU(Layer, without={"inplace": False}):
    """A number times its own gate, also called swish.

        a = z σ(z)                              σ(z) = 1 / (1 + e⁻ᶻ)
        ∂C/∂z = δ ⊙ σ(z) (1 + z (1 − σ(z)))     any shape: z stands in the product twice, so (z σ)' = σ + z σ',
                                                with σ' = σ(1 − σ)
    Raises:
        InputError: the input is not an array of floats.
    Source: Elfwing, Uchibe & Doya, "Sigmoid-Weighted Linear Units", 2018. Same as torch.nn.SiLU.
    """

    def forward(self, z: Array, /) -> tuple[Array, tuple[Array, Array]]:
        floats(self, z)
        with np.errstate(over="ignore"):
            gate = 1 / (1 + np.exp(-z))
        return z * gate, (z, gate)

    def backward(self, delta: Array, cache: tuple[Array, Array], /) -> tuple[Array, "SiLU"]:
        z, gate = cache
        return delta * (gate * (1 + z * (1 - gate))), self


def examples(rng: np.random.Generator) -> Iterator[tuple[SiLU, Array]]:
    yield SiLU(), rng.standard_normal((5, 4))
    yield SiLU(), np.array([[-30.0, -2.0, 0.0, 2.0]])
