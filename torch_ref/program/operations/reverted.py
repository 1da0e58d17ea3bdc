"""Softplus, which torch takes for the identity above a threshold; a right formula need not.

    softplus(x) = log(1 + e^βx) / β,  softplus'(x) = 1 / (1 + e^−βx);      torch: x and 1, where βx > threshold

The two differ there by at most e^−βx / β and e^−βx, 2e-9 at torch's threshold of 20: so much is allowed besides.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from torch_ref.program.operations.arithmetic import ARITHMETIC
from torch_ref.program.operations.choices import CHOICES
from torch_ref.program.operations.functions import FUNCTIONS
from torch_ref.tolerance.bounded import Bounded

add, multiply, divide = (ARITHMETIC[name] for name in ("add", "mul", "div"))
exp, log1p, greater, where = FUNCTIONS["exp"], FUNCTIONS["log1p"], CHOICES["gt"], CHOICES["where"]


def softplus(x: Any, beta: Any = 1, threshold: Any = 20) -> Any:
    """As torch computes it, and as far besides as the formula without a threshold lies from that."""
    z = multiply(x, beta)
    y = where(greater(z, threshold), x, divide(log1p(exp(z)), beta))
    return _or_without_threshold(y, z, threshold, 1 / beta)


def softplus_backward(grad_output: Any, x: Any, beta: Any, threshold: Any) -> Any:
    """The same of δ softplus'(x)."""
    z = multiply(x, beta)
    e = exp(z)
    dx = where(greater(z, threshold), grad_output, divide(multiply(grad_output, e), add(e, 1)))
    return _or_without_threshold(dx, z, threshold, grad_output)


def _or_without_threshold(y: Any, z: Any, threshold: Any, scale: Any) -> Any:
    if not isinstance(y, Bounded):
        return y
    size = np.abs(scale.value) if isinstance(scale, Bounded) else scale
    with np.errstate(over="ignore", invalid="ignore"):
        apart = np.where(z.value > threshold, np.exp(-z.value) * size, 0)
    return Bounded(y.value, y.dtype, y.error + apart)


REVERTED: dict[str, Callable[..., Any]] = {"softplus": softplus, "softplus_backward": softplus_backward}
