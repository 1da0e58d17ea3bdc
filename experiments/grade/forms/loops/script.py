"""A script that trains when it is loaded: forward, error, deltas and updates in one loop, at module level.

One turn of the loop is run, on the script's own data; it may lie in another, or under if __name__ == "__main__". Its
parameters are what the loop moves (syn0 += …, W = W - lr * …), what they moved by is their gradient; a learning rate
with a name is taken as 1, one that is written there is tried. The cost is what the loop calls its loss, or prints as
such; else it is one of what data are subtracted from (error = y - l2): ½ Σ (a − y)², cross-entropy and the like, or
their mean over examples.
Compared with the truth of the first cost under which nothing differs.
"""

import ast
import copy
from collections.abc import Collection, Iterator, Sequence

import numpy as np

from experiments.grade.forms.course.losses import words_of
from experiments.grade.forms.definitions import Definitions
from experiments.grade.forms.loops.space import Names, data_of
from experiments.grade.forms.loops.training import Training
from experiments.grade.forms.loops.turn import LOSS, Loop, Turn
from experiments.grade.forms.piece import Piece

MOST = 400
"""Numbers that the weights may have together, before the sizes are made small."""
SMALL = (8, 7, 6, 5, 4, 3)
WORK = {"forward", "backward", "backprop", "grad", "gradient", "gradients", "loss", "cost", "update", "step", "train"}
"""The words of functions in which a loop does its work: these are judged themselves."""


def pieces(found: Definitions) -> Iterator[Piece]:
    """The first loop at module level that trains."""
    for loop, before in training_loops(found.tree.body, found):
        yield Script(loop, before, found)
        return


def training_loops(
    body: Sequence[ast.stmt], found: Definitions, given: Collection[str] = ()
) -> Iterator[tuple[Loop, list[ast.stmt]]]:
    """The loops that train, and what runs before each: of loops in each other, the inner one that does the same."""
    for loop, before in loops(body):
        there = made(before) | {*given}
        if trains(loop, there, found):
            within = [one for one in loops(loop.body) if trains(one[0], there, found)]
            if within:
                inner, between = within[-1]
                turn = [first_turn(loop)] if isinstance(loop, ast.For) else []
                yield inner, [*before, *turn, *between]
            else:
                yield loop, before


def trains(loop: Loop, there: set[str], found: Definitions) -> bool:
    """Whether a loop moves what is there before it, and multiplies matrices, or has an error or a loss; or has all of
    that done by functions that no form knows."""
    names = {ast.unparse(n.func).removeprefix("self.") for n in ast.walk(loop) if isinstance(n, ast.Call)}
    works = [n for n in names if words_of(n) & WORK]
    known = [n for n in works if id(found.own().get(n)) in found.claimed]
    own = {n.name for n in ast.walk(found.tree) if isinstance(n, ast.FunctionDef)}
    if len({*works} & own) > 1 and not known:
        return True
    if not {*moved(loop.body)} & there:
        return False
    return _multiplies(loop) or ((_subtracts(loop) or _has_a_loss(loop)) and not {*works} & {*found.own()})


def loops(body: Sequence[ast.stmt], before: Sequence[ast.stmt] = ()) -> Iterator[tuple[Loop, list[ast.stmt]]]:
    """Every loop that no function is around, and what runs before it; of loops in each other, the outer one first.

    What is under if __name__ == "__main__" counts, and an outer loop is at its first turn.
    """
    for number, node in enumerate(body):
        so_far = [*before, *body[:number]]
        if isinstance(node, ast.For | ast.While):
            yield node, so_far
        if isinstance(node, ast.If):
            yield from loops(node.body, so_far)
        elif isinstance(node, ast.For):
            yield from loops(node.body, [*so_far, first_turn(node)])
        elif isinstance(node, ast.While | ast.With):
            yield from loops(node.body, so_far)


def first_turn(loop: ast.For) -> ast.stmt:
    """The statement that gives a loop's names their first values."""
    call = ast.Call(ast.Name("next", ast.Load()), [ast.Call(ast.Name("iter", ast.Load()), [loop.iter], [])], [])
    return ast.fix_missing_locations(ast.copy_location(ast.Assign([loop.target], call), loop))


def made(statements: Sequence[ast.stmt]) -> set[str]:
    """The names that hold something."""
    targets = [t for s in statements if isinstance(s, ast.Assign) for t in s.targets]
    return {n.id for target in targets for n in ast.walk(target) if isinstance(n, ast.Name)}


def moved(body: Sequence[ast.stmt]) -> list[str]:
    """The names that a loop changes by what they were, or that hold what it changes: W += …, self.W = self.W - …."""
    names = []
    for n in (n for statement in body for n in ast.walk(statement)):
        if isinstance(n, ast.AugAssign):
            names.append(root_of(n.target))
        elif isinstance(n, ast.Assign) and isinstance(n.value, ast.BinOp) and _is_of_itself(n.targets[0], n.value):
            names.append(root_of(n.targets[0]))
        elif isinstance(n, ast.For) and {*moved(n.body)} & {*_names_in(n.target)}:  # p, g in zip(weights, gradients)
            names += _names_in(n.iter) if not any(isinstance(m, ast.Attribute) for m in ast.walk(n.iter)) else []
    return [*dict.fromkeys(names)]


def _names_in(node: ast.expr) -> list[str]:
    return [n.id for n in ast.walk(node) if isinstance(n, ast.Name)]


def _is_of_itself(target: ast.expr, value: ast.BinOp) -> bool:
    return ast.unparse(target) == ast.unparse(value.left)


def root_of(target: ast.expr) -> str:
    """The name that a place begins with: self of self.params["W"]."""
    return next((n.id for n in ast.walk(target) if isinstance(n, ast.Name)), "")


def _multiplies(loop: Loop) -> bool:
    products = [n for n in ast.walk(loop) if isinstance(n, ast.BinOp) and isinstance(n.op, ast.MatMult)]
    called = {n.func.attr for n in ast.walk(loop) if isinstance(n, ast.Call) and isinstance(n.func, ast.Attribute)}
    return bool(products) or not called.isdisjoint(("dot", "matmul", "outer", "einsum"))


def _subtracts(loop: Loop) -> bool:
    """Whether it has an error: something with a name that is a difference, or a multiple of one."""
    values = [n.value for n in ast.walk(loop) if isinstance(n, ast.Assign) and isinstance(n.targets[0], ast.Name)]
    parts = [p for v in values if isinstance(v, ast.BinOp) for p in (v, v.left, v.right)]
    different = [v for v in parts if isinstance(v, ast.BinOp) and isinstance(v.op, ast.Sub)]
    return any(isinstance(v.right, ast.Name) for v in different)


def _has_a_loss(loop: Loop) -> bool:
    targets = [t for n in ast.walk(loop) if isinstance(n, ast.Assign) for t in n.targets]
    return any(isinstance(t, ast.Name) and LOSS.fullmatch(t.id) for t in targets)


class Script(Training):
    """A loop at module level."""

    def __init__(self, loop: Loop, before: list[ast.stmt], found: Definitions) -> None:
        self.before, self.moved = before, moved(loop.body)
        self.index = [loop] if isinstance(loop, ast.For) else []
        super().__init__("the training loop", Turn(loop, found.module), found.module, [])

    def begins(self, rng: np.random.Generator) -> Iterator[Names]:  # noqa: ARG002
        """The names as they are before the loop; with smaller sizes, where the weights are many."""
        names = self._names_after(self.before)
        if sum(np.size(names.get(n, 0)) for n in self.moved) > MOST:
            constants = [n for s in self.before for n in ast.walk(s) if isinstance(n, ast.Constant)]
            sizes = {int(n.value) for n in constants if is_size(n)}  # pyright: ignore[reportArgumentType]
            smaller = Smaller(dict(zip(sorted(sizes, reverse=True), SMALL, strict=False)))
            names = self._names_after([ast.fix_missing_locations(smaller.visit(copy.deepcopy(s))) for s in self.before])
        yield names

    def _names_after(self, before: list[ast.stmt]) -> Names:
        """The names after these statements; what is called by name alone is not run: it prints or plots."""
        names = dict(vars(self.module))
        for statement in [*before, *map(first_turn, self.index)]:
            fills = isinstance(statement, ast.For) and not {*moved(statement.body)} & made(before)
            if isinstance(statement, ast.Assign | ast.AugAssign | ast.AnnAssign) or _is_seed(statement) or fills:
                try:
                    exec(compile(ast.Module([statement], []), "the script", "exec"), names)
                except Exception:
                    continue
        return data_of(names)


def is_size(node: ast.AST) -> bool:
    """Whether it is a number of units or examples, and a large one."""
    return isinstance(node, ast.Constant) and type(node.value) is int and node.value > max(SMALL)


class Smaller(ast.NodeTransformer):
    """Statements with other numbers for some."""

    def __init__(self, instead: dict[int, int]) -> None:
        self.instead = instead

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        return ast.Constant(self.instead.get(node.value, node.value)) if is_size(node) else node  # pyright: ignore[reportArgumentType, reportCallIssue]


def _is_seed(statement: ast.stmt) -> bool:
    call = statement.value if isinstance(statement, ast.Expr) else None
    return isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "seed"
