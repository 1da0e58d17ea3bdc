"""Functions of a number."""

from collections.abc import Callable
from typing import Any

import numpy as np

from torch_ref.program.numbers import elementwise

EXP = elementwise(np.exp)


def sigmoid(x: Any) -> Any:
    """1/(1 + e^−x)"""
    return 1 / (1 + EXP(-x))


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
    "atan2": lambda y, x: np.arctan2(y, x),
    "hypot": lambda x, y: np.hypot(x, y),
}  # fmt: skip
