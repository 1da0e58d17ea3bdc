"""What statements move: the names, and the places, that they change by what they were."""

import ast
from collections.abc import Iterator, Sequence


def moved(body: Sequence[ast.stmt]) -> list[str]:
    """The names that a loop changes by what they were, or that hold what it changes: W += …, self.W = self.W - …."""
    names = []
    for n in (n for statement in body for n in ast.walk(statement)):
        if isinstance(n, ast.AugAssign):
            names.append(root_of(n.target))
        elif isinstance(n, ast.Assign) and _moves(n):
            names.append(root_of(n.targets[0]))
        elif isinstance(n, ast.Assign) and isinstance(n.targets[0], ast.Tuple | ast.List):
            names += names_in(n.targets[0])  # b, m = step(b, m, …), written out
        elif isinstance(n, ast.For) and {*moved(n.body)} & {*names_in(n.target)}:  # p, g in zip(weights, gradients)
            names += names_in(n.iter) if not any(isinstance(m, ast.Attribute) for m in ast.walk(n.iter)) else []
    return [*dict.fromkeys(names)]


def names_in(node: ast.AST) -> list[str]:
    """The names in it."""
    return [n.id for n in ast.walk(node) if isinstance(n, ast.Name)]


def _moves(node: ast.Assign) -> bool:
    """Whether it gives a place what that was, and more: w = w - rate * dw."""
    left = node.value.left if isinstance(node.value, ast.BinOp) else None
    while isinstance(left, ast.BinOp):
        if ast.unparse(node.targets[0]) == ast.unparse(left):
            return True
        left = left.left
    return left is not None and ast.unparse(node.targets[0]) == ast.unparse(left)


def root_of(target: ast.expr) -> str:
    """The name that a place begins with: self of self.params["W"]."""
    while isinstance(target, ast.Attribute | ast.Subscript | ast.Starred):
        target = target.value
    return target.id if isinstance(target, ast.Name) else ""


def moves(statement: ast.stmt) -> Iterator[ast.expr]:
    """The places that a statement changes by what they were."""
    for n in ast.walk(statement):
        if isinstance(n, ast.AugAssign):
            yield n.target
        elif isinstance(n, ast.Assign) and _moves(n):
            yield n.targets[0]


def moves_each_once(loop: ast.For | ast.While) -> bool:
    """Whether each turn of a loop moves something of its own, by nothing that another moves: all parameters, one by
    one, as for key in parameters."""
    own = {*names_in(loop.target)} if isinstance(loop, ast.For) else set[str]()
    places = [place for statement in loop.body for place in moves(statement)]
    shared = {root_of(place) for place in places} - own
    texts = {ast.unparse(place) for place in places}
    its_own = {m for s in loop.body for n in ast.walk(s) if ast.unparse(n) in texts for m in ast.walk(n)}
    read = [n for s in loop.body for n in ast.walk(s) if isinstance(n, ast.Name) and n not in its_own]
    return all(own & {*names_in(place)} for place in places) and shared.isdisjoint(n.id for n in read)
