"""What costs less than its like in the library, where arrays are small and many."""

from collections.abc import Callable
from typing import Any, Generic, TypeVar

import numpy as np

T = TypeVar("T")


class lazy(Generic[T]):
    """As `functools.cached_property`, without the lock that Python 3.11 takes each time."""

    def __init__(self, compute: Callable[[Any], T]) -> None:
        self._compute = compute
        self._name = compute.__name__

    def __get__(self, instance: Any, owner: type) -> T:
        value = instance.__dict__[self._name] = self._compute(instance)
        return value


def some(mask: Any) -> bool:
    """As np.any, five times as fast."""
    return bool(np.count_nonzero(mask))


def every(mask: Any) -> bool:
    """As np.all, five times as fast."""
    return np.count_nonzero(mask) == mask.size
