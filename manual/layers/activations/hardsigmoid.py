from collections.abc import Iterator

import numpy as np

from manual.layer import Layer
from manual.numbers.checks import floats
from manual.numbers.number_types import Array, greater


class Hardsigmoid(Layer, without={"inplace": False}):
    """A sigmoid out of three straight lines, which needs no exponential.

        a = 0 up to z = −3, 1 from z = 3 on, between them z/6 + 1/2
        ∂C/∂z = δ/6 where −3 < z < 3, else 0      any shape; at −3 and 3 the slope is 0 by convention, torch's too

    Raises:
        InputError: the input is not an array of floats.
    Source: Courbariaux, Bengio & David, "BinaryConnect", 2015, with slope 1/2; here it is 1/6. Same as
    torch.nn.Hardsigmoid, but for its 1/6 of float32 in a gradient of float64.
    """

    def forward(self, z: Array, /) -> tuple[Array, Array]:
        floats(self, z)
        inside = greater(z, -3) & greater(-z, -3)
        return (np.minimum(np.maximum(z, -3), 3) + 3) / 6, inside

    def backward(self, delta: Array, inside: Array, /) -> tuple[Array, "Hardsigmoid"]:
        return delta * inside / 6, self


def examples(rng: np.random.Generator) -> Iterator[tuple[Hardsigmoid, Array]]:
    yield Hardsigmoid(), 2 * rng.standard_normal((5, 4))
    yield Hardsigmoid(), np.array([[-4.5, -3.0, -0.5, 0.0], [2.0, 3.0, 3.5, 1.0]])
