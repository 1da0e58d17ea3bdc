"""What may make a file pass without a backward of its own, read off its text: nothing of it runs here.

That it is there proves no intent, so the file is not judged, and the line is named for a person to look at. Who hides
it on purpose is not found by this.
"""

import ast
from collections.abc import Callable, Iterator
from pathlib import Path

from experiments.grade.hand_ins import cells_of, read

LIBRARIES = {
    "torch", "jax", "autograd", "tensorflow", "keras", "mxnet", "theano", "sympy", "tinygrad", "micrograd", "mygrad",
    "aesara", "pytensor", "casadi", "numdifftools",
}  # fmt: skip
"""What differentiates by itself."""
OF_THE_CHECKER = {"manual", "torch_ref", "experiments", "parity_tests"}
CONTRACTS = {
    "Layer",
    "Loss",
    "Optimizer",
    "Penalty",
    "Network",
    "Block",
    "InputError",
    "parameter",
    "hyperparameter",
    "state",
}
"""What of `manual` a file may build on: it computes nothing."""
ELSEWHERE = {
    "subprocess", "multiprocessing", "ctypes", "socket", "urllib", "requests", "http", "_posixsubprocess", "_ctypes",
    "_thread",
}  # fmt: skip
DRAWS_OR_TELLS = {"matplotlib", "seaborn", "plotly", "pandas", "IPython", "warnings", "logging"}
"""What has settings that change no number."""
SLOPES = {"approx_fprime", "approx_derivative", "imag"}
"""What takes a derivative of a function, the last through complex numbers."""
OF_TORCH = {"autograd", "requires_grad", "requires_grad_", "enable_grad", "set_grad_enabled", "inference_mode", "func",
            "functorch", "_functorch", "_C", "getattr", "vars", "__dict__"}  # fmt: skip
"""By what torch differentiates, and what hides the name of that."""
IN_TORCH = {"ops", "grad", "no_grad", "Parameter"}
"""Others, in torch alone: an argument may be called `grad`."""
BUILT_IN = {"exec", "eval", "compile", "__import__"}
FORWARDS = ("forward", "cost", "loss", "reference")
Found = Iterator[tuple[int, str]]


def in_file(path: Path, neighbours: frozenset[str]) -> list[str]:
    """What there is of these in a Python file or a notebook. `neighbours` are the modules of other students.

    Raises:
        OSError: it cannot be read.
    """
    text = read(path).decode("utf-8", "replace")
    if path.suffix != ".ipynb":
        return shortcuts(text, neighbours)
    return [f"cell {i}, {what}" for i, c in enumerate(cells_of(text), 1) for what in shortcuts(c, neighbours)]


def shortcuts(source: str, neighbours: frozenset[str] = frozenset()) -> list[str]:
    """What there is of these in a text, each with its line."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    imports = {alias.asname or alias.name.split(".")[0]: alias.name for alias in _aliases(tree)}
    may_use_torch = _is_of_tensors(tree) or any(
        _bases(node) & {"Function", "Module"} for node in ast.walk(tree) if isinstance(node, ast.ClassDef)
    )
    found = [*_imports(tree, neighbours, may_use_torch)]
    for node in ast.walk(tree):
        for look in LOOKS:
            found += look(node, imports)
    return [f"line {line}: {what}" for line, what in dict.fromkeys(sorted(found))]


def _is_of_tensors(tree: ast.AST) -> bool:
    """Whether a file has its arrays from torch alone, and names nothing by which torch differentiates."""
    modules = [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    modules += [node.name for node in ast.walk(tree) if isinstance(node, ast.alias)]
    tops, parts = ({m.split(".")[0] for m in modules}, {part for m in modules for part in m.split(".")})
    names = {getattr(n, "attr", getattr(n, "id", getattr(n, "arg", ""))) for n in ast.walk(tree)}
    taken = any(name in IN_TORCH or name.endswith("_backward") for name in _of_torch(tree))
    return "torch" in tops and "numpy" not in tops and not (parts | names) & OF_TORCH and not taken


def _of_torch(tree: ast.AST) -> Iterator[str]:
    """Every name that a file takes out of torch; but no_grad where it is entered at once, which differentiates
    nothing."""
    roots, entered = set[str](), set[int]()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            module = getattr(node, "module", None) or ""
            for alias in node.names:
                path = f"{module}.{alias.name}".strip(".").split(".")
                if path[0] == "torch":
                    yield from path[1:]
                    roots.add(alias.asname or (alias.name if module else path[0]))
        entering = [item.context_expr for item in getattr(node, "items", []) if isinstance(node, ast.With)]
        for call in (*entering, *getattr(node, "decorator_list", [])):
            if _dotted(of := getattr(call, "func", call)).endswith("no_grad"):
                entered.add(id(of))
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and id(node) not in entered and _dotted(node).split(".")[0] in roots:
            yield node.attr


def _aliases(tree: ast.AST) -> Iterator[ast.alias]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from node.names


def _bases(node: ast.ClassDef) -> set[str]:
    return {base.attr if isinstance(base, ast.Attribute) else getattr(base, "id", "") for base in node.bases}


def _imports(tree: ast.AST, neighbours: frozenset[str], may_use_torch: bool) -> Found:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            modules = [node.module or ""]
        else:
            continue
        for module in modules:
            top = module.split(".")[0]
            names = {alias.name for alias in node.names} if isinstance(node, ast.ImportFrom) else {top}
            if (
                top in LIBRARIES
                and not (top == "torch" and may_use_torch)
                and "datasets" not in {*module.split("."), *names}
            ):
                yield node.lineno, f"it imports {top}, which differentiates by itself"
            elif top in OF_THE_CHECKER and not (top == "manual" and names <= {*CONTRACTS, "manual"}):
                yield node.lineno, f"it imports {top}, which has the answers"
            elif top in ELSEWHERE:
                yield node.lineno, f"it imports {top}, so that something else may compute the answers"
            elif top in neighbours:
                yield node.lineno, f"it imports {top}, which another student handed in"


def _uses(node: ast.AST, imports: dict[str, str]) -> Found:
    if not isinstance(node, ast.Attribute):
        return
    if imports.get(_dotted(node.value)) == "manual" and node.attr not in CONTRACTS:
        yield node.lineno, f"it uses manual.{node.attr}, which has the answers"
    if node.attr in ("ctypes", "ctypeslib"):
        yield node.lineno, f"it uses {_dotted(node)}, which reaches into memory"


def _calls(node: ast.AST, imports: dict[str, str]) -> Found:
    if not isinstance(node, ast.Call):
        return
    name = _dotted(node.func)
    if name in BUILT_IN or name.startswith("importlib."):
        yield node.lineno, f"it calls {name}, so that what runs is not in its text"
    if name in ("os.system", "os.popen", "os.fork", "os.execv", "os.spawnv", "pty.spawn"):
        yield node.lineno, f"it calls {name}, so that something else may compute the answers"
    if name.startswith(
        (
            "inspect.",
            "sys._getframe",
            "sys._current_frames",
            "sys.setprofile",
            "sys.getprofile",
            "sys.settrace",
            "gc.get_objects",
            "gc.get_referrers",
        )
    ):
        yield node.lineno, f"it calls {name}, which looks at who calls it"
    if name == "setattr" and node.args and _dotted(node.args[0]).split(".")[0] in imports:
        yield node.lineno, f"it changes {_dotted(node.args[0])}, which others use"


def _changes(node: ast.AST, imports: dict[str, str]) -> Found:
    """An attribute of a module that is set: it is another for whoever uses that module."""
    if not isinstance(node, ast.Assign | ast.Delete):
        return
    for target in node.targets:
        whole = _dotted(target.value if isinstance(target, ast.Subscript) else target)
        module = imports.get(whole.split(".")[0], "").split(".")[0]
        is_told = whole.startswith(("sys.path", "os.environ"))
        if "." in whole and module and module not in DRAWS_OR_TELLS and not is_told:
            yield node.lineno, f"it changes {whole}, which others use"


def _compares(node: ast.AST, _: dict[str, str]) -> Found:
    """Another answer for numbers that are no floats, or under the checker."""
    if isinstance(node, ast.Compare):
        compared = [node.left, *node.comparators]
        sides = [_dotted(side) for side in compared]
        if any(s.endswith(("dtype", "dtype.kind", "dtype.char")) for s in sides) and any(map(_is_object, compared)):
            yield node.lineno, "it answers otherwise for exact numbers (dtype object)"
        told = [side.value for side in compared if isinstance(side, ast.Constant)]
        if (
            any(s in ("sys.argv", "sys.modules", "sys.executable", "os.environ") for s in sides)
            and "__name__" not in sides
            and "google.colab" not in told  # which asks for the host of a notebook
        ):
            yield node.lineno, "it looks at which program runs it"
    if isinstance(node, ast.Call) and _dotted(node.func) == "isinstance" and len(node.args) == 2:
        kinds = [_dotted(e) for e in getattr(node.args[1], "elts", [node.args[1]])]
        if any(kind.split(".")[-1] in ("Dual", "Bounded", "Fraction", "arb", "fmpq") for kind in kinds):
            yield node.lineno, "it answers otherwise for exact numbers"


def _is_object(node: ast.expr) -> bool:
    return _dotted(node) in ("object", "np.object_", "numpy.object_") or (
        isinstance(node, ast.Constant) and node.value in ("O", "object")
    )


def _equals(node: ast.AST, _: dict[str, str]) -> Found:
    """Objects that decide themselves what they equal, or what NumPy makes of them."""
    if isinstance(node, ast.ClassDef):
        for method in node.body:
            if isinstance(method, ast.FunctionDef) and method.name in (
                "__eq__",
                "__array_function__",
                "__array_ufunc__",
                "__class__",
            ):
                yield method.lineno, f"its {node.name} decides by {method.name} what it equals"


def _differentiates(node: ast.AST, _: dict[str, str]) -> Found:
    """The name of what differentiates: a complex step is as exact as a backward."""
    if isinstance(node, ast.Attribute | ast.Name) and (name := _dotted(node).split(".")[-1]) in SLOPES:
        yield node.lineno, f"it uses {name}, which differentiates a forward"


def _asks(node: ast.AST, _: dict[str, str]) -> Found:
    """A function that reads the environment: there it may see who runs it."""
    if isinstance(node, ast.FunctionDef):
        for read in ast.walk(node):
            if isinstance(read, ast.Attribute) and _dotted(read) in ("os.environ", "os.getenv"):
                yield read.lineno, f"its {node.name} reads {_dotted(read)}, which tells what runs it"


def _steps(node: ast.AST, _: dict[str, str]) -> Found:
    """A loop that moves by differences: (f(w + e) - f(w - e)) / (2 * e), and w -= …; one that checks moves nothing."""
    if not isinstance(node, ast.For | ast.While):
        return
    moves = [n for n in ast.walk(node) if isinstance(n, ast.AugAssign) and isinstance(n.op, ast.Sub)]
    for quotient in [n for n in ast.walk(node) if isinstance(n, ast.BinOp) and isinstance(n.op, ast.Div)]:
        difference = quotient.left
        if moves and isinstance(difference, ast.BinOp) and isinstance(difference.op, ast.Sub):
            sides = [_dotted(s.func) for s in (difference.left, difference.right) if isinstance(s, ast.Call)]
            if len(sides) == 2 and sides[0] == sides[1] != "":
                yield quotient.lineno, f"it takes finite differences of {sides[0]} and moves by them"


def _differences(node: ast.AST, _: dict[str, str]) -> Found:
    """A backward that runs a forward in a loop."""
    if not isinstance(node, ast.FunctionDef) or not any(word in node.name.lower() for word in ("backward", "backprop")):
        return
    for loop in ast.walk(node):
        if isinstance(loop, ast.For | ast.While):
            names = [_dotted(c.func).split(".")[-1] for c in ast.walk(loop) if isinstance(c, ast.Call)]
            if sum(any(name.lower().endswith(word) for word in FORWARDS) for name in names) >= 2:
                yield loop.lineno, f"its {node.name} takes finite differences of a forward"
                return


def _keeps(node: ast.AST, _: dict[str, str]) -> Found:
    """A backward that reads answers from a file."""
    if isinstance(node, ast.FunctionDef) and any(
        word in node.name.lower() for word in ("forward", "backward", "backprop")
    ):
        for call in ast.walk(node):
            if isinstance(call, ast.Call) and (
                _dotted(call.func) == "open"
                or _dotted(call.func).split(".")[-1] in ("read_text", "read_bytes", "load", "loadtxt")
            ):
                yield call.lineno, f"its {node.name} reads from a file"


def _dotted(node: ast.AST) -> str:
    if isinstance(node, ast.Attribute):
        above = _dotted(node.value)
        return f"{above}.{node.attr}" if above else node.attr
    return node.id if isinstance(node, ast.Name) else ""


LOOKS: tuple[Callable[[ast.AST, dict[str, str]], Found], ...] = (
    _uses,
    _calls,
    _changes,
    _compares,
    _equals,
    _differentiates,
    _asks,
    _steps,
    _differences,
    _keeps,
)
