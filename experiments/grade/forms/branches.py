"""Which ways the decisions of a file went, so that a branch which never ran is not taken for one that was judged."""

import ast
import re
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

DECIDES = "decides(…)"
"""A name that no file can have."""
SHOWS = {"print", "warn", "info", "debug"}
"""The last name of a call that computes nothing."""
LONGEST = 80
"""Characters of a condition that is shown."""
LAYOUT = {"ndim", "dtype", "isinstance", "isscalar", "hasattr"}
"""The names in a condition that asks how arrays lie."""
ANOTHER_CALL = re.compile("train|eval|test|infer|predict", re.IGNORECASE)
"""What is in a condition that asks whether it is to learn at all."""
SIZES = {"shape", "size", "len"}
"""The names in one that does so where two of them are held against each other."""
Place = str
"""The line and the column: a text, as a form may read the numbers of a function's code."""
Branch = list[ast.stmt] | ast.expr


@dataclass(frozen=True)
class NeverRun:
    """A branch that never ran, or a method that was not judged: whose it is, and what to say.

    It counts, so that the file is not judged whole, if it may make other gradients: its `if` asks for more than how
    arrays lie, and was met while gradients or an object were made, or gives another output.
    """

    owner: str
    line: int
    why: str
    counts: bool


class Decisions:
    """How each `if` of a file went while its pieces ran, and which of them were met while gradients were made."""

    def __init__(self, tree: ast.Module) -> None:
        self.tree = tree
        self.are_noted = self.make_gradients = False
        self.ways: set[tuple[Place, bool]] = set()
        self.met: set[Place] = set()

    def __call__(self, place: Place, test: Any) -> bool:
        """The decision, which is noted."""
        way = bool(test)
        if self.are_noted:
            self.ways.add((place, way))
        if self.make_gradients:
            self.met.add(place)
        return way

    @contextmanager
    def noted(self, make_gradients: bool) -> Iterator[None]:
        """While this lasts, decisions are noted; gradients may be made then."""
        self.are_noted, self.make_gradients = True, make_gradients
        try:
            yield
        finally:
            self.are_noted = self.make_gradients = False

    def never_run(self) -> Iterator[NeverRun]:
        """The branches that compute something and never ran, beside one that did."""
        for owner, function, node, otherwise in _conditionals(self.tree):
            place, test = _place(node.test), ast.unparse(node.test).replace("(…)", "")[:LONGEST]
            for way, branch, other in ((True, node.body, otherwise), (False, otherwise, node.body)):
                if (place, not way) in self.ways and (place, way) not in self.ways and _computes(branch, function):
                    is_made = place in self.met or function.name == "__init__"
                    is_of_all = is_made or (_gives_another(branch) and not _asks_for_another_call(node.test, function))
                    counts = is_of_all and not (_asks_for_a_layout(node.test) or _gives_more(branch, other))
                    why = f"a branch never ran: {test} was never {'true' if way else 'false'}"
                    yield NeverRun(owner, node.lineno, why, counts)


def noting_decisions(statement: ast.stmt) -> ast.Module:
    """A statement as it is run, so that its decisions are noted."""
    return ast.Module([NotesDecisions().visit(deepcopy(statement))], [])


class NotesDecisions(ast.NodeTransformer):
    """`if test:` and `a if test else b`, in which the test's outcome is noted."""

    def visit_If(self, node: Any) -> ast.AST:
        test, place = node.test, ast.Constant(_place(node.test))
        self.generic_visit(node)
        noted = ast.Call(ast.Name(DECIDES, ast.Load()), [place, node.test], [])
        node.test = ast.fix_missing_locations(ast.copy_location(noted, test))
        return node

    visit_IfExp = visit_If


def _place(test: ast.expr) -> Place:
    return f"{test.lineno}:{test.col_offset}"


def _conditionals(tree: ast.Module) -> Iterator[tuple[str, ast.FunctionDef, Any, Branch]]:
    """Each `if` that asks for what its function knows, with its other branch; that function, and the function or class
    which it is part of."""
    for owner in (n for n in tree.body if isinstance(n, ast.FunctionDef | ast.ClassDef)):
        for function in (n for n in ast.walk(owner) if isinstance(n, ast.FunctionDef)):
            nodes = [*ast.walk(function)]
            own = {n.arg for n in nodes if isinstance(n, ast.arg)} | {
                n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
            }
            inside = {n for f in nodes[1:] if isinstance(f, ast.FunctionDef) for n in ast.walk(f)}
            for n, otherwise in conditionals(function):
                if n not in inside and own & _names(n.test):
                    yield owner.name, function, n, otherwise


def conditionals(function: ast.AST) -> Iterator[tuple[Any, Branch]]:
    """Each `if test:` and `a if test else b` with its other branch: what follows, where the first one ends in a return
    or the like."""
    for node in ast.walk(function):
        if isinstance(node, ast.IfExp):
            yield node, node.orelse
        blocks = [getattr(node, name, None) for name in ("body", "orelse")]
        for block in (b for b in blocks if isinstance(b, list)):
            for i, n in enumerate(block):
                if isinstance(n, ast.If):
                    leaves = isinstance(n.body[-1], ast.Return | ast.Continue | ast.Break)
                    yield n, n.orelse or (block[i + 1 :] if leaves else [])


def _asks_for_a_layout(test: ast.expr) -> bool:
    """Whether a condition asks how arrays lie, and not what is computed of them."""
    equal = [n for n in ast.walk(test) if isinstance(n, ast.Compare) and isinstance(n.ops[0], ast.Eq | ast.NotEq)]
    calls = [ast.unparse(n) for n in ast.walk(test) if isinstance(n, ast.Call)]
    of_axes = any(call.endswith(".shape)") for call in calls)  # len(x.shape)
    alike = any(_named(n.left) & SIZES and _named(n.comparators[0]) & SIZES for n in equal)
    return bool(_named(test) & LAYOUT) or of_axes or alike


def _asks_for_another_call(test: ast.expr, function: ast.FunctionDef) -> bool:
    """Whether a condition asks for what an argument is only in another call: one that is not to learn, or is told
    more."""
    words = {n.value for n in ast.walk(test) if isinstance(n, ast.Constant) and isinstance(n.value, str)}
    arguments = {n.arg for n in ast.walk(function.args) if isinstance(n, ast.arg)}
    is_told_more = any(isinstance(n, ast.Is | ast.IsNot) for n in ast.walk(test)) and bool(_names(test) & arguments)
    return is_told_more or any(map(ANOTHER_CALL.search, _named(test) | words))


def _gives_another(branch: Branch) -> bool:
    """Whether a branch computes what it returns or keeps."""
    if not isinstance(branch, list):
        return True
    gives = (ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Return)
    given = (n for s in branch for n in ast.walk(s) if isinstance(n, gives) and n.value)
    return any(isinstance(g, ast.AugAssign) or any(map(_is_computed, ast.walk(g))) for g in given)


def _gives_more(branch: Branch, other: Branch) -> bool:
    """Whether a branch returns what the other one does, and something beside it."""
    more, less = (b[-1].value if isinstance(b, list) and b and isinstance(b[-1], ast.Return) else None
                  for b in (branch, other))  # fmt: skip
    return isinstance(more, ast.Tuple) and isinstance(less, ast.Name) and ast.unparse(more.elts[0]) == less.id


def _named(node: ast.AST) -> set[str]:
    """The names and attributes in it, without the mark of what is called in their place (stand_ins.py)."""
    return {getattr(n, "attr", getattr(n, "id", "")).removesuffix("(…)") for n in ast.walk(node)}


def _names(node: ast.AST) -> set[str]:
    return {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}


def _computes(branch: Branch, function: ast.FunctionDef) -> bool:
    """Whether a branch computes something, or returns what was computed before it, and does not end in an error."""
    statements = branch if isinstance(branch, list) else [branch]
    if not statements or isinstance(statements[-1], ast.Raise):
        return False
    last = statements[-1].value if isinstance(statements[-1], ast.Return) else None
    if isinstance(last, ast.Name) and last.id not in {a.arg for a in function.args.args}:
        return True
    return any(map(_is_computed, (n for s in statements if not _shows(s) for n in ast.walk(s))))


def _is_computed(node: ast.AST) -> bool:
    if isinstance(node, ast.UnaryOp):
        return not isinstance(node.operand, ast.Constant)
    if isinstance(node, ast.Subscript):
        return isinstance(node.ctx, ast.Store) or isinstance(node.slice, ast.Slice)
    is_turned = isinstance(node, ast.Attribute) and node.attr == "T"
    return is_turned or isinstance(node, ast.BinOp | ast.AugAssign | ast.Call)


def _shows(statement: ast.AST) -> bool:
    call = statement.value if isinstance(statement, ast.Expr) else None
    return isinstance(call, ast.Call) and getattr(call.func, "attr", getattr(call.func, "id", "")) in SHOWS
