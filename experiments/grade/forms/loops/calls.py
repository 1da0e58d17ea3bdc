"""What a file itself calls a function with, at module level: train_network(network, dataset, 0.5, 20, n_outputs)."""

import ast
import inspect
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from experiments.grade.forms.course.losses import words_of
from experiments.grade.forms.definitions import MODULE, Definitions
from experiments.grade.forms.loops.turns.space import Names, data_of

MOST = 400
"""Numbers that an argument may hold."""
ROWS = 5
"""Of longer data."""
TAKES_LONG = {"train", "fit", "run", "optimize", "optimise", "download", "fetch", "load"}
"""The words of what is not done before the call."""


def calls(found: Definitions, function: Callable[..., Any]) -> Iterator[Names]:
    """The arguments of each call, by their names, with the names that the module then has."""
    for call, before in _calls_in(found.tree.body, function.__name__.rpartition(".")[2]):
        space = vars(found.module).copy()
        for statement in before:
            _do(statement, space)
        try:
            given = [eval(_code(a), space) for a in call.args]
            named = {k.arg: eval(_code(k.value), space) for k in call.keywords if k.arg}
            if isinstance(call.func, ast.Attribute):
                given.insert(0, eval(_code(call.func.value), space))
            bound = inspect.signature(function).bind(*given, **named)
        except (Exception, SystemExit):  # it needs what is not there
            continue
        bound.apply_defaults()
        yield data_of(space) | {n: _short(v) for n, v in bound.arguments.items()}


def _calls_in(body: list[ast.stmt], name: str) -> Iterator[tuple[ast.Call, list[ast.stmt]]]:
    """Every call of that name at module level, or in a function that is handed nothing, as main(); and what runs before
    it."""
    for number, node in enumerate(body):
        if isinstance(node, ast.FunctionDef) and len(node.args.args) == len(node.args.defaults):
            yield from _calls_in(node.body, name)
        elif isinstance(node, ast.If):
            yield from ((call, [*body[:number], *before]) for call, before in _calls_in(node.body, name))
        elif isinstance(node, ast.Expr | ast.Assign):
            for call in [n for n in ast.walk(node) if isinstance(n, ast.Call)]:
                if name == (call.func.attr if isinstance(call.func, ast.Attribute) else ast.unparse(call.func)):
                    yield call, body[:number]


def _do(statement: ast.stmt, space: Names) -> None:
    """Run what binds a name, or tells an object of the file's own something, unless it takes long or fails; what else
    is called by name alone prints or plots."""
    called = [ast.unparse(n.func) for n in ast.walk(statement) if isinstance(n, ast.Call)]
    kind = type(space.get(called[0].partition(".")[0])) if called else object
    binds = isinstance(statement, ast.Assign | ast.AugAssign) or kind.__module__ == MODULE
    if binds and not any(words_of(n) & TAKES_LONG for n in called):
        try:
            exec(compile(ast.Module([statement], []), "the script", "exec"), space)
        except (Exception, SystemExit):
            return


def _code(node: ast.expr) -> Any:
    return compile(ast.Expression(node), "the script", "eval")


def _short(value: Any) -> Any:
    """The first of many rows; a list for a tuple, in which nothing can be put."""
    if isinstance(value, tuple):
        return [*value]
    return value[:ROWS] if isinstance(value, np.ndarray) and value.size > MOST else value
