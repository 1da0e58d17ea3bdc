"""A backward that takes what its forward took again, and δ, in any order: backward(W, X, dZ), or relu_back(x, d).

Functions, and methods of a class that keeps nothing on itself.
"""

import ast
import inspect
import re
from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any

import numpy as np

from experiments.grade.forms.definitions import Definitions
from experiments.grade.forms.settings import known_to, others
from experiments.grade.forms.stateful.making import constructions
from experiments.grade.forms.stateful.objects import methods_of, needed, returns_a_tuple
from experiments.grade.forms.stateful.slots import is_marked, stem
from experiments.grade.forms.whole.results import returned_names

NAME = re.compile(r"(?P<stem>\w+?)_?(backward|backprop|back|bwd|grad|vjp)")
DELTA = re.compile(r"d|g|d_?[a-z]\w*|\w*(delta|grad|diff|upstream|dout|error)\w*", re.IGNORECASE)
"""What an argument is called that may be δ."""
Pair = tuple[Callable[..., Any], Callable[..., Any]]
"""forward(…) → (out, what it took), and backward(dout, what it took)."""


def functions_of(found: Definitions) -> Iterator[tuple[str, Pair, list[Any]]]:
    """The functions that are such, but for those that take δ first."""
    functions = found.functions()
    for name, backward in functions.items():
        match = NAME.fullmatch(name)
        names = [match["stem"] + ending for ending in ("_forward", "_fwd", "")] if match else []
        forward = next((functions[n] for n in names if n in functions), None)
        if forward is not None and (delta := _delta(forward, backward)) and needed(backward)[0] != delta:
            yield names[-1], _pair(found, forward, backward, delta), [forward, backward]


def classes_of(found: Definitions) -> Iterator[tuple[str, Pair, list[Any]]]:
    """The classes that are such."""
    for name, kind in found.classes().items():
        methods = methods_of(kind)
        if methods is None or any(_is_kept(n) for n in ast.walk(found.node_of(kind))):
            continue
        delta = _delta(getattr(kind, methods.forward), getattr(kind, methods.backward))
        if delta and len(needed(getattr(kind, methods.backward))) > 1 and (own := _made(kind)) is not None:
            yield name, _pair(found, getattr(own, methods.forward), getattr(own, methods.backward), delta), [kind]


def _delta(forward: Callable[..., Any], backward: Callable[..., Any]) -> str:
    """The one argument of a backward that its forward does not take; "" where there is none, or a cache comes back."""
    if returns_a_tuple(forward):
        return ""
    first, then = needed(forward), needed(backward)
    others = [n for n in then if n not in first]
    fits = len(then) == len(first) + 1 and len(others) == 1 and (is_marked(others[0]) or DELTA.fullmatch(others[0]))
    return others[0] if first and fits else ""


def _is_kept(node: ast.AST) -> bool:
    """Whether it keeps something on self."""
    return isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)


def _made(kind: type) -> Any:
    for arguments in constructions(kind, np.random.default_rng(0)):
        try:
            return kind(*arguments)
        except Exception:
            continue
    return None


def _pair(found: Definitions, forward: Callable[..., Any], backward: Callable[..., Any], delta: str) -> Pair:
    names = returned_names(found.node_of(backward))
    takes = inspect.signature(forward)
    told = {o for _, of in others(forward, backward, hands_on=False) for o in of}
    untold = [n for _, of in others(forward) for n in of if n not in told]

    @wraps(forward)
    def and_taken(*args: Any, **options: Any) -> Any:
        given = takes.bind(*args, **options).arguments
        return forward(**given), given

    def back(dout: Any, taken: dict[str, Any]) -> Any:
        result = backward(**known_to(backward, taken), **{delta: dout})
        values = [*result] if isinstance(result, tuple | list) else [result]
        by_name = {n: g for g, r in zip(values, names, strict=False) for n in taken if stem(r) == stem(n)}
        return {f"d{n}": g for n, g in by_name.items()} if len(by_name) == len(values) == len(names) else result

    known = [p for n, p in takes.parameters.items() if n not in untold]
    and_taken.__signature__ = takes.replace(parameters=known)  # pyright: ignore[reportAttributeAccessIssue]
    return and_taken, back
