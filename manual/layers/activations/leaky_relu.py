from collections.abc import Iterator

import numpy as np

from manual.layer import Layer
from manual.numbers.checks import Real, floats
from manual.numbers.number_types import Array, positive


class LeakyReLU(Layer, without={"inplace": False}):
    """What is positive passes, of the rest a small part leaks through, so that no neuron is off for good.

        a = z where z > 0, else s z
        ∂C/∂z = δ where z > 0, else s δ      any shape; at 0 the slope is s by convention, torch's too

    Raises:
        InputError: negative_slope s is not a finite number; the input is not an array of floats.
    Source: Maas, Hannun & Ng, "Rectifier Nonlinearities Improve Neural Network Acoustic Models", 2013. Same as
    torch.nn.LeakyReLU.
    """

    negative_slope: Real = 0.01

    def forward(self, z: Array, /) -> tuple[Array, Array]:
        floats(self, z)
        on = positive(z)
        return np.where(on, z, self.negative_slope * z), on

    def backward(self, delta: Array, on: Array, /) -> tuple[Array, "LeakyReLU"]:
        return np.where(on, delta, self.negative_slope * delta), self


def examples(rng: np.random.Generator) -> Iterator[tuple[LeakyReLU, Array]]:
    yield LeakyReLU(), rng.standard_normal((5, 4))
    yield LeakyReLU(0.3), rng.standard_normal((2, 3, 2))
