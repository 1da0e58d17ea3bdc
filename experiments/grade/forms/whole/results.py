"""The gradients in what a function returns: lists by layer, arrays in a row, or a dict; told apart by their names."""

import ast
import inspect
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from experiments.grade.forms.definitions import Definitions
from experiments.grade.forms.piece import Arrays
from experiments.grade.forms.stateful.slots import slots, stem

MATRICES, ALL = 2, 3


def returned_names(node: ast.AST) -> list[str]:
    """What a function calls the things that it returns, by its last return of names; "" for what has none."""
    names: list[str] = []
    for n in ast.walk(node):
        if isinstance(n, ast.Return) and n.value is not None:
            values = n.value.elts if isinstance(n.value, ast.Tuple | ast.List) else [n.value]
            if any(isinstance(v, ast.Name) for v in values):
                names = [v.id if isinstance(v, ast.Name) else "" for v in values]
    return names


def method_node(found: Definitions, kind: type, name: str) -> ast.AST:
    """What the file says of a method, in the class or in the nearest of its bases that has it."""
    for owner in kind.__mro__:
        if name in vars(owner):
            if (function := inspect.unwrap(vars(owner)[name])) is not vars(owner)[name]:
                return found.node_of(function)
            own = [n for n in ast.walk(found.node_of(owner)) if isinstance(n, ast.FunctionDef) and n.name == name]
            return own[-1] if own else ast.Module([], [])
    return ast.Module([], [])


def gradients_in(result: Any, names: list[str], parameters: Mapping[str, tuple[int, ...]]) -> Arrays:
    """The gradient of each parameter, as far as it is found: by its name, else by its shape and order.

    Args:
        result: what the function returned.
        names: what it calls its values.
        parameters: the shape of each, by name.
    """
    flat = [*_flattened(result, names)]
    found: Arrays = {}
    for parameter in parameters:
        match = next((i for i, (name, _) in enumerate(flat) if stem(name) == stem(parameter)), None)
        if match is not None:
            found[f"d{parameter}"] = np.asarray(flat.pop(match)[1])
    is_alone = len(flat) == 1  # a single number, as of one parameter that is a number, may be the loss
    for parameter, shape in parameters.items():
        if f"d{parameter}" not in found and (shape or not is_alone):
            match = next((i for i, (_, g) in enumerate(flat) if np.shape(g) == shape), None)
            if match is not None:
                found[f"d{parameter}"] = np.asarray(flat.pop(match)[1])
    return found


def _flattened(result: Any, names: list[str]) -> Iterator[tuple[str, Any]]:
    if isinstance(result, dict):
        yield from ((str(name), value) for name, value in result.items())
    elif isinstance(result, tuple | list):
        labels = names if len(names) == len(result) else [""] * len(result)
        for label, value in zip(labels, result, strict=True):
            if isinstance(value, tuple | list) and all(isinstance(each, dict) for each in value):
                yield from ((f"{i}.{key}", g) for i, each in enumerate(value) for key, g in each.items())
            elif isinstance(value, tuple | list):
                yield from ((f"{label}{i}" if label else "", each) for i, each in enumerate(value))
            elif isinstance(value, dict):
                yield from _flattened(value, [])
            else:
                yield label, value
    elif result is not None:
        yield (names[0] if len(names) == 1 else ""), result


def fits(prototype: Any, own: Any, result: Any) -> int:
    """Whether what came back has the shapes of the parameters, or of those with two axes; nothing, where they move
    themselves."""
    shapes = {".".join(str(s.key) for s in way): np.shape(a) for way, a in slots(prototype)}
    if result is None:
        return ALL * int(dict.fromkeys(shapes.values()).keys() <= {np.shape(a): 0 for _, a in slots(own)}.keys())
    found = {n[1:]: g.shape for n, g in gradients_in(result, [], shapes).items()}
    others = [shapes[n] for n, shape in found.items() if shape != shapes[n]]
    if not found or any(len(shape) == 2 and min(shape) > 1 for shape in others):
        return 1
    return MATRICES if others else ALL
