"""The definitions of a file, without what it does when it is run: no training, no plots, no prints.

Imports, functions and classes are taken, and of the statements beside them what these need: the names that they read,
and the seeds. What is left out, or fails, is said. A notebook is the code of its cells, without magics.
"""

import ast
import dis
import inspect
import json
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.machinery import SourceFileLoader
from io import StringIO
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from experiments.grade.errors import Unclear
from experiments.grade.forms.branches import DECIDES, Decisions, noting_decisions
from experiments.grade.forms.helper_module import usual
from experiments.grade.forms.placeholders import does_something, is_abstract
from experiments.grade.forms.stand_ins import CALLED_INSTEAD, COUNT, OF_PYTHON_2, TEXT, FloatCalls, Missing, counts_in
from experiments.grade.forms.told import Told

MODULE = "the file"
"""The name of the file's module: none can have it, for a file may be called numpy.py."""
DEFINES = (ast.FunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom)
SETS_UP = {"seed", "manual_seed", "seterr", "append", "insert", "update", "extend", "set_default_dtype"}
"""The last name of a call that later definitions may rely on."""


@dataclass
class Definitions:
    """What a file defines. `tree` is all that it says; `left_out` what was not run, or failed, and why.

    `told` is what the file says of itself. What a form has taken for a piece is `claimed`, and no other is offered it.
    `defined` is what was found within a part of the tree, by name: the last of several.
    """

    module: ModuleType
    tree: ast.Module
    decisions: Decisions
    left_out: list[str] = field(default_factory=list)
    told: Told = field(default_factory=Told)
    claimed: set[int] = field(default_factory=set)
    defined: dict[ast.AST, dict[str, ast.AST]] = field(default_factory=dict)

    def own(self) -> dict[str, Any]:
        """The functions and classes that the file itself defines, by their names, but for what helps the checker."""
        found = {n: o for n, o in vars(self.module).items() if getattr(o, "__module__", None) == self.module.__name__}
        return {n: o for n, o in found.items() if n not in ("reference", "examples")}

    def functions(self) -> dict[str, Any]:
        """The functions that no form has claimed yet."""
        return {n: f for n, f in self._unclaimed() if inspect.isfunction(f)}

    def classes(self) -> dict[str, Any]:
        """The classes that no form has claimed yet, without those that only name what others define."""
        kinds = [o for o in self.own().values() if inspect.isclass(o)]
        found = {n: k for n, k in self._unclaimed() if inspect.isclass(k)}
        derived = {base for kind in kinds for base in kind.__mro__[1:]}
        return {n: k for n, k in found.items() if k not in derived or (does_something(k) and not is_abstract(k))}

    def node_of(self, thing: Any) -> ast.AST:
        """What the file says of a function, a method or a class; nothing, where it is not found."""
        node: ast.AST = self.tree
        for name in thing.__qualname__.rpartition("<locals>.")[2].split("."):
            if node not in self.defined:
                defined = (n for n in ast.walk(node) if isinstance(n, ast.FunctionDef | ast.ClassDef))
                self.defined[node] = {n.name: n for n in defined}
            node = self.defined[node].get(name, ast.Module([], []))
        return node

    def _unclaimed(self) -> list[tuple[str, Any]]:
        return [(n, o) for n, o in self.own().items() if id(o) not in self.claimed]


def needs(function: Any) -> int:
    """How many arguments a function cannot do without."""
    parameters = inspect.signature(function).parameters.values()
    named = [p for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    return sum(p.default is p.empty for p in named)


def functions_of(thing: Any) -> Iterator[Any]:
    """A function itself, or the methods of a class."""
    for f in vars(thing).values() if inspect.isclass(thing) else [thing]:
        f = getattr(f, "__func__", f)
        if inspect.isfunction(f):
            yield f


def constants_of(code: CodeType) -> Iterator[Any]:
    """The constants of code, and of the code within it."""
    for c in code.co_consts:
        yield from constants_of(c) if isinstance(c, CodeType) else (c,)


def load(path: Path, told: Callable[[BaseException], str], name: str = MODULE) -> Definitions:
    """What a Python file or a notebook defines, as a module of this name.

    Raises:
        SyntaxError: it is no Python.
    """
    sys.path.append(str(path.parent))
    module = ModuleType(name)
    vars(module).update(CALLED_INSTEAD)
    module.__file__, module.__loader__ = str(path), SourceFileLoader(name, str(path))
    sys.modules[name] = module
    found = Definitions(module, tree := ast.Module([], []), Decisions(tree))
    vars(module)[DECIDES] = found.decisions
    for source in notebook_cells(path) if path.suffix == ".ipynb" else [path.read_bytes()]:
        try:
            found.tree.body += ast.parse(source, str(path)).body
        except SyntaxError as error:
            if path.suffix != ".ipynb":
                raise
            found.left_out.append(f"a cell: {told(error)}")
    _run(found, path, told)
    return found


def notebook_cells(path: Path) -> list[str]:
    """The code of a notebook's cells, each where it would stand in one file; magics and shell commands left out.

    Raises:
        Unclear: it is no notebook.
    """
    try:
        every = [(c["cell_type"], "".join(c["source"])) for c in json.loads(path.read_text("utf-8"))["cells"]]
    except (KeyError, TypeError, ValueError):
        raise Unclear("it is no notebook: expected JSON with a list of cells") from None
    cells, line = [], 0
    for kind, source in every:
        magic = source.startswith("%%") and not source.startswith(("%%time", "%%capture"))
        if kind != "code" or magic:
            continue
        lines = ["" if _is_magic(text) else text for text in source.split("\n")]
        cells.append("\n" * line + "\n".join(lines))
        line += len(lines)
    return cells


def _is_magic(line: str) -> bool:
    """Whether it is a line for IPython: a magic, a shell command or a question."""
    return line.lstrip().startswith(("%", "!", "?")) or (line.rstrip().endswith("?") and "#" not in line)


def _run(found: Definitions, path: Path, told: Callable[[BaseException], str]) -> None:
    """Run the statements that define something, or that what is defined needs."""
    statements = [Statement(node, path) for node in found.tree.body]
    needed, own = _needed(statements), {name for s in statements if s.defines for name in s.binds}
    unnamed = needed - own - {name for s in statements if s.imports for name in s.binds}
    bound: set[str] = set()
    skipped = 0
    for s in statements:
        if not _is_wanted(s, needed, bound, own):
            skipped += not (isinstance(s.node, ast.Expr) and isinstance(s.node.value, ast.Constant))
            continue
        try:
            _do(s, vars(found.module))
            bound |= s.binds
        except Exception as error:
            found.left_out.append(told(error) + _stand_in(s, found, unnamed))
    if skipped:
        found.left_out.append(f"{skipped} {'statement' if skipped == 1 else 'statements'} beside the definitions")


def _do(s: "Statement", names: dict[str, Any]) -> None:
    """Run a statement; one that opens a text which is not there reads another."""
    try:
        exec(s.code, names)
    except FileNotFoundError:
        if "open" not in s.reads or "open" in names:
            raise
        names["open"] = lambda *_, **__: StringIO(TEXT)
        try:
            exec(s.code, names)
        finally:
            del names["open"]


class Statement:
    """One statement of the file: the names that it reads, also within what it defines, and those that it binds."""

    def __init__(self, node: ast.stmt, path: Path) -> None:
        self.node = node = FloatCalls().visit(node)
        self.code = compile(noting_decisions(node), str(path), "exec", dont_inherit=True)
        self.reads, self.binds = {*_global_names(self.code)}, {*bound_by(node)}
        self.defines = isinstance(node, ast.FunctionDef | ast.ClassDef)
        self.imports = isinstance(node, ast.Import | ast.ImportFrom)
        self.is_main = isinstance(node, ast.If) and "__name__" in self.reads


def _is_wanted(s: Statement, needed: set[str], bound: set[str], own: set[str]) -> bool:
    """Whether a statement defines something, or something else needs it."""
    node = s.node
    if s.defines or s.imports:
        return True
    if s.is_main or isinstance(node, ast.While):
        return False
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Call) and _last_name(node.value.func) in SETS_UP and not s.reads & own
    if isinstance(node, ast.If | ast.Try):
        return any(isinstance(n, DEFINES) for n in ast.walk(node)) or bool(s.binds & needed)
    if isinstance(node, ast.Assign) and (
        isinstance(node.value, ast.Name | ast.Attribute | ast.Lambda) or _is_table(node)
    ):
        return True
    trains = bool(s.reads & own) and (isinstance(node, ast.For | ast.With) or bool(s.binds & bound))
    return bool(s.binds & needed) and not trains


def _is_table(node: ast.Assign) -> bool:
    """Whether it is a list or a dict that is written out, as of a network's layers, which its functions are handed."""
    if isinstance(node.value, ast.List | ast.Dict):
        with suppress(ValueError, TypeError):  # it is not written out, or a key is a list
            return bool(ast.literal_eval(node.value))
    return False


def _needed(statements: Iterable[Statement]) -> set[str]:
    """The names that definitions read, and those that what makes these reads."""
    others = [s for s in statements if not (s.defines or s.imports or s.is_main)]
    needed = {name for s in statements if s.defines for name in s.reads}
    size = -1
    while len(needed) > size:
        size = len(needed)
        needed |= {name for s in others if s.binds & needed for name in s.reads}
    return needed


def _global_names(code: CodeType) -> Iterator[str]:
    """The global names that code reads, and the code within it."""
    yield from (step.argval for step in dis.get_instructions(code) if step.opname in ("LOAD_GLOBAL", "LOAD_NAME"))
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield from _global_names(inner)


def bound_by(node: ast.AST) -> Iterator[str]:
    """The names that a statement gives a value, or an element of one."""
    for n in _outside_of_definitions(node):
        if isinstance(n, ast.FunctionDef | ast.ClassDef):
            yield n.name
        elif isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store):
            yield n.id
        elif isinstance(n, ast.Subscript) and isinstance(n.ctx, ast.Store) and isinstance(n.value, ast.Name):
            yield n.value.id
        elif isinstance(n, ast.alias):
            yield (n.asname or n.name).split(".")[0]


def _outside_of_definitions(node: ast.AST) -> Iterator[ast.AST]:
    yield node
    if not isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Lambda):
        for child in ast.iter_child_nodes(node):
            yield from _outside_of_definitions(child)


def _last_name(node: ast.AST) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _stand_in(s: Statement, found: Definitions, unnamed: set[str]) -> str:
    """Bind what a failed import would have bound to what is usual by that name, and say so; or else to something that
    says so when it is used. `unnamed` is what the file needs and neither defines nor imports by name: `import *` may
    have brought it.
    """
    names = vars(found.module)
    if counts := [name for name in counts_in(s.node) if name not in names]:
        names.update(dict.fromkeys(counts, COUNT))
        return f" ({', '.join(counts)} = {COUNT} in its place)"
    if not s.imports:
        return ""
    wanted = (unnamed if "*" in s.binds else s.binds) - names.keys()
    instead = usual(sorted(wanted), found.tree)
    names.update(instead)
    bases = {base.id for node in found.tree.body if isinstance(node, ast.ClassDef) for base in node.bases
             if isinstance(base, ast.Name)}  # fmt: skip
    for name in wanted & bases if "*" in s.binds else s.binds:
        names.setdefault(name, OF_PYTHON_2.get(name) or Missing(name))
    return f" (the usual {', '.join(instead)} in its place)" if instead else ""
