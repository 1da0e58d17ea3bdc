"""One turn of a loop that trains, as statements that can be run one by one, and what in it may be a cost.

What prints or plots is left out. A cost is what the loop calls its loss, also where it prints it or puts it into a
list; or it is one of a prediction and a target, which are what the loop subtracts from each other: error = y - a, or
scores[range(n), y] -= 1. Both are kept as they are at that place, under names that no file can have.
"""

import ast
import copy
import re
from collections.abc import Iterator, Sequence
from itertools import count
from types import FunctionType, ModuleType
from typing import Any, TypeGuard

from experiments.grade.forms.course.losses import words_of
from experiments.grade.forms.loops.turns.kept import ALSO, BESIDE, HOT, LOSS, assigned, kept_now, stored
from experiments.grade.forms.loops.turns.quiet import Quiet

SLOPES = {"gradient", "grad", "derivative", "deriv", "prime", "backward", "delta"}
"""The words of a function that may give a loss's gradient by a prediction and a target."""
Loop = ast.For | ast.While
COUNT = count()


class Turn:
    """The statements of one turn; the names that its costs are kept under, and those of pairs that are subtracted."""

    def __init__(self, loop: Loop, module: ModuleType, is_outer: bool = False) -> None:
        self.is_outer = is_outer
        quiet = Quiet(module, loop.body)
        statements = [new for s in copy.deepcopy(loop.body) for new in listed(quiet.visit(s))]
        self.pairs: list[tuple[str, str]] = []
        self.compared: list[tuple[str, str]] = []
        self.costs: list[str] = []
        self.statements: list[ast.stmt] = []
        for statement in statements:
            self.statements += [*self._with_pairs(statement), *_attribute_kept(statement)]
        for name in [n for s in self.statements for n in _bound_but_errors(s)]:
            if name.startswith(Quiet.COST) or is_called_a_loss(name):
                self.costs += [name] * (name not in self.costs)
        self.sums = [n for n in _sums(statements) if n not in self.costs]
        self.compiled = [compiled(s, module) for s in self.statements]

    @property
    def watched(self) -> list[str]:
        """What a cost may be, or be made of: a parameter changes one of these."""
        return [*(n for pair in (*self.pairs, *self.compared) for n in pair), *self.costs]

    def _with_pairs(self, statement: ast.stmt) -> Iterator[ast.stmt]:
        """A statement, after what keeps the two sides of each difference, and each comparison, in it."""
        if isinstance(statement, ast.For | ast.While | ast.If):
            yield from self._comparisons(statement.test, statement) if isinstance(statement, ast.If) else ()
            first = len(self.pairs)
            statement.body = [new for s in statement.body for new in self._within(s)]
            statement.orelse = [new for s in statement.orelse for new in self._within(s)]
            for name in [n for pair in self.pairs[first:] for n in pair]:
                yield stored(name, ast.List([], ast.Load()), statement)
        elif not isinstance(statement, ast.FunctionDef) and not _moves_itself(statement):
            for left, right in _differences(statement):
                for name, side in zip(self._pair(), (left, right), strict=True):
                    yield assigned(name, side, statement)
            yield from self._comparisons(statement, statement)
        yield statement

    def _comparisons(self, node: ast.AST, near: ast.stmt) -> Iterator[ast.stmt]:
        """What keeps the two sides of each comparison that it makes for certain."""
        for left, right in _compared(node):
            self.compared.append((f"compared {len(self.compared)}", f"compared with {len(self.compared)}"))
            for name, side in zip(self.compared[-1], (left, right), strict=True):
                yield assigned(name, side, near)

    def _within(self, statement: ast.stmt) -> Iterator[ast.stmt]:
        """The same in a loop within: the sides of each of its turns."""
        if isinstance(statement, ast.For | ast.While | ast.If):
            for part in ("body", "orelse"):
                setattr(statement, part, [new for s in getattr(statement, part) for new in self._within(s)])
        elif not isinstance(statement, ast.FunctionDef) and not _moves_itself(statement):
            for sides in _differences(statement):
                for name, side in zip(self._pair(), sides, strict=True):
                    more = ast.Call(ast.Name(ALSO, ast.Load()), [ast.Name(name, ast.Load()), kept_now(side)], [])
                    yield stored(name, more, statement)
        yield statement

    def _pair(self) -> tuple[str, str]:
        """Names for the two sides of another difference."""
        self.pairs.append((f"side {len(self.pairs)}", f"other side {len(self.pairs)}"))
        return self.pairs[-1]


def _attribute_kept(statement: ast.stmt) -> Iterator[ast.stmt]:
    """What keeps the cost that a statement gives an object: self.loss += …"""
    if gives_a_cost(statement):
        target = statement.targets[0] if isinstance(statement, ast.Assign) else statement.target
        yield assigned(f"{Quiet.COST}{statement.lineno}", _read(target), statement)


def _read(place: ast.expr) -> ast.expr:
    """What is read of a place; its names may be such that no file can have."""
    value = copy.deepcopy(place)
    if isinstance(value, ast.Name | ast.Attribute | ast.Subscript):
        value.ctx = ast.Load()
    return value


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
    """The two sides of each difference in a statement: a - b, np.subtract(a, b), a[…] -= 1; or of a loss's gradient,
    by its name: loss.gradient(y, a)."""
    if isinstance(statement, ast.AugAssign) and isinstance(statement.op, ast.Sub):
        place = statement.target
        if (
            isinstance(place, ast.Subscript)
            and isinstance(statement.value, ast.Constant)
            and statement.value.value == 1
        ):
            scores, places = _read(place.value), _read(place.slice)
            if ":" not in ast.unparse(place):
                yield scores, ast.Call(ast.Name(HOT, ast.Load()), [scores, places], [])
    for n in _outside_of_others(statement):
        sides: list[ast.expr] = []
        if isinstance(n, ast.BinOp) and isinstance(n.op, ast.Sub):
            sides = [n.left, n.right]
        elif isinstance(n, ast.Call) and (
            ast.unparse(n.func).endswith(".subtract") or words_of(ast.unparse(n.func)) & SLOPES
        ):
            sides = n.args
        if len(sides) == 2 and not any(isinstance(side, ast.Constant) for side in sides):
            yield sides[0], sides[1]


def _compared(node: ast.AST) -> Iterator[tuple[ast.expr, ast.expr]]:
    """The two sides of each comparison of sizes, as of a sign with 0, that is made for certain."""
    every = [n for n in _outside_of_others(node) if not isinstance(n, ast.BoolOp)]
    perhaps = [part for n in every if isinstance(n, ast.IfExp) for part in (n.body, n.orelse)]
    perhaps += [value for n in ast.walk(node) if isinstance(n, ast.BoolOp) for value in n.values]
    left_out = {inner for part in perhaps for inner in ast.walk(part)}
    for n in [n for n in every if n not in left_out]:
        if isinstance(n, ast.Compare) and isinstance(n.ops[0], ast.Gt | ast.GtE | ast.Lt | ast.LtE):
            yield n.left, n.comparators[0]
        elif isinstance(n, ast.Call) and ast.unparse(n.func).endswith(".sign") and n.args:
            yield n.args[0], ast.Constant(0)


def _outside_of_others(node: ast.AST) -> Iterator[ast.AST]:
    """A node and those in it, but for what has names of its own."""
    yield node
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.Lambda | ast.ListComp | ast.GeneratorExp | ast.DictComp | ast.SetComp):
            yield from _outside_of_others(child)


def _sums(statements: Sequence[ast.stmt]) -> Iterator[str]:
    """The names to which something is added up, and of which nothing is made."""
    nodes = [n for s in statements for n in ast.walk(s)]
    read = {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}
    for n in nodes:
        if isinstance(n, ast.AugAssign) and isinstance(n.target, ast.Name) and n.target.id not in read:
            yield n.target.id


def is_called_a_loss(name: str) -> bool:
    """Whether it is the name of a loss, here or in a function that was written out."""
    return LOSS.fullmatch(name.partition(BESIDE)[0]) is not None


def listed(new: Any) -> list[ast.stmt]:
    """What a visit gives in a statement's place: one, or several."""
    return new if isinstance(new, list) else [new]


def bound(statement: ast.stmt) -> list[str]:
    """The names that a statement gives a value."""
    return [n.id for n in ast.walk(statement) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)]


def _bound_but_errors(statement: ast.stmt) -> Iterator[str]:
    """The same, but for bare differences; of what a loop within binds, only what it adds up or down to there."""
    if isinstance(statement, ast.If):
        for s in (*statement.body, *statement.orelse):
            yield from _bound_but_errors(s)
    elif isinstance(statement, ast.For | ast.While):
        moved = [n for n in ast.walk(statement) if isinstance(n, ast.AugAssign | ast.Assign) and _adds_up(n)]
        yield from (name for n in moved for name in bound(n))
    elif not _is_an_error(statement):
        yield from bound(statement)


def _adds_up(statement: ast.AugAssign | ast.Assign) -> bool:
    return isinstance(statement, ast.AugAssign) or _moves_itself(statement)


def compiled(statement: ast.stmt, module: ModuleType) -> FunctionType:
    """A statement of the file, to be run: a function without a scope of its own, whose code may be replaced."""
    code = compile(ast.Module([statement], []), str(module.__file__), "exec")
    return FunctionType(code.replace(co_name=f"statement {next(COUNT)}"), vars(module))
