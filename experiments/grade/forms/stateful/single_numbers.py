"""Which single numbers of an object are parameters, as a PReLU's alpha: those of which a gradient is made.

A backward keeps it under a gradient's name, or returns it under one; or a method moves the number by something. What
else a single number is, as an ε or a slope, stays a setting.
"""

import ast
import copy
from collections.abc import Callable
from typing import Any

import numpy as np

from experiments.grade.forms.definitions import Definitions
from experiments.grade.forms.stateful.objects import BACKWARD, plain
from experiments.grade.forms.stateful.slots import Slot, gradient_slot, is_marked, numbers, put, slots, stem
from experiments.grade.forms.whole.results import returned_names

BEGINS = ("__init__", "reset", "initialize", "build")
"""Methods in which a number only begins."""


def with_its_parameters(
    prototype: Any, forward: Callable[[Any], Any], backward: Callable[[Any, Any], Any], found: Definitions
) -> Any:
    """An object whose single numbers are arrays of no axes, as far as they are parameters."""
    single = dict(numbers(prototype))
    if not single:
        return prototype
    own = copy.deepcopy(prototype)
    try:
        y = forward(own)
        before = _everything(own)
        backward(own, y)
    except Exception:  # which is said where it is run
        return prototype
    made = {
        s: a
        for s, a in _everything(own).items()
        if s not in before or not np.array_equal(a, before[s]) or is_marked(str(s[-1].key))  # one may be 0 by mistake
    }
    told = _told(found)
    own = copy.deepcopy(prototype)
    for slot, value in single.items():
        gradient = gradient_slot(made, slot, -1)
        has_one = gradient is not None and np.size(made[gradient]) == 1
        if has_one or stem(str(slot[-1].key)) in told:
            put(own, slot, np.array(float(value)))
    return own


def _everything(own: Any) -> dict[Slot, Any]:
    return dict(slots(own)) | dict(numbers(own))


def _told(found: Definitions) -> set[str]:
    """The stems of what the methods of the file move, and of the gradients that its backwards return."""
    backwards = {plain(n) for n in BACKWARD}
    stems = set[str]()
    for method in (f for k in found.tree.body if isinstance(k, ast.ClassDef) for f in k.body):
        if not isinstance(method, ast.FunctionDef) or method.name in BEGINS:
            continue
        stems |= {stem(name) for n in ast.walk(method) if (name := _moved(n))}
        if plain(method.name) in backwards:
            stems |= {stem(name) for name in returned_names(method)[1:] if is_marked(name)}
    return stems


def _moved(node: ast.AST) -> str:
    """The attribute of the object that a statement moves: self.a -= …, self.a = self.a - …; "" for none."""
    if isinstance(node, ast.AugAssign):
        target, moves = node.target, isinstance(node.op, ast.Add | ast.Sub) and not isinstance(node.value, ast.Constant)
    elif isinstance(node, ast.Assign) and isinstance(node.value, ast.BinOp):
        target = node.targets[0]
        is_its_own = ast.unparse(node.value.left) == ast.unparse(target)
        moves = is_its_own and isinstance(node.value.op, ast.Add | ast.Sub)
    else:
        return ""
    return target.attr if moves and isinstance(target, ast.Attribute) and ast.unparse(target.value) == "self" else ""
