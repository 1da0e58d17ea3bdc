"""A script that trains when it is loaded: forward, error, deltas and updates in one loop, at module level.

One turn of the loop is run, on the script's own data; it may lie in another, or under if __name__ == "__main__". Its
parameters are what the loop moves (syn0 += …, W = W - lr * …), what they moved by is their gradient; a learning rate
with a name is taken as 1, one that is written there is tried. The error is where a prediction and data are subtracted
(error = y - l2): the cost is ½ Σ error², or Σ error², or their mean over examples; or it is what the loop calls its
loss.
Held against the truth of the first cost under which nothing differs.
"""

import ast
import copy
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from experiments.grade.errors import Unclear
from experiments.grade.forms.course.losses import words_of
from experiments.grade.forms.definitions import Definitions
from experiments.grade.forms.piece import Arrays, Example, Piece, Ran
from experiments.grade.forms.stateful.objects import RATES

FACTORS = {"½ Σ error²": 0.5, "Σ error²": 1.0}
MOST = 400
"""Numbers that the weights may have together, before the sizes are made small."""
SMALL = (8, 7, 6, 5, 4, 3)
Cost = Callable[[dict[str, Any]], Any]
"""Of the names after a turn."""
WORK = {"forward", "backward", "backprop", "grad", "gradient", "gradients", "loss", "cost", "update", "step", "train"}
"""The words of functions in which a loop does its work: these are judged themselves."""
LOSS = re.compile("loss|cost|mse|error|sse|objective|J", re.IGNORECASE)


def pieces(found: Definitions) -> Iterator[Piece]:
    """The first loop at module level that multiplies matrices, and moves what was made before it."""
    for node, before in _loops(found.tree.body):
        if not {*_moved(node.body)} & _made(before):
            continue
        called = {n.func.id for n in ast.walk(node) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)}
        works = {n for n in called & {*found.own()} if words_of(n) & WORK}
        if _multiplies(node) or ((_subtracts(node) or _has_a_loss(node)) and not works):
            yield Script(node, before, found)
            return


def _loops(
    body: list[ast.stmt], before: Sequence[ast.stmt] = ()
) -> Iterator[tuple[ast.For | ast.While, list[ast.stmt]]]:
    """Every loop that no function is around, and what runs before it; of loops in each other, the outer one first.

    What is under if __name__ == "__main__" counts, and an outer loop is at its first turn.
    """
    for number, node in enumerate(body):
        so_far = [*before, *body[:number]]
        if isinstance(node, ast.For | ast.While):
            yield node, so_far
        if isinstance(node, ast.If):
            yield from _loops(node.body, so_far)
        elif isinstance(node, ast.For):
            first = ast.Call(
                ast.Name("next", ast.Load()), [ast.Call(ast.Name("iter", ast.Load()), [node.iter], [])], []
            )
            turn = ast.copy_location(ast.Assign([node.target], first), node)
            yield from _loops(node.body, [*so_far, ast.fix_missing_locations(turn)])


def _made(statements: list[ast.stmt]) -> set[str]:
    """The names that hold something."""
    made = [s for s in statements if isinstance(s, ast.Assign)]
    return {n.id for s in made for target in s.targets for n in ast.walk(target) if isinstance(n, ast.Name)}


def _multiplies(loop: ast.For | ast.While) -> bool:
    products = [n for n in ast.walk(loop) if isinstance(n, ast.BinOp) and isinstance(n.op, ast.MatMult)]
    called = {n.func.attr for n in ast.walk(loop) if isinstance(n, ast.Call) and isinstance(n.func, ast.Attribute)}
    return bool(products) or not called.isdisjoint(("dot", "matmul", "outer", "einsum"))


def _subtracts(loop: ast.For | ast.While) -> bool:
    """Whether it has an error: something with a name that is a difference."""
    values = [n.value for n in ast.walk(loop) if isinstance(n, ast.Assign) and isinstance(n.targets[0], ast.Name)]
    different = [v for v in values if isinstance(v, ast.BinOp) and isinstance(v.op, ast.Sub)]
    return any(isinstance(v.right, ast.Name) for v in different)


def _has_a_loss(loop: ast.For | ast.While) -> bool:
    targets = [t for n in ast.walk(loop) if isinstance(n, ast.Assign) for t in n.targets]
    return any(isinstance(t, ast.Name) and LOSS.fullmatch(t.id) for t in targets)


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


def _of_errors(error: tuple[str, str], examples: int) -> list[tuple[str, Cost]]:
    """Each cost of an error, as a sum over the examples and as their mean; what to call it."""

    def cost(share: float) -> Cost:
        return lambda after: np.sum((after[error[0]] - after[error[1]]) ** 2) * share

    costs = []
    for name, factor in FACTORS.items():
        costs.append((f"cost {name}", cost(factor)))
        if examples > 1:
            costs.append((f"cost {name}, over the mean of the examples", cost(factor / examples)))
    return costs


class Script(Piece):
    """One turn of a training loop."""

    form = "script that trains"

    def __init__(self, loop: ast.For | ast.While, before: list[ast.stmt], found: Definitions) -> None:
        self.module, self.before = found.module, before
        quiet = [s for s in loop.body if not isinstance(s, ast.If | ast.Expr)]
        self.turn = compile(ast.Module(quiet, []), "the loop", "exec")
        self.index = loop.target.id if isinstance(loop, ast.For) and isinstance(loop.target, ast.Name) else ""
        self.errors, self.moved = _errors(loop.body), _moved(loop.body)
        bound = [n for s in quiet for n in ast.walk(s) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)]
        moves = [s for s in quiet for s in ast.walk(s) if isinstance(s, ast.AugAssign | ast.Assign) and {*_moved([s])}]
        numbers = [n.value for s in moves for n in ast.walk(s) if isinstance(n, ast.Constant)]
        self.rates = [*dict.fromkeys(n for n in numbers if isinstance(n, float) and 0 < n < 1)]
        self.made = [*dict.fromkeys(n.id for n in bound)]
        super().__init__("the training loop", [], [], [])

    def truth_examples(self, rng: np.random.Generator) -> Iterator[Example]:  # noqa: ARG002
        names = self._names()
        kept = {n: names.get(n) for n in self.moved}
        weights: Arrays = {n: v for n, v in kept.items() if isinstance(v, np.ndarray) and v.dtype.kind == "f"}
        weights |= {n: np.array(v) for n, v in kept.items() if isinstance(v, float) and self._matters(n, names)}
        if not weights:
            raise Unclear("the loop at module level moves no floats that are there before it")
        after = self._after(names, weights)
        loss = next(
            (n for n in self.made if LOSS.fullmatch(n) and np.ndim(after.get(n, ())) == 0 and n not in names), ""
        )
        error = next((e for e in self.errors if self._is_error(e, names, after)), None)
        if error is None and not loss:
            raise Unclear("the loop at module level has no loss, and no error = data - prediction, to take a cost of")
        costs = [(f"cost {loss}", lambda after: after[loss])] if loss else []
        costs += [] if error is None else _of_errors(error, len(np.atleast_1d(after[error[0]])))
        for rate in (1.0, *self.rates):
            for choice, cost in costs:
                said = choice if rate == 1 else f"{choice}, learning rate {rate:g}"
                yield Example(weights, self._runner(names, cost, rate), choice=said)

    def _names(self) -> dict[str, Any]:
        """The module's names as they are before the loop; with smaller sizes, where the weights are many."""
        names = self._names_after(self.before)
        if sum(np.size(names.get(n, 0)) for n in self.moved) <= MOST:
            return names
        sizes: set[Any] = {
            n.value for s in self.before for n in ast.walk(s) if isinstance(n, ast.Constant) and _is_size(n.value)
        }
        smaller = Smaller(dict(zip(sorted(sizes, reverse=True), SMALL, strict=False)))
        return self._names_after([ast.fix_missing_locations(smaller.visit(copy.deepcopy(s))) for s in self.before])

    def _names_after(self, before: list[ast.stmt]) -> dict[str, Any]:
        """The names after these statements; what is called by name alone is not run: it prints or plots."""
        names = dict(vars(self.module))
        for statement in before:
            fills = isinstance(statement, ast.For) and not {*_moved(statement.body)} & _made(before)
            if isinstance(statement, ast.Assign | ast.AugAssign | ast.AnnAssign) or _is_seed(statement) or fills:
                try:
                    exec(compile(ast.Module([statement], []), "the script", "exec"), names)
                except Exception:
                    continue
        return names | {n: 1.0 for n in names if n.lower() in RATES} | ({self.index: 0} if self.index else {})

    def _matters(self, name: str, names: dict[str, Any]) -> bool:
        """Whether a number that the loop moves is one that its predictions are made of, and not a sum over turns."""
        one, other = (self._after(names | {name: names[name] + by}, {}) for by in (0.0, 0.25))
        made = [n for n in self.made if n != name]
        others = [n for n in made if isinstance(one.get(n), np.ndarray)]
        others = others or [n for n in made if LOSS.fullmatch(n) and isinstance(one.get(n), float)]
        return any(not np.array_equal(one[n], other[n], equal_nan=True) for n in others)

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

    def _runner(self, names: dict[str, Any], cost: Cost, rate: float) -> Any:
        """A pass in numbers so wide that a parameter's own digits leave those of its step alone."""

        def run(given: Arrays) -> Ran:
            exact = any(np.asarray(w).dtype == object for w in given.values())
            wide = {n: w if exact else np.asarray(w, np.longdouble) for n, w in given.items()}
            after = self._after(names, wide)
            moved = {f"d{n}": np.asarray((wide[n] - after[n]) / rate, np.float64) for n in given} if not exact else {}
            value = cost(after)
            is_float64 = all(np.asarray(w).dtype == np.float64 for w in given.values())
            return Ran({"cost": np.float64(value) if is_float64 else value}, lambda _: moved, pure=False)

        return run


def _is_size(value: Any) -> bool:
    return type(value) is int and value > max(SMALL)


class Smaller(ast.NodeTransformer):
    """Statements with other numbers for some."""

    def __init__(self, instead: dict[Any, int]) -> None:
        self.instead = instead

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        return ast.Constant(self.instead.get(node.value, node.value)) if _is_size(node.value) else node


def _is_seed(statement: ast.stmt) -> bool:
    call = statement.value if isinstance(statement, ast.Expr) else None
    return isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "seed"
