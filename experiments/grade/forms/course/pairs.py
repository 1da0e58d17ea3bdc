"""Which functions and static methods of a file are a forward and its backward."""

import ast
import inspect
import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from experiments.grade.forms.course.contexts import contexts, with_a_context
from experiments.grade.forms.course.stateless import classes_of, functions_of
from experiments.grade.forms.definitions import Definitions, needs
from experiments.grade.forms.own_examples import fitting

NAME = re.compile(r"(?P<stem>\w+)_(?P<way>forward|backward)(?P<variant>_\w+)?")


class Layer(NamedTuple):
    """A forward and its backward, what the layer is called, also without its variant, and what it is made of; and
    whether the names of its arguments tell their shapes, as a bias may be (n,) or (1, n)."""

    name: str
    stem: str
    forward: Callable[..., Any]
    backward: Callable[..., Any]
    made_of: list[Any]
    names_tell: bool = True


def pairs(found: Definitions) -> Iterator[Layer]:
    """The functions, and the static methods, that are a forward and its backward."""
    functions = found.functions()
    for name, backward in functions.items():
        match = NAME.fullmatch(name)
        if not match or match["way"] == "forward":
            continue
        names = [f"{match['stem']}_forward{variant}" for variant in (match["variant"] or "", "", "_naive")]
        forward = next((functions[n] for n in names if n in functions), None)
        if forward is None or fitting(match["stem"], forward, found.module):
            continue  # functions, which take whatever the examples are
        if _returns_several(found, forward) and (_takes_a_cache(forward, backward) or _takes_two(backward)):
            variant, made_of = match["variant"] or "", [forward, backward]
            yield Layer(f"{match['stem']}{variant}", match["stem"], forward, backward, made_of)
    for name, kind in found.classes().items():
        static = [getattr(kind, n) for n in ("forward", "backward") if isinstance(vars(kind).get(n), staticmethod)]
        if len(static) == 2 and _takes_a_cache(*static):
            saves = [*inspect.signature(static[0]).parameters][:1] == ["ctx"]
            pair = with_a_context(*static) if saves else (static[0], static[1])
            if saves or _returns_several(found, static[0]):
                yield Layer(name, name, *pair, [kind, *(contexts(found) if saves else [])])
    yield from (Layer(name, name, *pair, made_of) for name, pair, made_of in functions_of(found))
    yield from (Layer(name, name, *pair, made_of, names_tell=False) for name, pair, made_of in classes_of(found))


def _takes_a_cache(forward: Any, backward: Any) -> bool:
    """Whether a backward takes δ and what the forward kept, and nothing by the name of one of the forward's
    arguments."""
    of_forward, of_backward = inspect.signature(forward).parameters, inspect.signature(backward).parameters
    return len(of_forward) > 0 and needs(backward) >= 2 and not {*of_forward} & {*[*of_backward][1:]}


def _takes_two(backward: Any) -> bool:
    """Whether a backward takes δ and one more, which is what the forward kept whatever its name; the contract's own
    calls δ so."""
    names = [*inspect.signature(backward).parameters]
    return needs(backward) == len(names) == 2 and names[0] != "delta"


def _returns_several(found: Definitions, function: Callable[..., Any]) -> bool:
    """Whether a function returns a tuple, or what another of the file returns."""
    values = [n.value for n in ast.walk(found.node_of(function)) if isinstance(n, ast.Return)]
    called = [v.func.id for v in values if isinstance(v, ast.Call) and isinstance(v.func, ast.Name)]
    others = [f for name in called if inspect.isfunction(f := found.own().get(name)) and f is not function]
    return any(isinstance(value, ast.Tuple) for value in values) or any(_returns_several(found, f) for f in others)
