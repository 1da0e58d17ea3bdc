from collections.abc import Iterator

import numpy as np

from manual.layer import Layer
from manual.numbers.checks import floats
from manual.numbers.number_types import Array


class Sigmoid(Layer):
    """A gate between 0 and 1.

        a = 1 / (1 + e⁻ᶻ)
        ∂C/∂z = δ ⊙ a(1 − a)      any shape

    For z far below 0, e⁻ᶻ overflows to infinity; its reciprocal, 0, is the right answer.

    Raises:
        InputError: the input is not an array of floats.
    Source: document A, part 1; document B, "Backward Pass", o(1 − o). Same as torch.nn.Sigmoid.
    """

    def forward(self, z: Array, /) -> tuple[Array, Array]:
        floats(self, z)
        with np.errstate(over="ignore"):
            a = 1 / (1 + np.exp(-z))
        return a, a

    def backward(self, delta: Array, a: Array, /) -> tuple[Array, "Sigmoid"]:
        return delta * (a * (1 - a)), self


def examples(rng: np.random.Generator) -> Iterator[tuple[Sigmoid, Array]]:
    yield Sigmoid(), rng.standard_normal((5, 4))
    yield Sigmoid(), np.array([[-30.0, -2.0, 0.0, 2.0]])
