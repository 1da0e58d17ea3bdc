from collections.abc import Iterator

import numpy as np

from manual.layer import Layer
from manual.numbers.checks import floats
from manual.numbers.number_types import Array


class Identity(Layer):
    """The linear activation.

        a = z
        ∂C/∂z = δ                 any shape

    Raises:
        InputError: the input is not an array of floats.
    Source: document B, "Forward Pass", φ(u) = u. Same as torch.nn.Identity.
    """

    def forward(self, z: Array, /) -> tuple[Array, None]:
        floats(self, z)
        return z, None

    def backward(self, delta: Array, cache: None, /) -> tuple[Array, "Identity"]:
        return delta, self


def examples(rng: np.random.Generator) -> Iterator[tuple[Identity, Array]]:
    yield Identity(), rng.standard_normal((5, 4))
