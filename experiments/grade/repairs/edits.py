"""Small changes of one expression: what is easily mistaken for another."""

import ast
from collections.abc import Callable, Iterator
from itertools import combinations
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from experiments.grade.repairs.atoms import Atom, is_float, is_number
from experiments.grade.repairs.places import Place

OTHERS: dict[type, list[type]] = {
    ast.Add: [ast.Sub, ast.Mult], ast.Sub: [ast.Add, ast.Mult], ast.Mult: [ast.Div, ast.Add, ast.MatMult],
    ast.Div: [ast.Mult], ast.MatMult: [ast.Mult], ast.Gt: [ast.Lt, ast.GtE], ast.Lt: [ast.Gt, ast.LtE],
    ast.GtE: [ast.LtE, ast.Gt], ast.LtE: [ast.GtE, ast.Lt], ast.Eq: [ast.NotEq], ast.NotEq: [ast.Eq],
}  # fmt: skip
"""What an operator is mistaken for."""
TWINS = {
    "sum": "mean", "mean": "sum", "exp": "log", "log": "exp", "maximum": "minimum", "minimum": "maximum",
    "argmax": "argmin",
}  # fmt: skip
"""What a function is mistaken for."""
SUMS = ("sum", "mean", "max", "min", "prod", "var", "std")


class Edit(NamedTuple):
    """A change: of which kind, and what is put where. `size` is how much of the text it touches."""

    kind: str
    changes: list[tuple[Place, Any]]
    size: int = 1


class Filled(NamedTuple):
    """A form, in whose names' places others stand: made when it is tried."""

    form: str
    nodes: dict[str, ast.expr | Atom]

    def made(self) -> ast.expr:
        """The expression."""
        nodes = self.nodes

        class Filler(ast.NodeTransformer):
            def visit_Name(self, node: ast.Name) -> ast.expr:
                found = nodes.get(node.id, node)
                return found.node if isinstance(found, Atom) else found

        return Filler().visit(ast.parse(self.form, mode="eval").body)


def filled(form: str, **nodes: ast.expr | Atom) -> Filled:
    """A form, in which these stand for its names."""
    return Filled(form, nodes)


def changes_of(place: Place, value: Any, values: dict[int, Any], atoms: list[Atom]) -> Iterator[Edit]:
    """The small changes of what stands at one place, and gave this value; and what the others gave."""
    node = place.node
    for kind, make in OF_NODE.items():
        if isinstance(node, kind):
            yield from (Edit(said, [(place, new)], size) for said, new, size in make(node, values))
    if isinstance(node, ast.Constant):
        numbers = [a for a in atoms if np.ndim(a.value) == 0 and a.value != node.value]
        yield from (
            Edit("a wrong constant", [(place, filled("a", a=a))], 3)
            for a in numbers
            if type(node.value) in (int, float)
        )
    elif is_number(value):
        for kind, form, size in _forms(place, value):
            yield Edit(kind, [(place, filled(form, v=node))], size)
        yield from _with_atoms(place, value, atoms)


def _forms(place: Place, value: Any) -> Iterator[tuple[str, str, int]]:
    """What may have become of a value v: the kind, the form that undoes it, and its size."""
    if np.ndim(value) == 2:
        yield "a transpose is missing", "v.T", 2
    if is_float(value):
        yield "a wrong power", "v ** 2", 2
        yield from (("a term is missing", form, 3) for form in ("1 - v", "1 + v", "v - 1"))
        if not isinstance(place.node, ast.UnaryOp) and not _is_factor(place):
            yield "a wrong sign", "-v", 2
        if isinstance(place.node, ast.Name | ast.Attribute) and np.ndim(value):
            yield "a number in place of a mask", "v > 0", 2


def _with_atoms(place: Place, value: Any, atoms: list[Atom]) -> Iterator[Edit]:
    """Another name for what has such a value; what a number is multiplied with, or raised to; a term."""
    node, text = place.node, ast.unparse(place.node)
    is_name = isinstance(node, ast.Name | ast.Attribute | ast.Subscript)
    for a in atoms:
        alike = np.shape(a.value) == np.shape(value) and is_float(a.value) == is_float(value)
        if is_name and alike and a.text != text and not np.array_equal(a.value, value):
            yield Edit("one name in place of another", [(place, filled("a", a=a))], 2)
        if is_name and np.ndim(value) == 0 and type(a.value) is int and a.value > 1 and a.text != text:
            kind, form = ("a wrong power", "v ** a") if is_float(value) else ("a factor is missing", "v * a")
            yield Edit(kind, [(place, filled(form, v=node, a=a))], 3)
        if is_float(value) and is_float(a.value) and np.shape(a.value) in ((), np.shape(value)) and a.text != text:
            yield from (Edit("a term is missing", [(place, filled(f, v=node, a=a))], 3) for f in ("v + a", "v - a"))


def renamed(unit: Place, values: dict[int, Any], atoms: list[Atom]) -> Iterator[Edit]:
    """One name in place of another wherever it stands in a statement."""
    standing: dict[str, list[Place]] = {}
    for place in unit.walk():
        if isinstance(place.node, ast.Name) and is_number(values.get(place.number)):
            standing.setdefault(place.node.id, []).append(place)
    for name, places in standing.items():
        value = values[places[0].number]
        for a in atoms if len(places) > 1 else []:
            if np.shape(a.value) == np.shape(value) and is_float(a.value) == is_float(value) and a.text != name:
                yield Edit("one name in place of another", [(place, filled("a", a=a)) for place in places], 3)


def _is_factor(place: Place) -> bool:
    """Whether a sign may as well stand before all of what it is in."""
    parent = place.parent
    products = ast.Mult | ast.Div | ast.MatMult
    return isinstance(parent, ast.BinOp) and (
        isinstance(parent.op, products)
        or (isinstance(parent.op, ast.Add | ast.Sub) and place.name == "right")
        or (isinstance(parent.op, ast.Pow) and place.name == "left")
    )


Made = Iterator[tuple[str, ast.expr, int]]
Values = dict[int, Any]


def _of_operation(node: ast.BinOp, _: Values) -> Made:
    what = "a term too many" if isinstance(node.op, ast.Add | ast.Sub) else "a factor too many"
    what = "a wrong power" if isinstance(node.op, ast.Pow) else what
    yield what, node.left, 1
    if isinstance(node.left, ast.BinOp):
        if isinstance(node.op, ast.Pow):  # a bracket that ends too late
            yield what, ast.BinOp(node.left.left, node.left.op, ast.BinOp(node.left.right, node.op, node.right)), 1
        yield what, node.left.left, 2
    if not isinstance(node.op, ast.Pow):
        yield what, node.right, 1
    for other in OTHERS.get(type(node.op), ()):
        is_sign = {type(node.op), other} == {ast.Add, ast.Sub}
        yield "a wrong sign" if is_sign else "a wrong operator", ast.BinOp(node.left, other(), node.right), 1
    if isinstance(node.op, ast.Sub | ast.Div | ast.MatMult | ast.Pow):
        yield "two operands in the wrong order", ast.BinOp(node.right, node.op, node.left), 1


def _of_sign(node: ast.UnaryOp, _: Values) -> Made:
    yield "a wrong sign", node.operand, 1


def _of_comparison(node: ast.Compare, _: Values) -> Made:
    for other in OTHERS.get(type(node.ops[0]), ()):
        yield "a wrong comparison", ast.Compare(node.left, [other()], node.comparators), 1


def _of_constant(node: ast.Constant, _: Values) -> Made:
    c: Any = node.value
    if type(c) in (int, float):
        for other in dict.fromkeys([c + 1, c - 1, 2 * c, -c, c / 2, 1 - c, 0, 1, 2]):
            if other != c:
                yield "a wrong constant", ast.Constant(other), 1


def _of_attribute(node: ast.Attribute, _: Values) -> Made:
    if node.attr == "T":
        yield "a transpose too many", node.value, 1


def _of_index(node: ast.Subscript, _: Values) -> Made:
    parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    for i, part in enumerate(parts):
        if isinstance(part, ast.Name | ast.BinOp):
            for op in (ast.Add(), ast.Sub()):
                moved = [*parts[:i], ast.BinOp(part, op, ast.Constant(1)), *parts[i + 1 :]]
                index = ast.Tuple(moved, ast.Load()) if len(moved) > 1 else moved[0]
                yield "a wrong index", ast.Subscript(node.value, index, ast.Load()), 1
    yield "a wrong index", node.value, 1


def _of_call(node: ast.Call, values: Values) -> Made:
    function, args = node.func, node.args
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    owner = values.get(getattr(function.value, "number", -1)) if isinstance(function, ast.Attribute) else None
    of_module = bool(args) and isinstance(owner, ModuleType)
    if name in TWINS and isinstance(function, ast.Attribute):
        said = f"a {name} in place of a {TWINS[name]}" if name in ("sum", "mean") else "another function"
        yield said, ast.Call(ast.Attribute(function.value, TWINS[name], ast.Load()), args, node.keywords), 1
    inner = args[:1] if of_module or not isinstance(function, ast.Attribute) else [function.value]
    if name in SUMS and inner and isinstance(function, ast.Attribute):
        yield from _of_axis(node, of_module, np.ndim(_value(values, inner[0])))
    if name == "einsum" and args and isinstance(args[0], ast.Constant):
        yield from _of_einsum(node)
    what = {"sum": "a sum too many", "mean": "a mean too many"}.get(name, "a function too many")
    yield from ((what, i, 2) for i in inner)
    for i in range(len(args) - 1):
        a, b = args[i : i + 2]
        turned = ast.Call(function, [*args[:i], b, a, *args[i + 2 :]], node.keywords)
        yield "two arguments in the wrong order", turned, 1


def _value(values: Values, node: ast.AST) -> Any:
    value = values.get(getattr(node, "number", -1))
    return value if is_number(value) else 0


def _of_axis(node: ast.Call, of_module: bool, axes: int) -> Made:
    """Other axes of a sum, kept or not."""
    args, before = node.args[: int(of_module)], node.args[int(of_module) : int(of_module) + 1]
    axis = next((k.value for k in node.keywords if k.arg == "axis"), before[0] if before else None)
    kept = next((k.value for k in node.keywords if k.arg == "keepdims"), None)
    others = [k for k in node.keywords if k.arg not in ("axis", "keepdims")]
    is_kept = isinstance(kept, ast.Constant) and bool(kept.value)
    now = ast.unparse(axis) if axis else "None"
    every = [some for n in range(1, axes) for some in combinations(range(axes), n)]
    for text in dict.fromkeys(["None", now, *(str(some[0] if len(some) == 1 else some) for some in every)]):
        for keep in (is_kept, not is_kept):
            if text != now or keep != is_kept:
                new = [ast.keyword("axis", ast.parse(text, mode="eval").body)] if text != "None" else []
                new += [ast.keyword("keepdims", ast.Constant(True))] if keep else []
                said = "the wrong axis" if text != now else "whether a sum keeps its axes"
                yield said, ast.Call(node.func, args, [*others, *new]), 1


def _of_einsum(node: Any) -> Made:
    """Two letters of one operand in each other's place."""
    text = str(node.args[0].value)
    for i, j in combinations(range(len(text)), 2):
        between = text[i : j + 1]
        if text[i].isalpha() and between.isalpha() and text[i] != text[j]:
            turned = text[:i] + text[j] + between[1:-1] + text[i] + text[j + 1 :]
            new = ast.Call(node.func, [ast.Constant(turned), *node.args[1:]], node.keywords)
            yield "wrong letters in einsum", new, 1


OF_NODE: dict[type, Callable[[Any, Values], Made]] = {
    ast.BinOp: _of_operation,
    ast.UnaryOp: _of_sign,
    ast.Compare: _of_comparison,
    ast.Constant: _of_constant,
    ast.Attribute: _of_attribute,
    ast.Subscript: _of_index,
    ast.Call: _of_call,
}
"""What each kind of expression is mistaken for: the kind of mistake, the other expression, and its size."""
