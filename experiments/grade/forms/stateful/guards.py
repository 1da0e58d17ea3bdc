"""The small numbers that keep a logarithm or a quotient finite, as 1e-7 in log(y + 1e-7), and a forward without them.

Many a right backward is the derivative of the cost without its guard: y − t, where the cost has log(y + 1e-7).
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import CodeType, ModuleType
from typing import Any

import numpy as np

from experiments.grade.forms.definitions import constants_of, functions_of

LARGEST = 1e-6
EACH: dict[str, Callable[..., Any]] = {"their mean": np.mean, "their sum": np.sum}
"""What a cost for each example is the cost of."""


def guards(module: ModuleType, others: Iterable[Any] = ()) -> set[float]:
    """The guards that a file's functions have in their code, and those among other numbers."""
    own = [*_functions(module)]
    found = [c for f in own for c in (*constants_of(f.__code__), *(f.__defaults__ or ()))]
    return {c for c in (*found, *vars(module).values(), *others) if _is_guard(c)}


@contextmanager
def without_guards(module: ModuleType) -> Iterator[None]:
    """All of a file's functions, with 0 for their guards, and for its own numbers of that size."""
    functions = [*_functions(module)]
    kept = [(f.__code__, f.__defaults__) for f in functions]
    numbers = {n: v for n, v in vars(module).items() if _is_guard(v)}
    for f in functions:
        f.__code__, f.__defaults__ = (
            without_constants(f.__code__),
            f.__defaults__ and tuple(map(_nothing, f.__defaults__)),
        )
    vars(module).update(dict.fromkeys(numbers, 0.0))
    try:
        yield
    finally:
        vars(module).update(numbers)
        for f, (code, defaults) in zip(functions, kept, strict=True):
            f.__code__, f.__defaults__ = code, defaults


def unguarded(said: str, cost: Callable[..., Any], module: ModuleType) -> list[tuple[str, Callable[..., Any]]]:
    """A cost, and the same without its guards, where the file has some; what to call each."""
    small = guards(module)
    if not small:
        return [(said, cost)]

    def without(*given: Any) -> Any:
        with without_guards(module):
            return cost(*given)

    return [(said, cost), (f"{said} without {', '.join(f'{g:g}' for g in sorted(small))}", without)]


def choices(module: ModuleType, axes: int) -> Iterator[tuple[str, Callable[..., Any]]]:
    """The conventions of a loss that its file does not tell: what a cost of so many axes adds up to, and guards."""
    of_each = {f"of the losses, {name}": each for name, each in EACH.items()} if axes else {"": np.sum}
    yield from of_each.items()
    if small := guards(module):
        without = f"without {', '.join(f'{g:g}' for g in sorted(small))} in the cost"
        yield from ((f"{name} {without}".strip(), each) for name, each in of_each.items())


def _is_guard(constant: Any) -> bool:
    return isinstance(constant, float) and 0 < constant <= LARGEST


def _functions(module: ModuleType) -> Iterator[Callable[..., Any]]:
    own = [thing for thing in vars(module).values() if getattr(thing, "__module__", None) == module.__name__]
    return (f for thing in own for f in functions_of(thing))


def without_constants(code: CodeType) -> CodeType:
    """Code with 0 for its guards."""
    constants = (without_constants(c) if isinstance(c, CodeType) else _nothing(c) for c in code.co_consts)
    return code.replace(co_consts=tuple(constants))


def _nothing(value: Any) -> Any:
    """0 for a guard."""
    return 0.0 if _is_guard(value) else value
