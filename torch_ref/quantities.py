"""How the quantities of a layer are called: "y" and "dx" where there is one; "y0", "y1", "dx0", "dx1" of several."""

from collections.abc import Sequence
from typing import Any


def numbered(name: str, values: Any) -> dict[str, Any]:
    """Values by their names; None, which is no value, is left out."""
    if not isinstance(values, tuple):
        values, names = (values,), [name]
    else:
        names = [f"{name}{i}" for i in range(len(values))]
    return {key: value for key, value in zip(names, values, strict=True) if value is not None}


def alone(values: Sequence[Any]) -> Any:
    """One value, or a tuple of several."""
    return tuple(values) if len(values) != 1 else values[0]
