"""How the quantities of a layer are called: "y" and "dx" where there is one; "y0", "y1", "dx0", "dx1" of several."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from manual.layer import several


def numbered(name: str, values: Any) -> dict[str, Any]:
    """Values by their names; None, which is no value, is left out."""
    if not isinstance(values, tuple):
        values, names = (values,), [name]
    else:
        names = [f"{name}{i}" for i in range(len(values))]
    return {key: value for key, value in zip(names, values, strict=True) if value is not None}


def random_delta(y: Any, rng: np.random.Generator) -> Any:
    """A random δ of an output, or a tuple of one for each of several."""
    delta = tuple(rng.standard_normal(o.shape) for o in several(y))
    return delta if isinstance(y, tuple) else delta[0]


def alone(values: Sequence[Any]) -> Any:
    """One value, or a tuple of several."""
    return tuple(values) if len(values) != 1 else values[0]
