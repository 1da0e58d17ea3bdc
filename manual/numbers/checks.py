"""Errors for bad input: each names what was given, what was expected, and where."""

import math
import sys
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any

import numpy as np

from manual.numbers.number_types import Array


class InputError(ValueError):
    """An argument or an array that cannot be right. It is said in one line, also of an array that has several."""

    def __str__(self) -> str:
        return " ".join(line.strip() for line in super().__str__().splitlines())


def _name(owner: object) -> str:
    return owner if isinstance(owner, str) else type(owner).__name__


def mismatch(where: object, expected: str, dtype: Any, given: Any) -> InputError:
    """The error for an array of the wrong shape or dtype."""
    return InputError(f"{where!r}: expected an array of shape {expected} and dtype {dtype}, got {shown(given)}")


def shown(given: Any) -> str:
    """What was given in an array's place."""
    if isinstance(given, type):
        return f"the class {given.__name__}"
    if hasattr(given, "shape") and hasattr(given, "dtype"):
        kind = "" if isinstance(given.dtype, np.dtype) else f"a {type(given).__name__} of "
        return f"{kind}shape {tuple(given.shape)} and dtype {given.dtype}"
    return f"a {type(given).__name__}"


def floats(owner: object, a: Any) -> None:
    """Raise InputError unless `a` is an array of floats, or of numbers of another type (see number_types.py)."""
    if type(a) is np.ndarray and a.dtype.kind == "f":
        return
    dtype = getattr(a, "dtype", None)
    if not isinstance(dtype, np.dtype) or isinstance(a, np.matrix) or dtype.kind not in "fO":
        raise InputError(f"{owner!r}: expected an array of floats, got {shown(a)}")
    numbers(owner, a)


def numbers(owner: object, a: Any) -> None:
    """Raise InputError where an element of an object array is not a number."""
    if isinstance(a, np.ndarray) and a.dtype.kind == "O":
        for at, number in np.ndenumerate(a):
            if not hasattr(number, "__truediv__"):
                raise InputError(f"{owner!r}: expected an array of numbers, got {number!r} at index {at}")


def instance(owner: object, name: str, value: Any, kind: type) -> None:
    """Raise InputError unless `value` is of this kind: a Layer, a Loss, an Optimizer."""
    if not isinstance(value, kind):
        raise InputError(f"{_name(owner)}: expected the {name} as a {kind.__name__}, got {shown(value)}")


def generator(owner: object, rng: Any) -> np.random.Generator:
    """`rng`, if it is a generator of random numbers, else an InputError: a seed, and None, are not taken for one."""
    if not isinstance(rng, np.random.Generator):
        raise InputError(f"{_name(owner)}: rng must be a numpy.random.Generator, as "
                         f"np.random.default_rng(0) is, got {rng!r}")
    return rng


def at_least(owner: object, name: str, value: Any, least: int) -> Any:
    """`value`, if it is one finite real number >= least, else an InputError.

    A NumPy scalar becomes a Python one, which never promotes float32.
    """
    number = _real(value)
    if number is None or not number >= least:
        raise InputError(f"{_name(owner)}: {name} must be a finite number >= {least}, got {value!r}")
    return number


def real(owner: object, name: str, value: Any) -> Any:
    """`value`, if it is one finite real number, else an InputError."""
    number = _real(value)
    if number is None:
        raise InputError(f"{_name(owner)}: {name} must be a finite number, got {value!r}")
    return number


def _real(value: Any) -> Any:
    """The value, a NumPy scalar as a Python one; None if it is not a finite real number."""
    number = value.item() if isinstance(value, np.generic) else value
    try:
        fine = not isinstance(number, bool | str) and not hasattr(number, "shape") and math.isfinite(float(number))
    except (TypeError, ValueError, OverflowError):
        fine = False
    return number if fine else None


def above_0(owner: object, name: str, value: Any) -> Any:
    """`value`, if it is one finite real number > 0, else an InputError."""
    number = _real(value)
    if number is None or not number > 0:
        raise InputError(f"{_name(owner)}: {name} must be a finite number > 0, got {value!r}")
    return number


def flag(owner: object, name: str, value: Any) -> bool:
    """`value`, if it is True or False, else an InputError: nothing else is taken for either."""
    if not isinstance(value, bool | np.bool_):
        raise InputError(f"{_name(owner)}: {name} must be True or False, got {value!r}")
    return bool(value)


def fraction(owner: object, name: str, value: Any) -> Any:
    """`value`, if it is a real number in [0, 1), else an InputError."""
    value = at_least(owner, name, value, 0)
    if not value < 1:
        raise InputError(f"{_name(owner)}: {name} must be in [0, 1), got {value!r}")
    return value


def whole(owner: object, name: str, value: Any, least: int) -> int:
    """`value`, if it is an integer >= least and no more than an array can have, else an InputError."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise InputError(f"{_name(owner)}: {name} must be an integer >= {least}, got {value!r}")
    if value > sys.maxsize:
        raise InputError(f"{_name(owner)}: {name} must be at most {sys.maxsize}, got {value!r}")
    return int(value)


def integer(owner: object, name: str, value: Any) -> int:
    """`value`, if it is an integer, else an InputError."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise InputError(f"{_name(owner)}: {name} must be an integer, got {value!r}")
    return int(value)


def pair(owner: object, name: str, value: Any, least: int) -> tuple[int, int]:
    """`value`, if it is a pair of integers >= least, or one integer that stands for both, else an InputError."""
    if isinstance(value, tuple | list):
        if len(value) != 2:
            raise InputError(f"{_name(owner)}: {name} must be an integer or a pair of them, got {value!r}")
        return whole(owner, f"{name}[0]", value[0], least), whole(owner, f"{name}[1]", value[1], least)
    one = whole(owner, name, value, least)
    return one, one


def finite(name: str, array: Array) -> None:
    """Raise InputError where data hold a NaN or an infinity: for where data enter; a step only watches its cost."""
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        at = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
        raise InputError(f"{name}: expected finite values, got {array[at]} at index {at}")


def betas(owner: object, name: str, value: Any) -> tuple[Any, Any]:
    """`value`, if it is a pair of real numbers in [0, 1), else an InputError."""
    try:
        first, second = value
    except (TypeError, ValueError):
        raise InputError(f"{_name(owner)}: {name} must be a pair of numbers in [0, 1), got {value!r}") from None
    return fraction(owner, f"{name}[0]", first), fraction(owner, f"{name}[1]", second)


def shape(owner: object, name: str, value: Any) -> tuple[int, ...]:
    """`value` as a shape, if it is an integer >= 1 or a tuple or list of them, else an InputError."""
    if isinstance(value, tuple | list):
        if not value:
            raise InputError(f"{_name(owner)}: {name} must have at least one axis, got {value!r}")
        return tuple(whole(owner, f"{name}[{i}]", n, 1) for i, n in enumerate(value))
    return (whole(owner, name, value, 1),)


def one_of(*allowed: Any) -> Callable[[object, str, Any], Any]:
    """A check that a value is one of these, else an InputError."""

    def check(owner: object, name: str, value: Any) -> Any:
        if not isinstance(value, int | np.integer | float | str) or isinstance(value, bool) or value not in allowed:
            *first, last = map(repr, allowed)
            raise InputError(f"{_name(owner)}: {name} must be {', '.join(first)} or {last}, got {value!r}")
        return value

    return check


# A field of a layer, a loss, an optimizer, … with one of these types is checked whenever it is set: see described.py.
AtLeast0 = Annotated[Any, partial(at_least, least=0)]
Above0 = Annotated[Any, above_0]
Below1 = Annotated[Any, fraction]
Real = Annotated[Any, real]
Integer = Annotated[int, integer]
Size = Annotated[int, partial(whole, least=1)]
Flag = Annotated[bool, flag]
Betas = Annotated[tuple[Any, Any], betas]
