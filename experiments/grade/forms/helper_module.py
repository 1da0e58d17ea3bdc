"""What a course hands out in a module of its own, beside which a student's file is written, and that is not handed in.

The usual functions of these names stand in, and it is said. One that is called as a pair wherever it is called, as in
`A, cache = sigmoid(Z)`, gives its argument with its value. Softmax and costs are of rows or of columns, as the file
multiplies by its weights.
"""

import ast
import re
from collections.abc import Callable, Iterable
from functools import partial
from types import ModuleType
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

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


def softmax_of_a_vector(z: Any) -> Any:
    """eᶻ / Σ eᶻ, where nothing says along which axis: it has one"""
    if np.ndim(z) != 1:
        raise ModuleNotFoundError("softmax is not installed here, and along which axis it goes is not known")
    return softmax(z)


def cross_entropy_of_columns(AL: Any, Y: Any) -> Any:
    """−Σ (y ln a + (1 − y) ln(1 − a)) / m"""
    return -np.sum(Y * np.log(AL) + (1 - Y) * np.log(1 - AL)) / np.shape(Y)[1]


def cross_entropy_of_rows(y: Any, t: Any) -> Any:
    """−Σ t ln y / N, of one-hot rows or of classes"""
    hot = t if np.size(t) == np.size(y) else np.eye(np.shape(y)[1])[np.ravel(t)]
    return -np.sum(hot * np.log(y)) / np.shape(y)[0]


def im2col(x: Any, filter_h: int, filter_w: int, stride: int = 1, pad: int = 0) -> Any:
    """The patches of pictures (N, C, H, W) that a filter sees, each a row of C · filter_h · filter_w numbers."""
    around = np.pad(x, [(0, 0), (0, 0), (pad, pad), (pad, pad)])
    seen = sliding_window_view(around, (filter_h, filter_w), axis=(2, 3))[:, :, ::stride, ::stride]
    return seen.transpose(0, 2, 3, 1, 4, 5).reshape(-1, x.shape[1] * filter_h * filter_w)


def col2im(col: Any, shape: Any, filter_h: int, filter_w: int, stride: int = 1, pad: int = 0) -> Any:
    """The pictures again, where patches that overlap add up."""
    n, c, h, w = shape
    around = np.zeros((n, c, h + 2 * pad, w + 2 * pad), col.dtype)
    high, wide = (around.shape[2] - filter_h) // stride + 1, (around.shape[3] - filter_w) // stride + 1
    seen = col.reshape(n, high, wide, c, filter_h, filter_w).transpose(0, 3, 4, 5, 1, 2)
    for i, j in np.ndindex(filter_h, filter_w):
        around[:, :, i : i + stride * high : stride, j : j + stride * wide : stride] += seen[:, :, i, j]
    return around[:, :, pad : pad + h, pad : pad + w]


USUAL: dict[str, Function] = {
    "sigmoid": expit, "relu": relu, "sigmoid_backward": sigmoid_backward, "relu_backward": relu_backward,
    "im2col": im2col, "col2im": col2im,
}  # fmt: skip
BY_LAYOUT: dict[str, dict[str, Function]] = {
    "columns": {"softmax": partial(softmax, axis=0), "compute_cost": cross_entropy_of_columns},
    "rows": {"softmax": partial(softmax, axis=-1), "cross_entropy_error": cross_entropy_of_rows},
    "": {"softmax": softmax_of_a_vector},
}
OF_SOFTMAX = {"compute_cost": False, "cross_entropy_error": True}
"""Whether the cost of this name is that of a softmax."""
WEIGHT = re.compile(r"[Ww](eights?)?[a-z]{0,2}\d*(_\w)?")


def stands_for_patches(module: ModuleType) -> bool:
    """Whether the usual im2col stands in. The rows of the file's own may be in another order, so that its forward need
    not be torch's then."""
    return vars(module).get("im2col") is im2col


def usual(names: Iterable[str], tree: ast.AST) -> dict[str, Function]:
    """Those of these names for which there is a usual function, as the file calls it."""
    known = USUAL | BY_LAYOUT[_layout(tree)]
    has_softmax = any(isinstance(node, ast.Name) and node.id == "softmax" for node in ast.walk(tree))
    for name in ("sigmoid", "relu"):
        if not _gives_a_pair(name, tree):  # whether its backward takes z or a, and δ first, is not known
            known.pop(f"{name}_backward")
    known = {name: f for name, f in known.items() if OF_SOFTMAX.get(name, has_softmax) == has_softmax}
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


def _layout(tree: ast.AST) -> str:
    """Whether the file multiplies data as columns, W x, or as rows, x W; nothing where it does both."""
    sides = {place for node in ast.walk(tree) for place, factor in enumerate(_factors(node)) if _is_weight(factor)}
    return "columns" if sides == {0} else "rows" if sides == {1} else ""


def _factors(node: ast.AST) -> list[ast.expr]:
    """The two of a product of matrices, in any way of writing it."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult):
        return [node.left, node.right]
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ("dot", "matmul"):
        own = [] if isinstance(node.func.value, ast.Name) and node.func.value.id == "np" else [node.func.value]
        return [*own, *node.args][:2]
    return []


def _is_weight(node: ast.AST) -> bool:
    """Whether it is called as weights are: W1, self.W, parameters["Wax"], also transposed."""
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Call):
        if isinstance(node, ast.Attribute) and node.attr not in ("T", "transpose"):
            return bool(WEIGHT.fullmatch(node.attr))
        if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
            return bool(WEIGHT.fullmatch(str(node.slice.value)))
        node = node.func if isinstance(node, ast.Call) else node.value
    return isinstance(node, ast.Name) and bool(WEIGHT.fullmatch(node.id))
