from collections.abc import Iterator

import numpy as np

from manual.layer import Layer
from manual.numbers.checks import floats
from manual.numbers.number_types import Array, nonpositive

ALPHA = 1.6732632423543772
SCALE = 1.0507009873554805


class SELU(Layer, without={"inplace": False}):
    """An ELU, scaled so that numbers of mean 0 and variance 1 keep these through every layer.

        a = λ z where z > 0, else λ α (eᶻ − 1)
        ∂C/∂z = δ λ where z > 0, else δ λ α eᶻ      any shape; at 0 the slope is λα by convention, torch's too

    λ = 1.0507… and α = 1.6732… solve E[a] = 0, E[a²] = 1 for a normal z: they are not arguments.

    Raises:
        InputError: the input is not an array of floats.
    Source: Klambauer et al., "Self-Normalizing Neural Networks", 2017. Same as torch.nn.SELU.
    """

    def forward(self, z: Array, /) -> tuple[Array, tuple[Array, Array]]:
        floats(self, z)
        bent = nonpositive(z)
        return np.where(bent, ALPHA * np.expm1(-np.abs(z)), z) * SCALE, (z, bent)  # −|z| is z there

    def backward(self, delta: Array, cache: tuple[Array, Array], /) -> tuple[Array, "SELU"]:
        z, bent = cache
        return np.where(bent, delta * (ALPHA * np.exp(-np.abs(z))), delta) * SCALE, self


def examples(rng: np.random.Generator) -> Iterator[tuple[SELU, Array]]:
    yield SELU(), rng.standard_normal((5, 4))
    yield SELU(), rng.standard_normal((2, 3, 2))
