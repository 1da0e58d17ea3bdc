"""A layer that torch has no module for, with a parameter of its own. Right."""

from typing import Any

import numpy as np

from manual import Layer, parameter


class Swish(Layer):
    features: int
    beta: Any = parameter()

    def __post_init__(self):
        self.beta = np.ones(self.features)

    def forward(self, x):
        s = 1 / (1 + np.exp(-self.beta * x))
        return x * s, (x, s)

    def backward(self, delta, cache):
        x, s = cache
        slope = s * (1 - s) * x
        return delta * (s + self.beta * slope), self.like(beta=(delta * x * slope).sum(axis=0))


def examples(rng):
    yield Swish(3).like(beta=rng.uniform(1, 2, 3)), rng.standard_normal((5, 3))
    yield Swish(1).like(beta=rng.uniform(1, 2, 1)), rng.standard_normal((1, 1))
