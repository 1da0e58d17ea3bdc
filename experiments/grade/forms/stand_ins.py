"""What stands in a file for what is not there, or takes floats alone: a text, a module, float(x)."""

import ast
from collections.abc import Iterator
from typing import Any

import numpy as np

TEXT = "the quick brown fox jumps over the lazy dog\n" * 9
"""What a file to learn from holds, where it is not handed in: every letter."""


def as_number(x: Any) -> Any:
    """float(x), which leaves a number alone that is no float, while a forward runs on such."""
    if isinstance(x, np.ndarray) and x.size == 1:
        x = x.reshape(-1)[0]  # as NumPy itself long did
    if getattr(x, "dtype", None) == np.longdouble:
        return x
    try:
        return float(x)
    except TypeError:
        if hasattr(x, "exp") or getattr(x, "dtype", np.dtype(float)).kind == "O":
            return x
        raise


def is_instance(x: Any, kinds: Any) -> bool:
    """isinstance(x, kinds), for which a number that stands for a float is one."""
    stands_for_one = type(x) is np.longdouble or type(x).__module__.split(".")[0] in ("flint", "torch_ref")  # pyright: ignore[reportArgumentType]
    return isinstance(x, kinds) or (stands_for_one and issubclass(float, kinds))


def item(x: Any) -> Any:
    """x.item(), which a number that stands for a float is itself."""
    return x.item() if hasattr(x, "item") else x


def dtype(x: Any) -> Any:
    """x.dtype, which of a number that stands for a float is NumPy's float."""
    return np.dtype(float) if not hasattr(x, "dtype") and as_number(x) is x else x.dtype


CALLED_INSTEAD = {"float(…)": as_number, "isinstance(…)": is_instance, "item(…)": item, "dtype(…)": dtype}
"""By names that no file can have."""


class FloatCalls(ast.NodeTransformer):
    """float(x), isinstance(x, …), x.item() and x.dtype as calls of these functions."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        counts = {"float": 1, "isinstance": 2}
        if isinstance(node.func, ast.Name) and counts.get(node.func.id) == len(node.args):
            node.func.id = f"{node.func.id}(…)"
        if isinstance(node.func, ast.Attribute) and node.func.attr == "item" and not (node.args or node.keywords):
            node.func, node.args = ast.copy_location(ast.Name("item(…)", ast.Load()), node), [node.func.value]
        return self.generic_visit(node)

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        self.generic_visit(node)
        if node.attr != "dtype" or not isinstance(node.ctx, ast.Load):
            return node
        function = ast.copy_location(ast.Name("dtype(…)", ast.Load()), node)
        return ast.copy_location(ast.Call(function, [node.value], []), node)


OF_PYTHON_2 = {"xrange": range, "izip": zip, "imap": map, "iteritems": lambda d: iter(d.items())}
"""What packages for both Pythons give, as past.builtins and six do, and what it is now."""


class Count(int):
    """A size of data that are not handed in."""


COUNT = Count(8)
"""What it is taken for: a power of two, by which to divide is exact."""


def counts_in(node: ast.stmt) -> Iterator[str]:
    """The names that a statement gives a size of an array: m, n = data.shape, or m = len(data)."""
    if not isinstance(node, ast.Assign):
        return
    for target in node.targets:
        pairs = [(target, node.value)]
        if isinstance(node.value, ast.Tuple) and isinstance(target, ast.Tuple):
            pairs = [*zip(target.elts, node.value.elts, strict=False)]
        for names, value in pairs:
            if _is_size(value):
                yield from (n.id for n in ast.walk(names) if isinstance(n, ast.Name) and n.id != "_")


def _is_size(value: ast.expr) -> bool:
    """Whether it is a size itself: a.shape, a.shape[0], a.size or len(a)."""
    if isinstance(value, ast.Call):
        return isinstance(value.func, ast.Name) and value.func.id == "len"
    whole = value.value if isinstance(value, ast.Subscript) else value
    return isinstance(whole, ast.Attribute) and whole.attr in ("shape", "size")


class MissingBase:
    """A base class that could not be imported: it keeps whatever it is made with."""

    handed_on: tuple[Any, ...] = ()

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self.handed_on = (*arguments, *options.values())


class Missing:
    """What could not be imported. It may be mentioned, and a class be derived from it, but not called."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> "Missing":
        if name.startswith("__"):
            raise AttributeError(name)
        return Missing(f"{self._name}.{name}")

    def __mro_entries__(self, bases: tuple[Any, ...]) -> tuple[type, ...]:
        return (MissingBase,) if self is next(b for b in bases if isinstance(b, Missing)) else ()

    def __call__(self, *_: Any, **__: Any) -> Any:
        raise ModuleNotFoundError(f"{self._name} could not be imported; --path adds a folder to import from")
