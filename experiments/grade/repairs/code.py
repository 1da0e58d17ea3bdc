"""The functions of a file while it is loaded: their text, and other code in their place for a while."""

import ast
import gc
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from types import CodeType, FunctionType

Key = tuple[str, int]
"""A function's name and first line."""
Node = ast.FunctionDef | ast.While
Codes = Mapping[Key, CodeType]
HOLDS_OTHERS = (ast.If, ast.Try, ast.With, ast.For, ast.While)


@dataclass
class Definition:
    """A function that the file defines, with those inside it, and the class that it is a method of."""

    node: Node
    owner: str = ""

    def compiled(self, path: str, node: Node | None = None) -> Codes:
        """The code of the function, and of those inside it, from its text as it is now, or from another."""
        whole: ast.stmt = node or self.node
        if self.owner:  # so that super() and names with two underscores mean what they did
            whole = ast.ClassDef(self.owner, [], [], [whole], [], lineno=1, col_offset=0)
        code = compile(ast.Module([whole], []), path, "exec", dont_inherit=True)
        return {(c.co_name, c.co_firstlineno): c for c in _inner(code)}

    @cached_property
    def length(self) -> int:
        """Of its text, in nodes."""
        return sum(1 for _ in ast.walk(self.node))

    @cached_property
    def keys(self) -> set[Key]:
        """Of the function, and of those inside it."""
        inside = (n for n in ast.walk(self.node) if isinstance(n, ast.FunctionDef))
        return {(n.name, min([n.lineno, *(d.lineno for d in n.decorator_list)])) for n in inside}


class Statements(Definition):
    """What runs beside a file's functions, statement by statement, each as a function: a training loop."""

    def __init__(self, statements: Sequence[tuple[ast.stmt, FunctionType]]) -> None:
        super().__init__(ast.While(ast.Constant(True), [s for s, _ in statements], [], lineno=0, col_offset=0))
        self.functions = {_key(f): [f] for _, f in statements}

    def compiled(self, path: str, node: Node | None = None) -> Codes:
        """The code of each statement, from its text as it is now, or from another."""
        own = zip((node or self.node).body, self.functions, strict=True)
        return {
            key: compile(ast.Module([s], []), path, "exec", dont_inherit=True).replace(co_name=key[0]) for s, key in own
        }

    @cached_property
    def keys(self) -> set[Key]:
        """Of the statements."""
        return {*self.functions}


def definitions(tree: ast.Module) -> list[Definition]:
    """Those of a file that stand in no other function."""
    return [*_defined(tree.body, "")]


def _defined(body: list[ast.stmt], owner: str) -> Iterator[Definition]:
    for node in body:
        if isinstance(node, ast.FunctionDef):
            yield Definition(node, owner)
        elif isinstance(node, ast.ClassDef):
            yield from _defined(node.body, node.name)
        elif isinstance(node, HOLDS_OTHERS):
            for inner in ("body", "orelse", "finalbody"):
                yield from _defined(getattr(node, inner, []), owner)


def _inner(code: CodeType) -> Iterator[CodeType]:
    for c in code.co_consts:
        if isinstance(c, CodeType):
            yield c
            yield from _inner(c)


def functions_of(path: str) -> dict[Key, list[FunctionType]]:
    """Every function that was made of a file's text, wherever it is kept."""
    found: dict[Key, list[FunctionType]] = {}
    for thing in gc.get_objects():
        if type(thing) is FunctionType and thing.__code__.co_filename == path:
            found.setdefault(_key(thing), []).append(thing)
    return found


def _key(function: FunctionType) -> Key:
    return function.__code__.co_name, function.__code__.co_firstlineno


@contextmanager
def running(functions: Mapping[Key, list[FunctionType]], codes: Codes) -> Iterator[None]:
    """While this lasts, the functions run other code."""
    before = [(f, f.__code__) for key in codes for f in functions.get(key, ())]
    try:
        for f, _ in before:
            f.__code__ = codes[_key(f)]
        yield
    finally:
        for f, code in before:
            f.__code__ = code
