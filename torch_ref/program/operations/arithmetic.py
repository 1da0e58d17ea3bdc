"""Sums, products and powers of numbers, and products of matrices."""

from collections.abc import Callable
from typing import Any

import numpy as np

from torch_ref.program.numbers import as_array, elementwise
from torch_ref.program.operations.steps import FLOOR, TRUNC
from torch_ref.tolerance.bounded import Bounded

SQRT = elementwise(np.sqrt)


def add(a: Any, b: Any, alpha: Any = 1) -> Any:
    """a + alpha·b"""
    return a + (b if alpha == 1 else b * alpha)


def subtract(a: Any, b: Any, alpha: Any = 1) -> Any:
    """a − alpha·b"""
    return a - (b if alpha == 1 else b * alpha)


def divide(a: Any, b: Any, rounding_mode: str | None = None) -> Any:
    """a/b, or its floor, or what is left of it without its fraction"""
    quotient = a / b
    return quotient if rounding_mode is None else {"floor": FLOOR, "trunc": TRUNC}[rounding_mode](quotient)


def power(x: Any, n: Any) -> Any:
    """xⁿ: by products for a whole n, by a root for a half, else as e^(n log x) is."""
    if not isinstance(n, int | float):
        return np.power(float(x) if isinstance(x, int) else x, n)
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
    if n in (1, 2):
        return x if n == 1 else x * x
    return np.power(x, n)


def product(a: Any, b: Any) -> Any:
    """The product of matrices, or of stacks of them."""
    if isinstance(b, Bounded) and not isinstance(a, Bounded):
        return b._of(a) @ b
    return a @ b


def addbmm(x: Any, a: Any, b: Any, beta: Any = 1, alpha: Any = 1) -> Any:
    """beta·x + alpha·Σ aᵢbᵢ over the stack of products"""
    added = as_array(np.sum(product(a, b), axis=0)) * alpha
    return added if beta == 0 else x * beta + added


def trilinear(a: Any, b: Any, c: Any, *axes_and_sums: Any) -> Any:
    """Σ a·b·c over axes, each with new axes where it is said."""
    *new, over, _ = axes_and_sums if len(axes_and_sums) == 5 else (*axes_and_sums, 1)
    a, b, c = (np.expand_dims(x, tuple(axes)) for x, axes in zip((a, b, c), new, strict=True))
    return as_array(np.sum(a * b * c, axis=tuple(over)))


ARITHMETIC: dict[str, Callable[..., Any]] = {
    "add": add,
    "sub": subtract,
    "mul": lambda a, b: a * b,
    "div": divide,
    "neg": lambda x: -x,
    "reciprocal": lambda x: 1 / x,
    "pow": power,
    "mm": product,
    "bmm": product,
    "addbmm": addbmm,
    "_trilinear": trilinear,
    "ldexp": lambda x, n: x * np.power(2.0, n),
}
