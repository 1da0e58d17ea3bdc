"""The costs that a network's file may mean and not say, by what the grader calls them."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

Cost = Callable[[Any, Any], Any]


def half_squares(a: Any, y: Any) -> Any:
    """½ Σ (a − y)²"""
    return np.sum((a - y) ** 2) / 2


def squares(a: Any, y: Any) -> Any:
    """Σ (a − y)²"""
    return np.sum((a - y) ** 2)


def cross_entropy(a: Any, y: Any) -> Any:
    """−Σ y ln a"""
    return -np.sum(np.log(np.asarray(a)[np.asarray(y) == 1]))


def binary_cross_entropy(a: Any, y: Any) -> Any:
    """−Σ y ln a + (1 − y) ln(1 − a)"""
    return -np.sum(y * np.log(a) + (1 - y) * np.log(1 - a))


KNOWN: dict[str, Cost] = {
    "½ Σ (a − y)²": half_squares,
    "−Σ y ln a": cross_entropy,
    "−Σ y ln a + (1 − y) ln(1 − a)": binary_cross_entropy,
    "Σ (a − y)²": squares,
}


def choices(examples: int, a: Any, y: Any) -> Iterator[tuple[str, Cost]]:
    """Each cost that this output and this target have, as a sum over the examples and as their mean; what to call
    it."""
    for name, cost in KNOWN.items():
        with np.errstate(all="ignore"):
            if not np.isfinite(cost(a, y)):
                continue
        yield f"cost {name}", cost
        if examples > 1:
            yield f"cost {name}, averaged over the examples", _mean_of(cost, examples)


def _mean_of(cost: Cost, examples: int) -> Cost:
    return lambda a, y: cost(a, y) / examples
