from collections.abc import Iterator

import numpy as np

from manual.layer import Layer
from manual.numbers.checks import floats
from manual.numbers.number_types import Array


class Tanh(Layer):
    """A gate between −1 and 1.

        a = tanh z
        ∂C/∂z = δ ⊙ (1 − a²)      any shape

    Raises:
        InputError: the input is not an array of floats.
    Source: document A, part 1, "Activation Functions". Same as torch.nn.Tanh.
    """

    def forward(self, z: Array, /) -> tuple[Array, Array]:
        floats(self, z)
        a = np.tanh(z)
        return a, a

    def backward(self, delta: Array, a: Array, /) -> tuple[Array, "Tanh"]:
        return delta * (1 - a * a), self


def examples(rng: np.random.Generator) -> Iterator[tuple[Tanh, Array]]:
    yield Tanh(), rng.standard_normal((5, 4))
