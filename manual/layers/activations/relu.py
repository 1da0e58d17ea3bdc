from collections.abc import Iterator

import numpy as np

from manual.layer import Layer
from manual.numbers.checks import floats
from manual.numbers.number_types import Array, nonpositive, positive_part


class ReLU(Layer, without={"inplace": False}):
    """What is positive passes, everything else becomes 0.

        a = max(0, z)
        ∂C/∂z = δ ⊙ [z > 0]       any shape; ReLU'(0) = 0 by convention, torch's too

    A NaN passes, and so does its δ, as in torch: it is not known to be off.

    Raises:
        InputError: the input is not an array of floats.
    Source: document A, part 1, "Activation Functions". Same as torch.nn.ReLU.
    """

    def forward(self, z: Array, /) -> tuple[Array, Array]:
        floats(self, z)
        on = ~nonpositive(z)
        return positive_part(z), on

    def backward(self, delta: Array, on: Array, /) -> tuple[Array, "ReLU"]:
        return delta * on, self


def examples(rng: np.random.Generator) -> Iterator[tuple[ReLU, Array]]:
    yield ReLU(), rng.standard_normal((5, 4))
    yield ReLU(), np.array([[-1.5, 0.0, 2.0]])
