"""What NumPy code may call on `Bounded`: one table, NumPy's function -> its rule, and how a call finds it.

A rule takes NumPy's arguments by NumPy's names. To add one, write it beside its kind, in terms of `Bounded`'s own
operations where that is the formula, and enter it into that file's table:

    sums.py          sums, means, products of arrays
    elementwise.py   functions of a number
    choices.py       maxima, orders, decisions
    moves.py         moves, joins, parts, new arrays

A function, a method of a ufunc or an option without a rule raises TypeError: an error that nobody has derived is no
bound.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from torch_ref.tolerance.array_methods import no_float
from torch_ref.tolerance.bounded import Bounded
from torch_ref.tolerance.choices import CHOICES, extremes
from torch_ref.tolerance.elementwise import FUNCTIONS
from torch_ref.tolerance.moves import MOVES, add_at, subtract_at
from torch_ref.tolerance.sums import SUMS, all_bounded

Rule = Callable[..., Any]

RULES: dict[Rule, Rule] = {
    **SUMS,
    **FUNCTIONS,
    **CHOICES,
    **MOVES,
    np.add: Bounded.__add__,
    np.subtract: Bounded.__sub__,
    np.multiply: Bounded.__mul__,
    np.divide: Bounded.__truediv__,
    np.negative: Bounded.__neg__,
}

METHODS: dict[tuple[np.ufunc, str], Rule] = {
    (np.add, "reduce"): SUMS[np.sum],
    (np.multiply, "reduce"): SUMS[np.prod],
    (np.maximum, "reduce"): CHOICES[np.max],
    (np.minimum, "reduce"): CHOICES[np.min],
    (np.logical_and, "reduce"): CHOICES[np.all],
    (np.logical_or, "reduce"): CHOICES[np.any],
    (np.add, "accumulate"): SUMS[np.cumsum],
    (np.multiply, "accumulate"): SUMS[np.cumprod],
    (np.maximum, "accumulate"): extremes(np.maximum),
    (np.minimum, "accumulate"): extremes(np.minimum),
    (np.add, "at"): add_at,
    (np.subtract, "at"): subtract_at,
}


def call_ufunc(given: Any, ufunc: np.ufunc, method: str, operands: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """What `__array_ufunc__` returns.

    Raises:
        TypeError: it has no rule.
    """
    name = f"numpy.{ufunc.__name__}{'' if method == '__call__' else f'.{method}'}"
    rule = RULES.get(ufunc) if method in ("__call__", "outer") else METHODS.get((ufunc, method))
    if rule is None:
        raise _missing(name)
    if method == "at":
        if not isinstance(operands[0], Bounded):
            raise no_float(f"{name}: an array of floats cannot be assigned a Bounded")
        return rule(*operands)
    first, *others = operands
    first = first if isinstance(first, Bounded) else given._of(first)
    if method == "outer":
        (other,) = all_bounded(first, *others)[1:]
        first, others = first.reshape(*first.shape, *[1] * other.ndim), [other]
    elif method in ("reduce", "accumulate"):
        options = {"axis": 0, **options}
    if not options:
        return rule(first, *others)
    (out,) = options.pop("out", (None,))
    return _called(name, rule, (first, *others), options, out, given.dtype)


def call_function(given: Any, function: Any, arguments: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """What `__array_function__` returns.

    Raises:
        TypeError: it has no rule.
    """
    name, rule = f"{function.__module__}.{function.__name__}", RULES.get(function)
    if rule is None:
        raise _missing(name)
    if not options:
        return rule(*arguments)
    keeps_dtype = function in SUMS or function in CHOICES or function in FUNCTIONS
    options = dict(options)
    return _called(name, rule, arguments, options, options.pop("out", None), given.dtype if keeps_dtype else None)


def _called(name: str, rule: Rule, arguments: Any, options: dict[str, Any], out: Any, dtype: Any) -> Any:
    """The rule's result, written to `out` where one is given; an option that says nothing is none."""
    if not (out is None or isinstance(out, Bounded)):
        raise no_float(f"{name}: an array of floats cannot be assigned a Bounded")
    options = {key: value for key, value in options.items() if value is not np._NoValue}
    if dtype is not None and "dtype" in options and np.dtype(options.pop("dtype") or dtype) != dtype:
        raise TypeError(f"{name} of a Bounded of {dtype}: expected the same dtype of the result")
    if options.get("where", False) is True:
        del options["where"]
    result = rule(*arguments, **options)
    return result if out is None else out._become(out._of(result))


def _missing(name: str) -> TypeError:
    return TypeError(
        f"{name} has no rule for Bounded, so that its rounding has no bound: write one beside its kind and enter it "
        "into the table of torch_ref/tolerance/sums.py, elementwise.py, choices.py or moves.py"
    )
