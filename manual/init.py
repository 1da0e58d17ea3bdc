"""Other starts than a layer's own. (Linear starts as torch's does, uniform in ±1/√in.)"""

from typing import TypeVar

import numpy as np

from manual.layer import Layer

L = TypeVar("L", bound=Layer)


def constant(network: L, value: float) -> L:
    """A copy in which every parameter is `value`: the equal start, from which neurons never part (document B, step 1)."""
    return network.like(**{name: np.full_like(p, value) for name, p in network.params.items()})
