"""How sharp the derived tolerance is: by layer, dtype and fan-in, what is observed of it, and the smallest error it
catches."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from manual import Layer, Linear, Sigmoid, Softmax, Tanh
from torch_ref import compare_layer
from torch_ref.tolerance.bounds import layer_bounds

FAN_INS = (4, 16, 64, 256, 784)
BATCH = 32


class Sensitivity(NamedTuple):
    """`observed` is the largest difference of manual and torch in units of what is allowed; `caught` the smallest ε
    for which an array that is wrong by the factor 1 + ε is caught, in the quantity where that is largest."""

    layer: str
    dtype: str
    fan_in: int
    observed: float
    caught: float


def sensitivity() -> Iterator[Sensitivity]:
    """One row for each layer, dtype and fan-in."""
    for dtype in (np.float64, np.float32):
        for fan_in in FAN_INS:
            rng = np.random.default_rng(0)
            layers: list[Layer] = [Linear(fan_in, fan_in, rng=rng).astype(dtype), Sigmoid(), Tanh(), Softmax()]
            x, delta = rng.standard_normal((2, BATCH, fan_in)).astype(dtype)
            for layer in layers:
                bounds = layer_bounds(layer, x, delta).values()
                caught = max(float((2 * b.error / np.abs(b.value)).min()) for b in bounds)
                observed = max(c.ratio for c in compare_layer(layer, x, rng).comparisons)
                yield Sensitivity(type(layer).__name__, np.dtype(dtype).name, fan_in, observed, caught)
