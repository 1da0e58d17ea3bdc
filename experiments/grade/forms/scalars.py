"""Scalars that know how they were computed: class Value with operators, backward() and grad.

A class made of one number, which has + and *; what it defines besides (−, /, **, with numbers on either side, relu,
tanh, exp, log, sigmoid, …) is tried in expressions, and values that are used more than once. The number may be called
data, value or val; where it may be an array, matmul, sum, mean, T, reshape and shapes that broadcast are tried, too.
Compared with the truth of its own forward.
"""

import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import numpy as np

from experiments.grade.errors import Unclear
from experiments.grade.forms.definitions import Definitions
from experiments.grade.forms.own_examples import of_kind
from experiments.grade.forms.piece import Arrays, Example, Piece, Ran
from experiments.grade.forms.stateful.objects import BACKWARD, methods_named, needed
from experiments.grade.forms.tensors import contracted, expressions

Expression = Callable[[Sequence[Any]], Any]
NUMBERS = ("data", "value", "val", "v", "item")
"""What the number may be called."""
OPERATORS: dict[str, tuple[str, Expression]] = {
    "__add__": ("sum", lambda v: v[0] + v[1] + v[2]),
    "__mul__": ("product", lambda v: v[0] * v[1] * v[2]),
    "__radd__": ("a number first in a sum", lambda v: 3 + v[0]),
    "__rmul__": ("a number first in a product", lambda v: 3 * v[0]),
    "__neg__": ("minus", lambda v: -v[0]),
    "__sub__": ("difference", lambda v: v[0] - v[1]),
    "__rsub__": ("a number first in a difference", lambda v: 3 - v[0]),
    "__truediv__": ("quotient", lambda v: v[0] / v[1]),
    "__rtruediv__": ("a number first in a quotient", lambda v: 3 / v[0]),
    "__pow__": ("power", lambda v: v[0] ** 3 + v[1] ** 2),
}
"""What each operator is tried in."""
REUSED: dict[str, Expression] = {
    "reused": lambda v: (v[0] * v[1] + v[2]) * (v[0] * v[1]) + v[0],
    "used by itself": lambda v: v[0] * v[0] + (v[1] + v[1]),
    "reused on the way": lambda v: ((w := v[0] * v[1] + v[2]) * w + w * v[2]) * v[0],
}
OPERANDS = {0: (), 1: (1,)}
"""What a method is called with besides its own number, by how many arguments it cannot do without."""


def pieces(found: Definitions) -> Iterator[Piece]:
    """Every class of one number that adds, multiplies and goes backward."""
    for name, kind in found.classes().items():
        back = next(methods_named(kind, BACKWARD), None)
        operators = {"__add__", "__mul__"} <= {*dir(kind)}
        if back and operators and len(needed(kind.__init__)) == 1 and not needed(getattr(kind, back)):
            yield Scalar(name, kind, back, found)


class Scalar(Piece):
    """A class of numbers with a graph."""

    form = "scalars with a graph"

    def __init__(self, name: str, kind: type, back: str, found: Definitions) -> None:
        self.kind, self.back, self.module, self.helpers = kind, back, found.module, [*found.own()]
        super().__init__(name, ["data"], [], [kind])

    def truth_examples(self, rng: np.random.Generator) -> Iterator[Example]:
        leaf = self._leaf(1.5)
        self.number = next((n for n in NUMBERS if getattr(leaf, n, None) == 1.5), "")
        if not self.number:
            raise Unclear(f"expected {self.name}(1.5) to keep its number as {', '.join(NUMBERS[:-1])} or {NUMBERS[-1]}")
        for place, expression in self._expressions():
            leaves = rng.uniform(0.5, 2, 3)
            yield Example({"leaves": leaves}, self._runner(expression), place=place)
        yield from self._own_examples(rng)
        yield from self._of_arrays(rng)

    def _own_examples(self, rng: np.random.Generator) -> Iterator[Example]:
        """Each expression of the values that the file itself has for examples, as far as it is a number there."""
        every = of_kind(self.kind, self.module, rng, lambda *own: all(type(v) is self.kind for v in own))
        for i, own in enumerate(every, 1):
            leaves = np.array([float(getattr(v, self.number)) for v in own[:3]])
            leaves = np.append(leaves, rng.uniform(0.5, 2, 3 - len(leaves)))
            for place, expression in self._expressions():
                with np.errstate(all="ignore"), suppress(Exception):
                    if np.isfinite(self._runner(expression)({"leaves": leaves}).y):
                        yield Example({"leaves": leaves}, self._runner(expression), place=f"{place}, example {i}")

    def _leaf(self, number: Any) -> Any:
        """A number of the class, which has a gradient even where one asks for it."""
        asks = "requires_grad" in inspect.signature(self.kind).parameters
        return self.kind(number, requires_grad=True) if asks else self.kind(number)

    def _of_arrays(self, rng: np.random.Generator) -> Iterator[Example]:
        """Where the class keeps arrays: what is done with these. Shapes broadcast where any two do so both ways."""
        try:
            if np.shape(getattr(self._leaf(np.ones((2, 3))), self.number)) != (2, 3):
                return
        except Exception:
            return
        optional: list[Example] = []
        for place, shapes, expression, may_fail in expressions(self.kind, self.helpers):
            example = Example({n: rng.uniform(0.5, 2, s) for n, s in shapes.items()}, self._of_shapes(expression))
            example = replace(example, place=place)
            if not may_fail:
                yield example
            elif _keeps_shapes(example):
                optional.append(example)
        yield from optional

    def _of_shapes(self, expression: Any) -> Callable[[Arrays], Ran]:
        def run(given: Arrays) -> Ran:
            leaves = {n: self._leaf(a) for n, a in given.items()}
            out = contracted(expression(leaves), self.kind, self.number, np.random.default_rng(0))

            def backward(_: Any) -> Arrays:
                getattr(out, self.back)()
                kept = {n: leaf.grad for n, leaf in leaves.items()}
                return {
                    f"d{n}": np.asarray(getattr(g, self.number) if isinstance(g, self.kind) else g)
                    for n, g in kept.items()
                }

            return Ran(np.sum(getattr(out, self.number)), backward, pure=False)

        return run

    def _expressions(self) -> Iterator[tuple[str, Expression]]:
        """Each operator and function, and the same where what it takes is used once more."""
        for place, expression in self._single():
            yield place, expression
            yield f"{place}, reused", lambda v, f=expression: f(v) * v[0] * v[1]
        yield from REUSED.items()

    def _single(self) -> Iterator[tuple[str, Expression]]:
        own = dir(self.kind)
        yield from (tried for operator, tried in OPERATORS.items() if operator in own)
        for name in self._functions():
            others = OPERANDS[len(needed(getattr(self.kind, name)))]

            def of(w: Any, v: Sequence[Any], name: str = name, others: tuple[int, ...] = others) -> Any:
                return getattr(w, name)(*(v[i] for i in others))

            yield name, lambda v, of=of: of(v[0] * v[1], v) * v[2]
            yield f"{name}, of what is used again", lambda v, of=of: of(w := v[0] * v[1], v) * w * v[2]
            if self._value_of(name, -1.5) is not None:
                yield f"{name} of a negative number", lambda v, of=of: of(v[0] * self._leaf(-1.0), v) * v[2]

    def _functions(self) -> Iterator[str]:
        """The methods that make another number of one, or of two; but what is the same number again has no
        derivative, or is none."""
        for name in (n for n in dir(self.kind) if not n.startswith("_") and n != self.back):
            method = inspect.getattr_static(self.kind, name)
            if inspect.isfunction(method) and len(needed(method)) in OPERANDS:
                values = {number: self._value_of(name, number) for number in (1.5, -1.5)}
                if values[1.5] is not None and any(v not in (None, number) for number, v in values.items()):
                    yield name

    def _value_of(self, name: str, number: float) -> float | None:
        """The number that a method makes of this one; None where it makes none."""
        leaves = [self._leaf(number), self._leaf(0.75)]
        try:
            method = getattr(leaves[0], name)
            found = method(*(leaves[i] for i in OPERANDS[len(needed(getattr(self.kind, name)))]))
            value = float(getattr(found, self.number)) if isinstance(found, self.kind) else np.nan
        except Exception:  # it is no function of numbers
            return None
        return value if np.isfinite(value) else None

    def _runner(self, expression: Expression) -> Callable[[Arrays], Ran]:
        def run(given: Arrays) -> Ran:
            leaves = [self._leaf(number) for number in given["leaves"]]
            out = expression(leaves)

            def backward(_: Any) -> Arrays:
                getattr(out, self.back)()
                return {"dleaves": np.array([float(leaf.grad) for leaf in leaves])}

            return Ran(np.asarray(getattr(out, self.number)), backward, pure=False)

        return run


def _keeps_shapes(example: Example) -> bool:
    """Whether it runs, to gradients of the shapes of the leaves."""
    try:
        ran = example.run({n: a.copy() for n, a in example.arrays.items()})
        found = ran.backward(None) if ran.backward else {}
    except Exception:
        return False
    return {n: np.shape(g) for n, g in found.items()} == {f"d{n}": a.shape for n, a in example.arrays.items()}
