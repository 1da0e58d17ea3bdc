"""Changes of a whole statement: how it assigns, whether it stands there, and after which."""

import ast
from collections.abc import Iterator
from typing import Any

from experiments.grade.repairs.edits import Edit, filled
from experiments.grade.repairs.places import Place, Unit

OPERATORS = (ast.Add, ast.Sub, ast.Mult, ast.Div)


def places_of(function: ast.AST) -> dict[int, Place]:
    """Where each statement of a function stands, by the statement's id."""
    found = {}
    for node in ast.walk(function):
        for name in ("body", "orelse"):
            for i, statement in enumerate(getattr(node, name, None) or []) if not isinstance(node, ast.expr) else ():
                found[id(statement)] = Place(node, name, i)
    return found


def statement_changes(unit: Unit, places: dict[int, Place], numpy: str) -> Iterator[Edit]:
    """The changes of the statement that a unit is in."""
    statement, place = unit.statement, places[id(unit.statement)]
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
        yield from _assigned(statement, place, numpy)
    if isinstance(statement, ast.AugAssign):
        yield from _added(statement, place, numpy)
    if not isinstance(statement, ast.Return | ast.If | ast.While | ast.For):
        yield Edit("a statement too many", [(place, ast.Pass())], 2)
        yield from _moved(place)


def _assigned(statement: ast.Assign, place: Place, numpy: str) -> Iterator[Edit]:
    target = statement.targets[0]
    if isinstance(target, ast.Name | ast.Subscript | ast.Attribute):
        for op in OPERATORS:
            said = "= in place of +=" if op is ast.Add else "the wrong assignment"
            yield Edit(said, [(place, ast.AugAssign(target, op(), statement.value))], 1)
    yield from _added_at(target, statement.value, place, numpy)


def _added(statement: ast.AugAssign, place: Place, numpy: str) -> Iterator[Edit]:
    target: Any = statement.target
    for op in OPERATORS:
        if not isinstance(statement.op, op):
            said = "a wrong sign" if {op, type(statement.op)} == {ast.Add, ast.Sub} else "a wrong operator"
            yield Edit(said, [(place, ast.AugAssign(target, op(), statement.value))], 1)
    yield Edit("+= in place of =", [(place, ast.Assign([target], statement.value))], 1)
    if isinstance(statement.op, ast.Add):
        yield from _added_at(target, statement.value, place, numpy)


def _added_at(target: ast.expr, value: ast.expr, place: Place, numpy: str) -> Iterator[Edit]:
    """What is added by indices, of which one may occur again."""
    if isinstance(target, ast.Subscript) and numpy and not any(isinstance(n, ast.Slice) for n in ast.walk(target)):
        call = filled(f"{numpy}.add.at(a, i, v)", a=target.value, i=target.slice, v=value).made()
        yield Edit("+= by indices adds only once", [(place, ast.Expr(call))], 1)


def _moved(place: Place) -> Iterator[Edit]:
    """The statement after a later one of its block, or before an earlier one."""
    block, here = getattr(place.parent, place.name), place.index or 0
    for there in range(len(block)):
        if there != here and there != here - 1 and not isinstance(block[there], ast.Return):
            order = [s for i, s in enumerate(block) if i != here]
            order.insert(there, block[here])
            yield Edit("statements in the wrong order", [(Place(place.parent, place.name, None), order)], 3)
