"""One turn of a loop that trains, as statements that can be run one by one, and what in it may be a cost.

What prints or plots is left out. A cost is what the loop calls its loss, also where it prints it or puts it into a
list; or it is one of a prediction and a target, which are what the loop subtracts from each other: error = y - a, or
scores[range(n), y] -= 1. Both are kept as they are at that place, under names that no file can have.
"""

import ast
import re
from collections.abc import Iterator
from types import CodeType, ModuleType
from typing import Any, TypeGuard

import numpy as np

from experiments.grade.forms.course.losses import words_of
from experiments.grade.forms.definitions import MODULE

LOSS = re.compile(r"(sum|total|train|epoch|batch|running)?_?(loss|cost|mse|err(or)?|sse|objective|J)", re.IGNORECASE)
"""What a number is called that is a cost."""
OF_LOSSES = {"loss", "losses", "costs", "cost", "mse", "objective", "entropy", "bce", "nll", "J"}
"""The words of a function that computes one, or of a list of them; errors may be absolute ones, to be looked at."""
SHOWS = {"print", "plot", "show", "display", "draw", "log", "save", "report", "visualize", "visualise", "test"}
"""The words of a function that computes nothing."""
KEPT, HOT = "kept(…)", "hot(…)"
Loop = ast.For | ast.While


def kept(value: Any) -> Any:
    """What a place holds now."""
    return value.copy() if isinstance(value, np.ndarray) else value


def hot(scores: Any, places: Any) -> Any:
    """Ones at some places of an array, zeros elsewhere."""
    target = np.zeros(np.shape(scores))
    target[places] = 1
    return target


HELPERS = {KEPT: kept, HOT: hot}


class Turn:
    """The statements of one turn; the names that its costs are kept under, and those of pairs that are subtracted."""

    def __init__(self, loop: Loop, module: ModuleType) -> None:
        quiet = Quiet(module)
        statements = [new for s in loop.body for new in listed(quiet.visit(s))]
        self.pairs: list[tuple[str, str]] = []
        self.costs: list[str] = []
        self.statements: list[ast.stmt] = []
        for statement in statements:
            self.statements += [*self._with_pairs(statement), statement, *_attribute_kept(statement)]
        for name in [n for s in self.statements if not _is_an_error(s) for n in bound(s)]:
            if name.startswith(Quiet.COST) or LOSS.fullmatch(name):
                self.costs += [name] * (name not in self.costs)
        self.codes = [compiled(s) for s in self.statements]

    def _with_pairs(self, statement: ast.stmt) -> Iterator[ast.stmt]:
        """What keeps the two sides of each difference in a statement, before it runs."""
        if isinstance(statement, ast.For | ast.While | ast.FunctionDef) or _moves_itself(statement):
            return
        for left, right in _differences(statement):
            names = f"side {len(self.pairs)}", f"other side {len(self.pairs)}"
            self.pairs.append(names)
            for name, side in zip(names, (left, right), strict=True):
                yield _assigned(name, side, statement)


class Quiet(ast.NodeTransformer):
    """Statements without what only shows something; a cost that is shown is kept."""

    COST = "cost of line "

    def __init__(self, module: ModuleType) -> None:
        self.module = module

    def visit_Expr(self, node: ast.Expr) -> Any:
        call = node.value
        found = [*self._costs(node)]
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute):
            if call.func.attr == "append" and words_of(ast.unparse(call.func.value)) & OF_LOSSES and call.args:
                found = found or [_assigned(f"{self.COST}{node.lineno}", call.args[0], node)]
            elif self._computes(call.func):
                found.append(node)
        elif isinstance(call, ast.Call) and self._is_own(call.func) and not words_of(ast.unparse(call.func)) & SHOWS:
            found.append(node)
        return found or ast.copy_location(ast.Pass(), node)

    def visit_Assign(self, node: ast.Assign) -> Any:
        return [*self._costs(node), node] if isinstance(node.targets[0], ast.Subscript) else node

    def visit_If(self, node: ast.If) -> Any:
        """One that only shows a cost is no condition of it."""
        self.generic_visit(node)
        inside = [s for s in (*node.body, *node.orelse) if not isinstance(s, ast.Pass)]
        costs = all(isinstance(s, ast.Assign) and (_is_kept(s) or _is_a_loss(s)) for s in inside)
        return (inside or ast.copy_location(ast.Pass(), node)) if costs else node

    def visit(self, node: ast.AST) -> Any:
        """A node as it is run: what is repeated or defined stays, and outside of that nothing ends early."""
        if isinstance(node, ast.For | ast.While | ast.FunctionDef):
            return node
        if isinstance(node, ast.Break | ast.Continue | ast.Return):
            return ast.copy_location(ast.Pass(), node)
        return super().visit(node)

    def _computes(self, called: ast.Attribute) -> bool:
        """Whether it is a function of NumPy's or a method of the object itself."""
        root = next(n for n in ast.walk(called) if isinstance(n, ast.Name | ast.Constant | ast.Call | ast.Subscript))
        return isinstance(root, ast.Name) and (root.id == "self" or vars(self.module).get(root.id) is np)

    def _is_own(self, called: ast.expr) -> bool:
        """Whether it is a function of the file's."""
        return isinstance(called, ast.Name) and getattr(vars(self.module).get(called.id), "__module__", "") == MODULE

    def _costs(self, node: ast.stmt) -> Iterator[ast.stmt]:
        """What keeps the value of a call of one of the file's own functions of a loss."""
        for call in [n for n in ast.walk(node) if isinstance(n, ast.Call)]:
            own = isinstance(call.func, ast.Attribute) and ast.unparse(call.func.value) == "self"
            own = own or self._is_own(call.func)
            if own and words_of(ast.unparse(call.func)) & OF_LOSSES:
                yield _assigned(f"{self.COST}{call.lineno}", call, node)


def _attribute_kept(statement: ast.stmt) -> Iterator[ast.stmt]:
    """What keeps the cost that a statement gives an object: self.loss += …"""
    if gives_a_cost(statement):
        target = statement.targets[0] if isinstance(statement, ast.Assign) else statement.target
        value = ast.parse(ast.unparse(target), mode="eval").body
        yield _assigned(f"{Quiet.COST}{statement.lineno}", value, statement)


def gives_a_cost(statement: ast.stmt) -> TypeGuard[ast.Assign | ast.AugAssign]:
    """Whether a statement keeps a cost in an object."""
    if not isinstance(statement, ast.Assign | ast.AugAssign) or _is_an_error(statement):
        return False
    target = statement.targets[0] if isinstance(statement, ast.Assign) else statement.target
    return isinstance(target, ast.Attribute) and LOSS.fullmatch(target.attr) is not None


def _moves_itself(statement: ast.stmt) -> bool:
    """Whether a statement gives a name a new value made of its own: v = momentum * v - lr * dw."""
    if not isinstance(statement, ast.Assign):
        return False
    return ast.unparse(statement.targets[0]) in {ast.unparse(n) for n in ast.walk(statement.value)}


def _is_kept(statement: ast.Assign) -> bool:
    return ast.unparse(statement.value).startswith(KEPT)


def _is_a_loss(statement: ast.Assign) -> bool:
    target = statement.targets[0]
    return isinstance(target, ast.Name) and LOSS.fullmatch(target.id) is not None


def _is_an_error(statement: ast.stmt) -> bool:
    """Whether it is a bare difference that is called an error: of one example it is a number, and yet no cost."""
    if not isinstance(statement, ast.Assign | ast.AugAssign):
        return False
    target = statement.targets[0] if isinstance(statement, ast.Assign) else statement.target
    if not re.search("err", ast.unparse(target), re.IGNORECASE):
        return False
    value = statement.value
    is_subtract = isinstance(value, ast.Call) and ast.unparse(value.func).endswith(".subtract")
    return is_subtract or (isinstance(value, ast.BinOp) and isinstance(value.op, ast.Sub))


def _differences(statement: ast.stmt) -> Iterator[tuple[ast.expr, ast.expr]]:
    """The two sides of each difference in a statement: a - b, np.subtract(a, b), a[…] -= 1."""
    if isinstance(statement, ast.AugAssign) and isinstance(statement.op, ast.Sub):
        place = statement.target
        if (
            isinstance(place, ast.Subscript)
            and isinstance(statement.value, ast.Constant)
            and statement.value.value == 1
        ):
            scores = ast.parse(ast.unparse(place.value), mode="eval").body
            places = (
                ast.parse(f"({ast.unparse(place.slice)})", mode="eval").body if ":" not in ast.unparse(place) else 0
            )
            if places:
                yield scores, ast.Call(ast.Name(HOT, ast.Load()), [scores, places], [])  # pyright: ignore[reportArgumentType]
    for n in _outside_of_others(statement):
        sides: list[ast.expr] = []
        if isinstance(n, ast.BinOp) and isinstance(n.op, ast.Sub):
            sides = [n.left, n.right]
        elif isinstance(n, ast.Call) and ast.unparse(n.func).endswith(".subtract"):
            sides = n.args
        if len(sides) == 2 and not any(isinstance(side, ast.Constant) for side in sides):
            yield sides[0], sides[1]


def _outside_of_others(node: ast.AST) -> Iterator[ast.AST]:
    """A node and those in it, but for what has names of its own."""
    yield node
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.Lambda | ast.ListComp | ast.GeneratorExp | ast.DictComp | ast.SetComp):
            yield from _outside_of_others(child)


def _assigned(name: str, value: ast.expr, near: ast.stmt) -> ast.stmt:
    """A statement that keeps a value as it is now."""
    call = ast.Call(ast.Name(KEPT, ast.Load()), [value], [])
    new = ast.Assign([ast.Name(name, ast.Store())], call)
    return ast.fix_missing_locations(ast.copy_location(new, near))


def listed(new: Any) -> list[ast.stmt]:
    """What a visit gives in a statement's place: one, or several."""
    return new if isinstance(new, list) else [new]


def bound(statement: ast.stmt) -> list[str]:
    """The names that a statement gives a value."""
    return [n.id for n in ast.walk(statement) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)]


def compiled(statement: ast.stmt) -> CodeType:
    """A statement, to be run."""
    return compile(ast.Module([statement], []), "the loop", "exec")
