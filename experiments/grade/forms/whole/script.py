"""A script that trains when it is loaded: forward, error, deltas and updates in one loop, at module level.

One turn of the loop is run, on the script's own data. Its parameters are the arrays that the loop moves (syn0 += …,
W = W - lr * …), what they moved by is their gradient; a learning rate with a name is taken as 1. The error is where a
prediction and data are subtracted (error = y - l2): the cost is ½ Σ error², or Σ error², or their mean over examples.
Held against the truth of that cost.
"""

import ast
from collections.abc import Iterator
from typing import Any

import numpy as np

from experiments.grade.errors import Unclear
from experiments.grade.forms.definitions import Definitions
from experiments.grade.forms.piece import Arrays, Example, Piece, Ran
from experiments.grade.forms.stateful.objects import RATES

FACTORS = {"½ Σ error²": 0.5, "Σ error²": 1.0}


def pieces(found: Definitions) -> Iterator[Piece]:
    """The first loop at module level that multiplies matrices, and moves what was made before it."""
    for number, node in enumerate(found.tree.body):
        before = found.tree.body[:number]
        if isinstance(node, ast.For | ast.While) and {*_moved(node.body)} & _made(before) and _multiplies(node):
            yield Script(node, before, found)
            return


def _made(statements: list[ast.stmt]) -> set[str]:
    """The names that hold more than a number."""
    made = [s for s in statements if isinstance(s, ast.Assign) and not isinstance(s.value, ast.Constant)]
    return {n.id for s in made for target in s.targets for n in ast.walk(target) if isinstance(n, ast.Name)}


def _multiplies(loop: ast.For | ast.While) -> bool:
    products = [n for n in ast.walk(loop) if isinstance(n, ast.BinOp) and isinstance(n.op, ast.MatMult)]
    called = {n.func.attr for n in ast.walk(loop) if isinstance(n, ast.Call) and isinstance(n.func, ast.Attribute)}
    return bool(products) or not called.isdisjoint(("dot", "matmul", "outer", "einsum"))


def _moved(body: list[ast.stmt]) -> list[str]:
    """The names that a loop changes by what they were: W += …, W = W - …."""
    names = []
    for n in (n for statement in body for n in ast.walk(statement)):
        if isinstance(n, ast.AugAssign) and isinstance(n.target, ast.Name):
            names.append(n.target.id)
        elif isinstance(n, ast.Assign) and isinstance(n.targets[0], ast.Name) and isinstance(n.value, ast.BinOp):
            left = n.value.left
            if isinstance(left, ast.Name) and left.id == n.targets[0].id:
                names.append(left.id)
    return [*dict.fromkeys(names)]


def _errors(body: list[ast.stmt]) -> list[tuple[str, str]]:
    """The names that a loop subtracts from each other, and gives a name."""
    found = []
    for statement in body:
        for n in ast.walk(statement):
            if isinstance(n, ast.Assign) and isinstance(n.value, ast.BinOp) and isinstance(n.value.op, ast.Sub):
                left, right = n.value.left, n.value.right
                if isinstance(left, ast.Name) and isinstance(right, ast.Name):
                    found.append((left.id, right.id))
    return found


class Script(Piece):
    """One turn of a training loop."""

    form = "script that trains"

    def __init__(self, loop: ast.For | ast.While, before: list[ast.stmt], found: Definitions) -> None:
        self.module, self.before = found.module, before
        quiet = [s for s in loop.body if not isinstance(s, ast.If | ast.Expr)]
        self.turn = compile(ast.Module(quiet, []), "the loop", "exec")
        self.index = loop.target.id if isinstance(loop, ast.For) and isinstance(loop.target, ast.Name) else ""
        self.errors, self.moved = _errors(loop.body), _moved(loop.body)
        super().__init__("the training loop", [], [], [])

    def truth_examples(self, rng: np.random.Generator) -> Iterator[Example]:  # noqa: ARG002
        names = self._names()
        kept = {n: names.get(n) for n in self.moved}
        weights: Arrays = {n: v for n, v in kept.items() if isinstance(v, np.ndarray) and v.dtype.kind == "f"}
        if not weights:
            raise Unclear("the loop at module level moves no arrays of floats that are there before it")
        after = self._after(names, weights)
        error = next((e for e in self.errors if self._is_error(e, names, after)), None)
        if error is None:
            raise Unclear("the loop at module level has no error = data - prediction, to take a cost of")
        for name, factor in FACTORS.items():
            for examples in (1, len(np.atleast_1d(after[error[0]]))):
                choice = f"cost {name}" + (", over the mean of the examples" if examples > 1 else "")
                yield Example(weights, self._runner(names, error, factor / examples), choice=choice)

    def _names(self) -> dict[str, Any]:
        """The module's names as they are before the loop; what is called by name alone is not run: it prints or
        plots."""
        names = dict(vars(self.module))
        for statement in self.before:
            if isinstance(statement, ast.Assign | ast.AugAssign | ast.AnnAssign) or _is_seed(statement):
                try:
                    exec(compile(ast.Module([statement], []), "the script", "exec"), names)
                except Exception:
                    continue
        return names | {n: 1.0 for n in names if n.lower() in RATES} | ({self.index: 0} if self.index else {})

    def _after(self, names: dict[str, Any], weights: Arrays) -> dict[str, Any]:
        own = {**names, **{n: w.copy() for n, w in weights.items()}}
        own |= {n: list(v) for n, v in own.items() if isinstance(v, list)}
        exec(self.turn, own)
        return own

    def _is_error(self, error: tuple[str, str], names: dict[str, Any], after: dict[str, Any]) -> bool:
        """Whether one of the two is data, and the other is made in the loop."""
        one, other = (after.get(n, 0) for n in error)
        data = [n for n in error if n in names and n not in self.moved and after.get(n) is names.get(n)]
        return len(data) == 1 and np.shape(one) == np.shape(other) != ()

    def _runner(self, names: dict[str, Any], error: tuple[str, str], factor: float) -> Any:
        """A pass in numbers so wide that a parameter's own digits leave those of its step alone."""

        def run(given: Arrays) -> Ran:
            exact = any(np.asarray(w).dtype == object for w in given.values())
            wide = {n: w if exact else np.asarray(w, np.longdouble) for n, w in given.items()}
            after = self._after(names, wide)
            difference = after[error[0]] - after[error[1]]
            moved = {f"d{n}": np.asarray(wide[n] - after[n], np.float64) for n in given} if not exact else {}
            cost = np.sum(difference**2) * factor
            is_float64 = all(np.asarray(w).dtype == np.float64 for w in given.values())
            return Ran({"cost": np.float64(cost) if is_float64 else cost}, lambda _: moved, pure=False)

        return run


def _is_seed(statement: ast.stmt) -> bool:
    call = statement.value if isinstance(statement, ast.Expr) else None
    return isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "seed"
