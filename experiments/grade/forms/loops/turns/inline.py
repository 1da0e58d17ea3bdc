"""Statements with the file's own functions written out where these are called: what they move, and subtract, is seen.

total += self.learn(x, y) becomes the statements of learn, and total += what it returns. A function is written out if it
moves something, or has a difference or a comparison, and returns at its end alone.
"""

import ast
import copy
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import CodeType
from typing import Any

from experiments.grade.forms.definitions import Definitions
from experiments.grade.forms.loops.turns.kept import BESIDE
from experiments.grade.forms.stateful.objects import OWN

DEPTH = 4
"""How far down calls are written out."""
OWN_SCOPE = (ast.Lambda, ast.ListComp, ast.GeneratorExp, ast.DictComp, ast.SetComp, ast.IfExp, ast.BoolOp)
"""What in an expression has names of its own, or may not be reached."""


class Inline:
    """Writes out calls of functions that no form knows, and of methods of the objects named in `kinds`.

    `written` is the code of those."""

    def __init__(self, found: Definitions, kinds: Mapping[str, type], taken: Sequence[ast.stmt]) -> None:
        self.found, self.kinds, self.written = found, dict(kinds), set[CodeType]()
        self.taken = {n.id for s in taken for n in ast.walk(s) if isinstance(n, ast.Name)} | {*vars(found.module)}

    def in_loops(self, body: Sequence[ast.stmt]) -> list[ast.stmt]:
        """Statements, with the calls in their loops written out."""
        found: list[ast.stmt] = []
        for statement in body:
            self._note_kind(statement)
            if isinstance(statement, ast.For | ast.While):
                found += self.statements([statement])
            elif isinstance(statement, ast.If):
                within = copy.copy(statement)
                within.body = self.in_loops(statement.body)
                found.append(within)
            else:
                found.append(statement)
        return found

    def statements(self, body: Sequence[ast.stmt], depth: int = DEPTH) -> list[ast.stmt]:
        """The statements, with the calls in them written out."""
        found: list[ast.stmt] = []
        for statement in map(copy.deepcopy, body):
            self._note_kind(statement)
            if isinstance(statement, ast.For | ast.While | ast.If):
                statement.body, statement.orelse = (
                    self.statements(part, depth) for part in (statement.body, statement.orelse)
                )
                found.append(statement)
            else:
                found += self._one(statement, depth)
        return found

    def _one(self, statement: ast.stmt, depth: int) -> Iterator[ast.stmt]:
        is_written = False
        for call, function, owner in [*self._calls(statement)] if depth else []:
            written = self._written_out(call, self.found.node_of(function), owner)
            if written is not None:
                self.written.add(function.__code__)
                is_written = True
                body, value = written
                yield from self.statements(body, depth - 1)
                statement = Instead({call: value}).visit(statement)
        if is_written:  # what these return may be calls, too
            yield from self._one(statement, depth - 1)
        elif not (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant | ast.Name | ast.Tuple)):
            yield ast.fix_missing_locations(statement)

    def _note_kind(self, statement: ast.stmt) -> None:
        """Which of the file's classes a name has an object of: net = Net(3)."""
        if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Call):
            kind = self.found.own().get(ast.unparse(statement.value.func))
            if inspect.isclass(kind) and isinstance(statement.targets[0], ast.Name):
                self.kinds[statement.targets[0].id] = kind

    def _calls(self, statement: ast.stmt) -> Iterator[tuple[ast.Call, Callable[..., Any], ast.expr | None]]:
        """What a statement calls for certain, the inner first; with its definition and the object that it is of."""
        for node in _certain(statement):
            if not isinstance(node, ast.Call):
                continue
            function, owner = self._called(node.func), getattr(node.func, "value", None)
            if function is not None and self._works(function, DEPTH):
                definition = self.found.node_of(function)
                if isinstance(definition, ast.FunctionDef):
                    takes_itself = definition.args.args and definition.args.args[0].arg in OWN
                    yield node, function, owner if takes_itself else None

    def _called(self, called: ast.expr) -> Callable[..., Any] | None:
        if isinstance(called, ast.Name):
            function = self.found.functions().get(called.id)
        elif isinstance(called, ast.Attribute):
            kind = self._kind_of(called.value)
            function = getattr(kind, called.attr, None) or self._kept_by(kind, called.attr)
        else:
            return None
        return function if inspect.isfunction(function) else None

    def _kind_of(self, owner: ast.expr) -> type | None:
        """The class of an object, by its name or by where the constructor of what keeps it has made it."""
        if isinstance(owner, ast.Name):
            return self.kinds.get(owner.id)
        kind = self._kept_by(self._kind_of(owner.value), owner.attr) if isinstance(owner, ast.Attribute) else None
        return kind if inspect.isclass(kind) else None

    def _kept_by(self, keeper: type | None, name: str) -> Any:
        """What of the file's a class keeps by this name: a function, or the class of an object that it makes."""
        for n in ast.walk(self.found.node_of(keeper)) if keeper else ():
            for target, value in _given(n):
                if ast.unparse(target) == f"{OWN[0]}.{name}":
                    kept = self.found.own().get(ast.unparse(value.func if isinstance(value, ast.Call) else value))
                    if kept is not None and inspect.isclass(kept) == isinstance(value, ast.Call):
                        return kept
        return None

    def _works(self, function: Callable[..., Any], depth: int) -> bool:
        """Whether a function, or one that it calls, moves something, or has a difference or decides by a number."""
        for node in ast.walk(self.found.node_of(function)):
            if isinstance(node, ast.Compare) or (isinstance(node, ast.Attribute) and node.attr == "sign"):
                return True
            if isinstance(node, ast.AugAssign) or (isinstance(node, ast.Assign) and _keeps(node)):
                return True
            if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub) and _is_of_two(node):
                return True
            if isinstance(node, ast.Call) and depth:
                other = self._called(node.func)
                if other is not None and other is not function and self._works(other, depth - 1):
                    return True
        return False

    def _written_out(
        self, call: ast.Call, function: Any, owner: ast.expr | None
    ) -> tuple[list[ast.stmt], ast.expr] | None:
        """What a call does, and what it gives; None, where it may end before its last statement, or takes any number
        of arguments."""
        body = [s for s in function.body if not (isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant))]
        ends = [n for s in body for n in ast.walk(s) if isinstance(n, ast.Return | ast.Yield | ast.FunctionDef)]
        last = ends[0] if ends else None
        given = _arguments(call, function, owner)
        if given is None or len(ends) > 1 or (last is not None and last is not body[-1]):
            return None
        body = copy.deepcopy(body)
        every = {n for s in body for n in ast.walk(s)}
        shared = {name for n in every if isinstance(n, ast.Global) for name in n.names}
        stored = {n.id for n in every if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
        instead = {n: a for n, a in given.items() if n not in stored and (_is_plain(a) or a is owner)}
        own = sorted({*given, *stored} - instead.keys() - shared)
        names = {name: self._free(name, function.name) for name in own}
        change = Renamed(names, instead)
        before = [_assigned(names[n], a) for n, a in given.items() if n not in instead]
        value: ast.expr = ast.Constant(None)
        if isinstance(last, ast.Return):
            value = change.visit(copy.deepcopy(last.value)) if last.value else value
            body = body[:-1]
        done = [change.visit(s) for s in body if not isinstance(s, ast.Global)]
        return [ast.fix_missing_locations(ast.copy_location(s, s)) for s in (*before, *done)], value

    def _free(self, name: str, function: str) -> str:
        """A name that nothing else has."""
        free, count = name, 1
        while free in self.taken:
            free, count = f"{name}{BESIDE}{function}{count if count > 1 else ''}", count + 1
        self.taken.add(free)
        return free


class Instead(ast.NodeTransformer):
    """Code with other expressions in the places of some."""

    def __init__(self, instead: dict[Any, ast.expr]) -> None:
        self.instead = instead

    def visit(self, node: ast.AST) -> Any:
        return self.instead[node] if node in self.instead else self.generic_visit(node)


class Renamed(ast.NodeTransformer):
    """Code with other names for its own, and expressions for those of arguments."""

    def __init__(self, names: dict[str, str], instead: dict[str, ast.expr]) -> None:
        self.names, self.instead = names, instead

    def visit_Name(self, node: ast.Name) -> ast.AST:
        if node.id in self.instead:
            return copy.deepcopy(self.instead[node.id])
        return ast.copy_location(ast.Name(self.names.get(node.id, node.id), node.ctx), node)


def _arguments(call: ast.Call, function: ast.FunctionDef, owner: ast.expr | None) -> dict[str, ast.expr] | None:
    """What each argument is given, its default at least."""
    takes = function.args
    names = [a.arg for a in (*takes.posonlyargs, *takes.args)]
    values = [*([owner] if owner is not None else []), *call.args]
    is_open = takes.vararg or takes.kwarg or any(isinstance(v, ast.Starred) for v in values)
    if is_open or any(k.arg is None for k in call.keywords) or len(values) > len(names):
        return None
    defaults = dict(zip(reversed(names), reversed(takes.defaults), strict=False))
    defaults |= {a.arg: d for a, d in zip(takes.kwonlyargs, takes.kw_defaults, strict=True) if d is not None}
    given = defaults | dict(zip(names, values, strict=False)) | {str(k.arg): k.value for k in call.keywords}
    every = [*names, *(a.arg for a in takes.kwonlyargs)]
    return {n: given[n] for n in every} if all(n in given for n in every) else None


def _certain(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes in one that are reached for certain, the inner ones first."""
    if not isinstance(node, OWN_SCOPE):
        for child in ast.iter_child_nodes(node):
            yield from _certain(child)
        yield node


def _given(node: ast.AST) -> Iterator[tuple[ast.expr, ast.expr]]:
    """What a statement gives a value, and which: each by itself of self.a, self.b = a, b."""
    if not isinstance(node, ast.Assign):
        return
    for target in node.targets:
        if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
            yield from zip(target.elts, node.value.elts, strict=False)
        else:
            yield target, node.value


def _is_of_two(node: ast.BinOp) -> bool:
    return not isinstance(node.left, ast.Constant) and not isinstance(node.right, ast.Constant)


def _keeps(statement: ast.Assign) -> bool:
    return any(isinstance(t, ast.Attribute | ast.Subscript) for t in statement.targets)


def _is_plain(value: ast.expr) -> bool:
    """Whether an expression may stand wherever its name did."""
    return isinstance(value, ast.Name | ast.Constant)


def _assigned(name: str, value: ast.expr) -> ast.stmt:
    return ast.copy_location(ast.Assign([ast.Name(name, ast.Store())], copy.deepcopy(value)), value)
