from collections.abc import Iterator

import numpy as np

from manual.layer import Layer
from manual.numbers.checks import Real, floats
from manual.numbers.number_types import Array, nonpositive


class ELU(Layer, without={"inplace": False}):
    """A ReLU that bends smoothly to −α, so that its outputs have a mean nearer to 0.

        a = z where z > 0, else α (eᶻ − 1)
        ∂C/∂z = δ where z > 0, else δ α eᶻ      any shape; at 0 the slope is α by convention, torch's too

    Raises:
        InputError: alpha is not a finite number; the input is not an array of floats.
    Source: Clevert, Unterthiner & Hochreiter, "Fast and Accurate Deep Network Learning by Exponential Linear Units",
    2016. Same as torch.nn.ELU.
    """

    alpha: Real = 1

    def forward(self, z: Array, /) -> tuple[Array, tuple[Array, Array]]:
        floats(self, z)
        bent = nonpositive(z)
        return np.where(bent, self.alpha * np.expm1(-np.abs(z)), z), (z, bent)  # −|z| is z there, and overflows nowhere

    def backward(self, delta: Array, cache: tuple[Array, Array], /) -> tuple[Array, "ELU"]:
        z, bent = cache
        return np.where(bent, delta * (self.alpha * np.exp(-np.abs(z))), delta), self


def examples(rng: np.random.Generator) -> Iterator[tuple[ELU, Array]]:
    yield ELU(), rng.standard_normal((5, 4))
    yield ELU(0.5), rng.standard_normal((2, 3, 2))
