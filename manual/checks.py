"""Errors for bad input: each names what was given, what was expected, and where."""

from typing import Any

import numpy as np

from manual.number_types import Array


class InputError(ValueError):
    """An argument or an array that cannot be right."""


def mismatch(where: object, expected: str, dtype: Any, given: Any) -> InputError:
    """The error for an array of the wrong shape or dtype."""
    return InputError(
        f"{where!r}: expected an array of shape {expected} and dtype {dtype}, got shape {given.shape} and dtype {given.dtype}"
    )


def at_least(owner: object, name: str, value: Any, least: int) -> Any:
    """`value`, if it is a finite real number >= least; a NumPy float becomes a Python one, which never promotes float32."""
    try:
        fine = bool(value >= least) and value != float("inf")
    except (TypeError, ValueError):
        fine = False
    if not fine:
        raise InputError(f"{type(owner).__name__}: {name} must be a finite number >= {least}, got {value!r}")
    return float(value) if isinstance(value, np.floating) else value


def fraction(owner: object, name: str, value: Any) -> Any:
    """`value`, if it is a real number in [0, 1)."""
    value = at_least(owner, name, value, 0)
    if not value < 1:
        raise InputError(f"{type(owner).__name__}: {name} must be in [0, 1), got {value!r}")
    return value


def size(owner: object, name: str, value: Any) -> int:
    """`value`, if it is a positive integer."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise InputError(f"{type(owner).__name__}: {name} must be a positive integer, got {value!r}")
    return int(value)


def finite(name: str, array: Array) -> None:
    """Raise where data hold a NaN or an infinity. It is looked for once, where data enter; a step only watches its cost."""
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        at = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
        raise InputError(f"{name}: expected finite values, got {array[at]} at index {at}")


def betas(owner: object, value: Any) -> tuple[Any, Any]:
    """`value`, if it is a pair of real numbers in [0, 1)."""
    try:
        first, second = value
    except (TypeError, ValueError):
        raise InputError(f"{type(owner).__name__}: betas must be a pair of numbers in [0, 1), got {value!r}") from None
    return fraction(owner, "betas[0]", first), fraction(owner, "betas[1]", second)
