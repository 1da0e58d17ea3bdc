from collections.abc import Iterator
from math import pi
from typing import Annotated, Any

import numpy as np

from manual.layer import Layer
from manual.numbers.checks import floats, one_of
from manual.numbers.number_types import Array
from manual.numbers.special import erf, erf_slope


class GELU(Layer):
    """A number times the probability that a normal one lies below it.

        a = z Φ(z)                           Φ(z) = ½ (1 + erf(z/√2)),  Φ'(z) = e^(−z²/2) / √(2π)
        ∂C/∂z = δ ⊙ (Φ(z) + z Φ'(z))         any shape: z stands in the product twice

    With approximate="tanh" Φ is taken for ½ (1 + tanh g), g = √(2/π) (z + 0.044715 z³), and so

        Φ'(z) = ½ (1 − tanh² g) g',  g' = √(2/π) (1 + 3 · 0.044715 z²)

    It is another function, by up to 0.0005.

    Raises:
        InputError: approximate is neither "none" nor "tanh"; the input is not an array of floats.
    Source: Hendrycks & Gimpel, "Gaussian Error Linear Units", 2016. Same as torch.nn.GELU.
    """

    approximate: Annotated[str, one_of("none", "tanh")] = "none"

    def forward(self, z: Array, /) -> tuple[Array, Any]:
        floats(self, z)
        t = erf(z / 2**0.5) if self.approximate == "none" else np.tanh((z + z * z * z * 0.044715) * (2 / pi) ** 0.5)
        below = (1 + t) / 2
        return z * below, (z, t, below)

    def backward(self, delta: Array, cache: Any, /) -> tuple[Array, "GELU"]:
        z, t, below = cache
        if self.approximate == "none":
            slope = erf_slope(z / 2**0.5) / 2**0.5 / 2
        else:
            slope = (1 - t * t) * ((1 + 3 * (z * z * 0.044715)) * (2 / pi) ** 0.5) / 2
        return delta * (below + z * slope), self


def examples(rng: np.random.Generator) -> Iterator[tuple[GELU, Array]]:
    yield GELU(), rng.standard_normal((5, 4))
    yield GELU("tanh"), rng.standard_normal((5, 4))
