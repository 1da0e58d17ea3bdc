"""Statements without what only shows something."""

import ast
from collections.abc import Iterator, Sequence
from types import ModuleType
from typing import Any

import numpy as np

from experiments.grade.forms.course.losses import words_of
from experiments.grade.forms.definitions import MODULE, SETS_UP
from experiments.grade.forms.loops.turns.kept import KEPT, LOSS, assigned

OF_LOSSES = {"loss", "losses", "costs", "cost", "mse", "objective", "entropy", "bce", "nll", "J"}
"""The words of a function that computes one, or of a list of them; errors may be absolute ones, to be looked at."""
SHOWS = {"print", "plot", "show", "display", "draw", "log", "save", "report", "visualize", "visualise", "test"}
"""The words of a function that computes nothing."""


class Quiet(ast.NodeTransformer):
    """Statements without what only shows something; a cost that is shown is kept."""

    COST = "cost of line "

    def __init__(self, module: ModuleType, body: Sequence[ast.stmt]) -> None:
        self.module = module
        nodes = [n for s in body for n in ast.walk(s)]
        filled = [n.func.value for n in nodes if isinstance(n, ast.Call) and _fills(n)]  # pyright: ignore[reportAttributeAccessIssue]
        self.read = {ast.unparse(n) for n in nodes if isinstance(n, ast.Name | ast.Attribute) and n not in filled}

    def visit_Expr(self, node: ast.Expr) -> Any:
        call = node.value
        found = [*self._costs(node)]
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute):
            if call.func.attr == "append" and words_of(ast.unparse(call.func.value)) & OF_LOSSES and call.args:
                found = found or [assigned(f"{self.COST}{node.lineno}", call.args[0], node)]
            elif self._computes(call.func) or (_fills(call) and ast.unparse(call.func.value) in self.read):
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
                yield assigned(f"{self.COST}{call.lineno}", call, node)


def _fills(call: ast.Call) -> bool:
    """Whether it puts something into what it is of: a list of states, say."""
    return isinstance(call.func, ast.Attribute) and call.func.attr in SETS_UP


def _is_kept(statement: ast.Assign) -> bool:
    return ast.unparse(statement.value).startswith(KEPT)


def _is_a_loss(statement: ast.Assign) -> bool:
    target = statement.targets[0]
    return isinstance(target, ast.Name) and LOSS.fullmatch(target.id) is not None
