"""What a class of numbers with a graph is tried in where its numbers may be arrays: products of matrices, sums along an
axis, shapes that broadcast."""

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np

Shapes = dict[str, tuple[int, ...]]
Expression = Callable[[Mapping[str, Any]], Any]
ONE: Shapes = {"a": (2, 3)}
MATRICES: Shapes = {"a": (2, 3), "b": (3, 4)}
SQUARE: Shapes = {"a": (3, 3), "b": (3, 3)}
ROW: Shapes = {"a": (2, 3), "b": (3,)}
COLUMN: Shapes = {"a": (2, 3), "b": (2, 1)}
OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "__add__": lambda a, b: a + b, "__sub__": lambda a, b: a - b, "__mul__": lambda a, b: a * b,
    "__truediv__": lambda a, b: a / b,
}  # fmt: skip
"""Those that broadcast."""
PRODUCTS: dict[str, Callable[[Any, Any], Any]] = {
    "__matmul__": lambda a, b: a @ b, "matmul": lambda a, b: a.matmul(b), "dot": lambda a, b: a.dot(b),
    "mm": lambda a, b: a.mm(b),
}  # fmt: skip
ALONG: tuple[tuple[str, tuple[str, ...], Callable[[Any, str], Any]], ...] = (
    ("", (), lambda a, n: getattr(a, n)()),
    (" along axis 0", ("axis",), lambda a, n: getattr(a, n)(axis=0)),
    (" along axis 1", ("axis",), lambda a, n: getattr(a, n)(axis=1)),
    (" along axis 1, kept", ("axis", "keepdims"), lambda a, n: getattr(a, n)(axis=1, keepdims=True)),
)
"""How a sum may be taken, and with which arguments."""
MOVES: tuple[tuple[str, Callable[[Any, str], Any]], ...] = (
    ("", lambda a, n: a.T if n == "T" else getattr(a, n)()),
    (" to (3, 2)", lambda a, n: getattr(a, n)(3, 2)),
    (" to a tuple (3, 2)", lambda a, n: getattr(a, n)((3, 2))),
)


def expressions(kind: type, helpers: Iterable[str]) -> Iterator[tuple[str, Shapes, Expression, bool]]:
    """What a class is tried in: what to call it, the shapes of its leaves, and whether it need not run or keep these.

    A sum must that takes an axis, and shapes that broadcast, where a method or one of the file's `helpers` says so.
    """
    own = {*dir(kind)}
    for name in ("sum", "mean", "max"):
        method = getattr(kind, name, None)
        takes = inspect.signature(method).parameters if inspect.isfunction(method) else ()
        for along, asks, f in ALONG if name in own else ():
            yield f"{name}{along}", ONE, _of_a_square(name, f, own), not (asks and {*asks} <= {*takes})
    for name, f in PRODUCTS.items():
        if name in own:
            yield "product of matrices", MATRICES, lambda v, f=f: f(v["a"], v["b"]), False
            yield "product of matrices, used again", SQUARE, lambda v, f=f: f(v["a"], v["b"]) * v["a"] * v["b"], False
    for name in ("T", "transpose", "reshape", "view", "flatten", "softmax", "log_softmax"):
        for to, f in MOVES if name in own else ():
            yield f"{name}{to}", ONE, _of_a_square(name, f, own), True
    broadcasts = any("broadcast" in n.lower() for n in (*own, *helpers))
    for name, f in OPERATORS.items():
        for shapes in (ROW, COLUMN) if name in own else ():
            said = f"{name.strip('_')} of shapes {shapes['a']} and {shapes['b']}"
            yield said, shapes, lambda v, f=f: f(v["a"], v["b"]), not broadcasts


def _of_a_square(name: str, f: Callable[[Any, str], Any], own: set[str]) -> Expression:
    """Something of a², and a² itself, where there is a sum that adds the two."""

    def expression(v: Mapping[str, Any]) -> Any:
        square = v["a"] * v["a"]
        return [f(square, name), square] if "sum" in own else [f(square, name)]

    return expression


def contracted(outs: Any, kind: Callable[[Any], Any], number: str, rng: np.random.Generator) -> Any:
    """Expressions with other weights than ones, so that what comes from above is none; as a sum, if there is one."""
    parts = []
    for out in outs if isinstance(outs, list) else [outs]:
        weighted = out * kind(rng.uniform(0.5, 2, np.shape(getattr(out, number))))
        parts.append(weighted.sum() if hasattr(weighted, "sum") else weighted)
    return parts[0] + parts[1] if len(parts) > 1 else parts[0]
