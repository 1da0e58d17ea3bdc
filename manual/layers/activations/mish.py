from collections.abc import Iterator

import numpy as np

from manual.layer import Layer
from manual.numbers.checks import floats
from manual.numbers.number_types import Array


class Mish(Layer, without={"inplace": False}):
    """A number times a gate, which is the tanh of its softplus.

        a = z t                                 t = tanh s,  s = log(1 + eᶻ)
        ∂C/∂z = δ ⊙ (t + z (1 − t²) σ(z))       any shape: z stands in the product twice, so (z t)' = t + z t', with
                                                tanh' = 1 − t² and s' = σ(z) = 1 / (1 + e⁻ᶻ)

    For large z, eᶻ overflows to infinity; the tanh of its logarithm, 1, is the right answer.

    Raises:
        InputError: the input is not an array of floats.
    Source: Misra, "Mish: A Self Regularized Non-Monotonic Activation Function", 2020. Same as torch.nn.Mish.
    """

    def forward(self, z: Array, /) -> tuple[Array, tuple[Array, Array]]:
        floats(self, z)
        with np.errstate(over="ignore"):
            t = np.tanh(np.log1p(np.exp(z)))
        return z * t, (z, t)

    def backward(self, delta: Array, cache: tuple[Array, Array], /) -> tuple[Array, "Mish"]:
        z, t = cache
        with np.errstate(over="ignore"):
            return delta * (t + z * ((1 - t * t) / (1 + np.exp(-z)))), self


def examples(rng: np.random.Generator) -> Iterator[tuple[Mish, Array]]:
    yield Mish(), rng.standard_normal((5, 4))
    yield Mish(), np.array([[-30.0, -2.0, 0.0, 2.0]])
