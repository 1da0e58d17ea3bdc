"""What a file itself says that its pieces are called with: `examples(rng)`, or a function that is named for one."""

import inspect
from collections.abc import Callable, Container, Iterable
from contextlib import suppress
from types import ModuleType
from typing import Any

import numpy as np

from experiments.grade.errors import Unclear
from experiments.grade.forms.definitions import Definitions
from experiments.grade.forms.piece import Fields

Maker = Callable[[np.random.Generator], Iterable[Any]]


def _makers(piece: str, module: ModuleType) -> tuple[Maker | None, Maker | None]:
    """What makes the examples of a piece alone, and what makes them, be it for others, too."""
    named = next((f for n in (f"{piece}_examples", f"examples_{piece}") if (f := getattr(module, n, None))), None)
    return named, named or getattr(module, "examples", None)


def of_class(kind: type, module: ModuleType, rng: np.random.Generator) -> list[tuple[Any, list[Any]]]:
    """The objects of a class, each with the arrays that it is called with: (object, x), or (object, x, …)."""
    _, make = _makers(kind.__name__, module)
    if make is None:
        return []
    found = [e for e in make(rng) if isinstance(e, tuple) and len(e) > 1 and type(e[0]) is kind]
    every = [(own, [*given[0]] if isinstance(given[0], tuple) else given) for own, *given in found]
    return [(own, [np.asarray(a) for a in given]) for own, given in every]


def arguments_of_others(found: Definitions, *own: Callable[..., Any]) -> list[list[str]]:
    """What the other functions of a file take, of which an example may be, too."""
    return [[*inspect.signature(f).parameters] for f in found.functions().values() if f not in own]


def of_function(
    piece: str,
    needed: list[str],
    names: list[str],
    others: list[list[str]],
    known: Container[str],
    module: ModuleType,
    rng: np.random.Generator,
) -> list[Fields] | None:
    """The file's examples for a function of these arguments; None where it has none for it.

    They are in a function that is named for it, or in `examples`: as dicts by its arguments' names, or as tuples, if
    no other function of the file may be meant: none takes as many, nor are all of its arguments `known` by name.

    Raises:
        Unclear: they do not fit.
    """
    expected = f"expected examples(rng), which yields ({', '.join(needed)})"
    named, make = _makers(piece, module)
    if make is None:
        return None
    every = [e if isinstance(e, dict | tuple) else (e,) for e in make(rng)]
    found = [
        e for e in every if isinstance(e, dict) or not e or type(e[0]).__module__ != module.__name__
    ]  # not of a class
    fitting = [e for e in found if isinstance(e, dict) and {*needed} <= {*e} <= {*names}]
    if not fitting:
        tuples = [e for e in found if isinstance(e, tuple)]
        another = any(len(o) == len(names) for o in others)
        if not named and others and (another or all(n in known for n in needed[1:])):
            tuples = []
        fitting = [dict(zip(names, e, strict=False)) for e in tuples if len(needed) <= len(e) <= len(names)]
        if tuples and not fitting:
            raise Unclear(f"examples(rng) yields {len(tuples[0])} values; {expected}")
    if not fitting and not others and len(found) == len(every):
        raise Unclear(f"examples(rng) yields nothing; {expected}")
    if not fitting:
        return None
    return [*map(_as_arrays, fitting)]


def also_of_function(
    piece: str, needed: list[str], names: list[str], others: list[list[str]], module: ModuleType,
    rng: np.random.Generator,
) -> list[Fields]:  # fmt: skip
    """The same where inputs are drawn, too: those that do not fit are not for it."""
    with suppress(Unclear):
        return of_function(piece, needed, names, others, (), module, rng) or []
    return []


def _as_arrays(example: Fields) -> Fields:
    """Its numbers as arrays; a generator, a dict, a word, None and other objects as they are."""
    found = {name: np.asarray(value) for name, value in example.items()}
    return {name: a if a.dtype.kind in "biuf" else example[name] for name, a in found.items()}
