"""Functions of a number."""

import math
from collections.abc import Callable
from typing import Any

import flint
import numpy as np

from manual.numbers.number_types import Array
from torch_ref.program.numbers import constant, elementwise, is_number
from torch_ref.tolerance.bounded import Bounded
from torch_ref.truth.dual import Dual


def special(
    name: str, f: Callable[[float], float], slope: Callable[[Any], Any], steepest: Callable[[Array, Array], Any]
) -> Callable[[Any], Any]:
    """The rule of a function that NumPy has not.

    Args:
        name: python-flint's method of a ball.
        f: the function of a float.
        slope: its derivative at a ball.
        steepest: a bound of |derivative| between two floats.
    """
    floats = np.vectorize(f, otypes=[np.float64])

    def one(value: Any) -> Any:
        if isinstance(value, float):
            return constant(np.asarray(f(value)))[()]
        if isinstance(value, Dual):
            return Dual(getattr(value.v, name)(), slope(value.v) * value.d)
        return getattr(value, name)()

    each = np.frompyfunc(one, 1, 1)

    def rule(x: Any) -> Any:
        if isinstance(x, Bounded):
            return x._function(floats, steepest(x.value - 2 * x.error, x.value + 2 * x.error))
        return np.asarray(each(x if is_number(x) else constant(np.asarray(x, float))), dtype=object)

    return rule


def _bell(low: Array, high: Array) -> Array:
    """2/√π e^(−x²) at its largest between two numbers."""
    least = np.where(low * high > 0, np.minimum(np.abs(low), np.abs(high)), 0)
    return 2 / math.sqrt(math.pi) * np.exp(-least * least)


def _bell_at(v: flint.arb) -> flint.arb:
    return 2 / flint.arb.pi().sqrt() * (-v * v).exp()


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
    "erf": special("erf", math.erf, _bell_at, _bell),
    "erfc": special("erfc", math.erfc, lambda v: -_bell_at(v), _bell),
    "atan2": lambda y, x: np.arctan2(y, x),
    "hypot": lambda x, y: np.hypot(x, y),
}  # fmt: skip
