"""Functions of a number."""

from collections.abc import Callable
from typing import Any

import numpy as np

from torch_ref.program.numbers import elementwise
from torch_ref.tolerance.bounded import Bounded
from torch_ref.truth.dual import Dual

EXP = elementwise(np.exp)


def sigmoid(x: Any) -> Any:
    """1/(1 + e^−x)"""
    return 1 / (1 + EXP(-x))


def angle(y: Any, x: Any) -> Any:
    """The angle of the point (x, y)."""
    return np.arctan2(y, x) if _bounded(y, x) else np.asarray(_ANGLE(y, x), dtype=object)


def _angle(y: Any, x: Any) -> Any:
    if isinstance(y, Dual):
        return y.arctan2(x)
    return Dual(y, 0 * x.d).arctan2(x) if isinstance(x, Dual) else type(y).atan2(y, x)


_ANGLE = np.frompyfunc(_angle, 2, 1)


def _bounded(*arrays: Any) -> bool:
    return any(isinstance(a, Bounded) for a in arrays)


FUNCTIONS: dict[str, Callable[..., Any]] = {
    **{
        aten: elementwise(getattr(np, name))
        for aten, name in (
            ("exp", "exp"), ("expm1", "expm1"), ("exp2", "exp2"), ("log", "log"), ("log1p", "log1p"), ("log2", "log2"),
            ("log10", "log10"), ("sqrt", "sqrt"), ("sin", "sin"), ("cos", "cos"), ("tan", "tan"), ("sinh", "sinh"),
            ("cosh", "cosh"), ("tanh", "tanh"), ("asin", "arcsin"), ("acos", "arccos"), ("atan", "arctan"),
            ("asinh", "arcsinh"), ("acosh", "arccosh"), ("atanh", "arctanh"),
        )
    },
    "rsqrt": lambda x: 1 / elementwise(np.sqrt)(x),
    "sigmoid": sigmoid,
    "abs": np.abs,
    "atan2": angle,
    "hypot": lambda x, y: np.hypot(x, y) if _bounded(x, y) else elementwise(np.sqrt)(x * x + y * y),
}  # fmt: skip
