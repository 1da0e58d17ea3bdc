"""Which neurons a dropout leaves on."""

from typing import Any

import numpy as np

from manual.numbers.number_types import Array


def mask(seed: Any, count: Any, p: Any, shape: tuple[int, ...]) -> Array:
    """True where a neuron stays on in this step: a function of (seed, count, shape) alone."""
    return np.random.default_rng((int(seed), int(count))).random(shape) >= float(p)
