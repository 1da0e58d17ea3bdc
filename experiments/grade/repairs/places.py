"""The places in a function where an expression stands, and what stands there while it runs."""

import ast
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import numpy as np

SEE = "see(…)"
"""What an expression is handed to while it is looked at, by a name that no file can have."""
SIMPLE = (ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Return, ast.Expr)
NO_VALUES = {"decorator_list", "returns", "annotation", "args", "targets", "target", "ctx", "op", "ops"}
"""The fields of a node in which nothing stands that is worked out; the arguments of a call are looked at apart."""


@dataclass
class Place:
    """Where an expression stands: in a field of a node, or at a place of a list in it."""

    parent: ast.AST
    name: str
    index: int | None
    number: int = -1
    inner: list["Place"] = field(default_factory=list)

    @property
    def node(self) -> Any:
        found = getattr(self.parent, self.name)
        return found if self.index is None else found[self.index]

    def put(self, node: Any) -> None:
        """Let this stand here."""
        if self.index is None:
            setattr(self.parent, self.name, node)
        else:
            getattr(self.parent, self.name)[self.index] = node

    def walk(self) -> Iterator["Place"]:
        """This and all places inside."""
        yield self
        for place in self.inner:
            yield from place.walk()


@dataclass
class Unit:
    """A value that a statement gives on: to a name, to its caller, to a function that it calls."""

    statement: ast.stmt
    place: Place


def units_of(function: ast.AST) -> list[Unit]:
    """Those of a function, and of the functions inside it, in their order."""
    statements = [n for n in ast.walk(function) if isinstance(n, SIMPLE) and n.value is not None and _is_of_a_file(n)]
    found = [Unit(s, p) for s in statements for p in (*_parts(Place(s, "value", None)), *_indices(s))]
    found += [
        Unit(s, Place(s, "test" if hasattr(s, "test") else "iter", None))
        for s in ast.walk(function)
        if isinstance(s, ast.If | ast.While | ast.For)
    ]
    found.sort(key=lambda unit: unit.statement.lineno)
    for number, place in enumerate(p for unit in found for p in _looked_into(unit.place).walk()):
        place.number = place.node.number = number
    return found


def _is_of_a_file(statement: Any) -> bool:
    """Whether it gives nothing to a name that no file can have, as what looks at a loop does."""
    targets = getattr(statement, "targets", [getattr(statement, "target", None)])
    return all(t.id.isidentifier() for t in targets if isinstance(t, ast.Name))


def _parts(place: Place) -> Iterator[Place]:
    """The values of a tuple, a list or a dict; of a call that stands alone, what it is handed; else the value."""
    node = place.node
    if isinstance(node, ast.Tuple | ast.List):
        yield from (Place(node, "elts", i) for i in range(len(node.elts)))
    elif isinstance(node, ast.Dict):
        yield from (Place(node, "values", i) for i in range(len(node.values)))
    elif isinstance(place.parent, ast.Expr) and isinstance(node, ast.Call):
        yield from (Place(node, "args", i) for i in range(len(node.args)))
    else:
        yield place


def _indices(statement: Any) -> Iterator[Place]:
    """By what a statement chooses the elements that it gives a value."""
    targets = getattr(statement, "targets", [getattr(statement, "target", None)])
    for target in (t for one in targets for t in (one.elts if isinstance(one, ast.Tuple) else [one])):
        if isinstance(target, ast.Subscript):
            for place in _parts(Place(target, "slice", None)):
                bounds = (Place(place.node, name, None) for name in ("lower", "upper"))
                yield from (b for b in bounds if b.node) if isinstance(place.node, ast.Slice) else [place]


def _looked_into(place: Place) -> Place:
    """The place, with those inside it."""
    node = place.node
    if isinstance(node, ast.Lambda | ast.JoinedStr):
        return place
    for name, value in ast.iter_fields(node):
        if name in NO_VALUES and not isinstance(node, ast.Call | ast.Compare):
            continue
        if name == "func" and isinstance(value, ast.Attribute):
            place.inner.append(_looked_into(Place(value, "value", None)))
        elif name == "keywords" or name == "generators":
            place.inner += [_looked_into(Place(k, "value" if name == "keywords" else "iter", None)) for k in value]
        elif isinstance(value, ast.expr) and name != "func":
            place.inner.append(_looked_into(Place(node, name, None)))
        elif isinstance(value, list):
            place.inner += [_looked_into(Place(node, name, i)) for i, v in enumerate(value) if isinstance(v, ast.expr)]
    return place


class _Looked(ast.NodeTransformer):
    """Every numbered expression, handed on to be seen."""

    def visit(self, node: Any) -> Any:
        number = getattr(node, "number", None)
        node = self.generic_visit(node)
        if number is None or isinstance(node, ast.Starred | ast.Slice | ast.Lambda | ast.JoinedStr):
            return node
        if not isinstance(getattr(node, "ctx", ast.Load()), ast.Load):
            return node
        seen = ast.Call(ast.Name(SEE, ast.Load()), [ast.Constant(number), node], [])
        return ast.fix_missing_locations(ast.copy_location(seen, node))


def looked_at(function: Any) -> Any:
    """The function, whose numbered expressions are handed to `see(number, value)` on their way."""
    return _Looked().visit(deepcopy(function))


class Seen:
    """What the expressions of the functions gave when they last ran. One of them may be shaken."""

    def __init__(self) -> None:
        self.values: dict[int, Any] = {}
        self.shaken: int | None = None

    def __call__(self, number: int, value: Any) -> Any:
        if number == self.shaken:
            return shaken(value)
        self.values[number] = value
        return value


def shaken(value: Any) -> Any:
    """Another value of its kind; the same, where there is none nearby."""
    if isinstance(value, tuple | list) and type(value) in (tuple, list):
        return type(value)(shaken(v) for v in value)
    if isinstance(value, dict):
        return {k: shaken(v) for k, v in value.items()}
    if isinstance(value, bool | np.bool_) or getattr(value, "dtype", np.dtype(float)).kind == "b":
        return np.logical_not(value)
    if isinstance(value, int | np.integer):
        return value + 1
    if not (isinstance(value, float | np.floating) or (isinstance(value, np.ndarray) and value.dtype.kind == "f")):
        return value
    step = np.cos(1 + np.arange(np.size(value))).reshape(np.shape(value))
    other = value + (1 + np.max(np.abs(value), initial=0)) * step / 1024
    return other if isinstance(value, np.ndarray) else type(value)(other)
