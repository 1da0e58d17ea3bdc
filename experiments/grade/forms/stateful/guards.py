"""The small numbers that keep a logarithm or a quotient finite, as 1e-7 in log(y + 1e-7), and a forward without them.

Many a right backward is the derivative of the cost without its guard: y − t, where the cost has log(y + 1e-7).
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import CodeType, ModuleType
from typing import Any

from experiments.grade.forms.definitions import constants_of, functions_of

LARGEST = 1e-6


def guards(module: ModuleType) -> set[float]:
    """The guards that a file's functions have in their code."""
    return {c for f in _functions(module) for c in constants_of(f.__code__) if _is_guard(c)}


@contextmanager
def without_guards(module: ModuleType) -> Iterator[None]:
    """All of a file's functions, with 0 for their guards."""
    functions = [*_functions(module)]
    codes = [f.__code__ for f in functions]
    for f in functions:
        f.__code__ = _without(f.__code__)
    try:
        yield
    finally:
        for f, code in zip(functions, codes, strict=True):
            f.__code__ = code


def _is_guard(constant: Any) -> bool:
    return isinstance(constant, float) and 0 < constant <= LARGEST


def _functions(module: ModuleType) -> Iterator[Callable[..., Any]]:
    own = [thing for thing in vars(module).values() if getattr(thing, "__module__", None) == module.__name__]
    return (f for thing in own for f in functions_of(thing))


def _without(code: CodeType) -> CodeType:
    def one(c: Any) -> Any:
        return _without(c) if isinstance(c, CodeType) else 0.0 if _is_guard(c) else c

    return code.replace(co_consts=tuple(map(one, code.co_consts)))
