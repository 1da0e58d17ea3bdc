"""What else a network's constructor may be handed: the words that its class knows, and the file's classes that fit.

Network(sizes, cost=CrossEntropyCost) may have a QuadraticCost, and Network(sizes, activation="relu") a "tanh".
"""

import ast
import inspect
from collections.abc import Iterator
from typing import Any, NamedTuple

from experiments.grade.forms.columns.words import words_of_class
from experiments.grade.forms.definitions import Definitions, needs
from experiments.grade.forms.piece import NO_FIELDS, Fields


class Option(NamedTuple):
    """What is said of it, if it is none of the first, and the arguments."""

    said: str = ""
    given: Fields = NO_FIELDS


FIRST = Option()


def alternatives(kind: type, found: Definitions) -> list[Option]:
    """What it cannot do without, or nothing; and then that with another in the place of one."""
    parameters = inspect.signature(kind).parameters.values() if inspect.isfunction(kind.__init__) else ()
    words = words_of_class(found, kind)
    ways = {p.name: (p.default, words.get(p.name) or _fitting(kind, p, found)) for p in parameters}
    needed = {name: some[0] for name, (default, some) in ways.items() if some and default is inspect.Parameter.empty}
    others = [
        Option(f"({name}={_said(one)})", needed | {name: one})
        for name, (default, some) in ways.items()
        for one in some
        if one is not needed.get(name) and one != default and type(one) is not type(None)
    ]
    return [Option("", needed), *others]


def _said(value: Any) -> str:
    return value.__name__ if inspect.isclass(value) else repr(value)


def _fitting(kind: type, p: inspect.Parameter, found: Definitions) -> list[Any]:
    """The file's classes that have each method that is called of the argument; objects of these, where one is its
    default."""
    wanted = {*_read_of(kind, p.name, found)}
    is_class = inspect.isclass(p.default)
    if not wanted or not (p.default is p.empty or is_class or type(p.default) in found.own().values()):
        return []
    kinds = [k for k in found.own().values() if inspect.isclass(k) and k is not kind]
    kinds = [k for k in kinds if wanted <= {n for n in dir(k) if not n.startswith("__")}]
    if is_class or p.default is p.empty:
        return kinds
    return [k() for k in kinds if k is not type(p.default) and not needs(k)]


def _read_of(kind: type, name: str, found: Definitions) -> Iterator[str]:
    """What a class calls of an argument of its constructor, there or where it keeps it."""
    every = [n for k in kind.__mro__ if k in found.own().values() for n in ast.walk(found.node_of(k))]
    places = {name}
    for n in every:
        if isinstance(n, ast.Assign) and isinstance(n.value, ast.Name) and n.value.id == name:
            places |= {ast.unparse(t) for t in n.targets}
    for n in every:
        if isinstance(n, ast.Call) and isinstance(n.func, ast.Attribute) and ast.unparse(n.func.value) in places:
            yield n.func.attr
