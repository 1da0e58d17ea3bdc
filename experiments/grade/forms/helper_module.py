"""What a course hands out in a module of its own, beside which a student's file is written, and that is not handed in.

The usual functions of these names stand in, and it is said. One that is called as a pair wherever it is called, as in
`A, cache = sigmoid(Z)`, gives its argument with its value. Softmax and cost are those of columns, and stand in where
the file keeps its weights in a dict, `parameters`, as people do who write columns.
"""

import ast
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from experiments.grade.forms.whole.names import PARAMETERS
from experiments.grade.process.number_types import expit, softmax

Function = Callable[..., Any]


def relu(z: Any) -> Any:
    """max(0, z)"""
    return np.maximum(0, z)


def sigmoid_backward(dA: Any, Z: Any) -> Any:
    """∂C/∂Z = ∂C/∂A · a (1 − a)"""
    return dA * expit(Z) * (1 - expit(Z))


def relu_backward(dA: Any, Z: Any) -> Any:
    """∂C/∂Z = ∂C/∂A where Z > 0"""
    return dA * (Z > 0)


def softmax_of_columns(z: Any) -> Any:
    """eᶻ / Σ eᶻ, down each column"""
    return softmax(z, axis=0)


def cross_entropy_of_columns(AL: Any, Y: Any) -> Any:
    """−Σ (y ln a + (1 − y) ln(1 − a)) / m"""
    return -np.sum(Y * np.log(AL) + (1 - Y) * np.log(1 - AL)) / np.shape(Y)[1]


USUAL: dict[str, Function] = {
    "sigmoid": expit, "relu": relu, "sigmoid_backward": sigmoid_backward, "relu_backward": relu_backward,
}  # fmt: skip
OF_COLUMNS: dict[str, Function] = {"softmax": softmax_of_columns, "compute_cost": cross_entropy_of_columns}


def usual(names: Iterable[str], tree: ast.AST) -> dict[str, Function]:
    """Those of these names for which there is a usual function, as the file calls it."""
    known = USUAL | (OF_COLUMNS if _writes_columns(tree) else {})
    return {name: _paired(known[name]) if _gives_a_pair(name, tree) else known[name] for name in names if name in known}


def _paired(f: Function) -> Function:
    return lambda z: (f(z), z)


def _gives_a_pair(name: str, tree: ast.AST) -> bool:
    """Whether each call of a function is unpacked into two names."""
    pairs = [
        isinstance(node.targets[0], ast.Tuple) and len(node.targets[0].elts) == 2
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and _is_call(node.value, name)
    ]
    return bool(pairs) and all(pairs) and len(pairs) == sum(_is_call(node, name) for node in ast.walk(tree))


def _is_call(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name


def _writes_columns(tree: ast.AST) -> bool:
    """Whether the file reads a weight from a dict of parameters, by a text."""
    return any(
        isinstance(node, ast.Subscript)
        and isinstance(node.value, ast.Name)
        and node.value.id in PARAMETERS
        and any(isinstance(part, ast.Constant) and isinstance(part.value, str) for part in ast.walk(node.slice))
        for node in ast.walk(tree)
    )
