"""Sums, products and powers of numbers, and products of matrices."""

from collections.abc import Callable
from typing import Any

import numpy as np

from torch_ref.program.numbers import elementwise
from torch_ref.tolerance.bounded import Bounded

SQRT = elementwise(np.sqrt)


def add(a: Any, b: Any, alpha: Any = 1) -> Any:
    """a + alpha·b"""
    return np.add(a, b if alpha == 1 else np.multiply(b, alpha))


def subtract(a: Any, b: Any, alpha: Any = 1) -> Any:
    """a − alpha·b"""
    return np.subtract(a, b if alpha == 1 else np.multiply(b, alpha))


def divide(a: Any, b: Any, rounding_mode: str | None = None) -> Any:
    """a/b

    Raises:
        TypeError: a quotient that is rounded to an integer: it has no derivative.
    """
    if rounding_mode is not None:
        raise TypeError(f"aten::div: expected rounding_mode=None, got {rounding_mode!r}")
    return np.true_divide(a, b)


def power(x: Any, n: Any) -> Any:
    """xⁿ: by products for a whole n, by a root for a half, else as e^(n log x) is."""
    if not isinstance(n, int | float):
        return np.power(x, n)
    if float(n) == int(n):
        return _whole_power(x, int(n))
    if float(2 * n) == int(2 * n):
        root = SQRT(x)
        return _whole_power(root, int(2 * n))
    return np.power(x, n)


def _whole_power(x: Any, n: int) -> Any:
    if n < 0:
        return 1 / _whole_power(x, -n)
    if n == 0:
        return 0 * x + 1
    if n == 2:
        return x * x
    return np.power(x, n)


def product(a: Any, b: Any) -> Any:
    """The product of matrices, or of stacks of them."""
    if isinstance(b, Bounded) and not isinstance(a, Bounded):
        return b._of(a) @ b
    return a @ b


ARITHMETIC: dict[str, Callable[..., Any]] = {
    "add": add,
    "sub": subtract,
    "mul": lambda a, b: np.multiply(a, b),
    "div": divide,
    "fmod": np.fmod,
    "neg": lambda x: -x,
    "reciprocal": lambda x: 1 / x,
    "pow": power,
    "mm": product,
    "bmm": product,
}
