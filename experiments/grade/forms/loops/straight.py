"""A script without a loop: forward and backward once, at module level, with dW1 or W1_grad beside W1.

The parameters are the arrays that have such a gradient and are made of no other; the cost is what the script calls its
loss, else one of what data are subtracted from, as of a loop (loops-script). Each parameter is moved where it has been
made. A script that then makes its one step, W1 -= 0.1 * dW1, is a loop of one turn.
Compared with the truth of the first cost under which nothing differs.
"""

import ast
import copy
from collections.abc import Callable, Iterator, Sequence
from types import FunctionType
from typing import Any

import numpy as np

from experiments.grade.errors import Unclear
from experiments.grade.forms.definitions import Definitions
from experiments.grade.forms.loops.script import MOST, Script, Way, made, smaller, ways_of
from experiments.grade.forms.loops.turns.kept import stacked
from experiments.grade.forms.loops.turns.moving import moves, root_of
from experiments.grade.forms.loops.turns.space import Names, data_of, needed, run_in
from experiments.grade.forms.loops.turns.turn import Turn, bound, compiled
from experiments.grade.forms.piece import Arrays, Example, Piece, Ran
from experiments.grade.forms.stateful.slots import is_marked, stem
from experiments.grade.forms.whole.costs import choices

DEFINES = (ast.FunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom)
MOVED = "moved(…)"
NEAR = 2.0**-20
Value = Callable[[Names], Any]


def pieces(found: Definitions) -> Iterator[Piece]:
    """The statements beside the definitions, if a gradient is among them."""
    body = [s for s in found.tree.body if not isinstance(s, DEFINES)]
    once = [s for s in body if not isinstance(s, ast.For | ast.While)]
    names = {n for s in once for n in bound(s)}
    gradients = {g: w for g in names if is_marked(g) for w in names if stem(w) == stem(g) and not is_marked(w)}
    if not gradients or any(isinstance(s, ast.While) for s in body) or ways_of(found.tree.body, found, {}):
        return
    steps = [i for i, s in enumerate(body) if s in once and {*map(root_of, moves(s))} & {*gradients.values()}]
    if steps:
        weights = {root_of(place) for s in body for place in moves(s)} & {*gradients.values()}
        last = max((i for i, s in enumerate(body[: steps[0]]) if made([s]) & weights), default=-1)
        yield Script([Way(ast.While(ast.Constant(True), body[last + 1 :], []), body[: last + 1])], found)
    else:
        yield Straight(body, gradients, found)


class Straight(Piece):
    """The script."""

    form = "script that goes back once"

    def __init__(self, body: Sequence[ast.stmt], gradients: dict[str, str], found: Definitions) -> None:
        self.body, self.gradients, self.module = body, gradients, found.module
        super().__init__("the script", [], [], [])

    def truth_examples(self, rng: np.random.Generator) -> Iterator[Example]:  # noqa: ARG002
        self._prepare(self.body)
        if sum(np.size(self.kept.get(w, 0)) for w in self.gradients.values()) > MOST:
            self._prepare(smaller(self.body))
        leaves = self._leaves()
        for said, cost in self._costs(leaves):
            values = lambda some, f=cost: [f(self._ran(w, some)) for w in (leaves, _beside(leaves))]  # noqa: E731
            forward = needed(self.compiled, values)

            def run(given: Arrays, cost: Value = cost, forward: list[FunctionType] = forward) -> Ran:
                after = self._ran(given)
                found = {f"d{w}": np.asarray(after[g]) for g, w in self.gradients.items() if w in leaves}
                return Ran({"cost": cost(self._ran(given, forward))}, lambda _: found, pure=False)

            yield Example(leaves, run, choice=said)

    def _prepare(self, body: Sequence[ast.stmt]) -> None:
        """Its statements, with one after each that makes a parameter; and what there is after them."""
        turn = Turn(ast.While(ast.Constant(True), [*body], []), self.module)
        self.turn = turn
        weights = {*self.gradients.values()}
        losses = [i for i, s in enumerate(turn.statements) if {*bound(s)} & {*turn.costs}]
        backward = [i for i, s in enumerate(turn.statements) if {*bound(s)} & self.gradients.keys()]
        end = min([*losses, *backward])
        self.compiled: list[FunctionType] = []
        for number, statement in enumerate(turn.compiled):
            self.compiled.append(statement)
            for w in {*bound(turn.statements[number])} & weights if number < end else ():
                is_last = not any(w in bound(s) for s in turn.statements[number + 1 : end])
                if is_last:
                    moving = ast.parse(f"{w} = globals()[{MOVED!r}]({w!r}, {w})").body[0]
                    self.compiled.append(compiled(moving, self.module))
        self.kept: Names = {}
        self.kept = self._ran({})

    def _ran(self, given: Arrays, statements: Sequence[FunctionType] | None = None) -> Names:
        """What there is after the statements, with these parameters."""
        seen: Names = {}

        def move(name: str, value: Any) -> Any:
            seen[name] = copy.copy(value)
            return value + (given[name] - self.kept[f"begin {name}"]) if name in given else value

        names = {**data_of(vars(self.module)), MOVED: move}
        after = run_in(self.module, self.compiled if statements is None else statements, names)
        return after | {f"begin {n}": v for n, v in seen.items()}

    def _leaves(self) -> Arrays:
        """The parameters that no other makes."""
        kept = {w: np.asarray(self.kept.get(f"begin {w}", 0)) for w in dict.fromkeys(self.gradients.values())}
        arrays = {w: a for w, a in kept.items() if a.dtype == np.float64}
        leaves = dict(arrays)
        for w, a in arrays.items():
            after = self._ran({w: a + NEAR})
            for other in [n for n in leaves if n != w]:
                if not np.array_equal(after[f"begin {other}"], kept[other]):
                    del leaves[other]
        if not leaves:
            raise Unclear("no array that has a gradient beside it is made of no other")
        return leaves

    def _costs(self, leaves: Arrays) -> Iterator[tuple[str, Value]]:
        """Its loss; else the usual costs of what data are subtracted from."""
        for name in self.turn.costs:
            value = np.asarray(self.kept.get(name))
            if value.size == 1 and value.dtype.kind == "f" and self._depends(lambda after, n=name: after[n], leaves):
                yield f"cost {name.removeprefix('cost ')}", lambda after, n=name: np.sum(after[n])
                return
        for pair in self.turn.pairs:
            sides = [lambda after, n=n: stacked(after[n]) for n in pair]
            varies = [self._depends(side, leaves) for side in sides]
            made, data = sides if varies[0] else sides[::-1]
            if sorted(varies) == [False, True] and made(self.kept).shape == data(self.kept).shape:
                for said, cost in choices(len(np.atleast_1d(made(self.kept))), made(self.kept), data(self.kept)):
                    yield said, lambda after, f=cost, made=made, data=data: f(made(after), data(after))
                return
        raise Unclear("it has no loss, and no difference of data and a prediction, to take a cost of")

    def _depends(self, value: Value, leaves: Arrays) -> bool:
        """Whether each of the parameters changes it."""
        before = value(self._ran(leaves))
        return all(
            not np.array_equal(value(self._ran({**leaves, **_beside({w: a})})), before) for w, a in leaves.items()
        )


def _beside(weights: Arrays) -> Arrays:
    rng = np.random.default_rng(0)
    return {n: w + NEAR * rng.standard_normal(w.shape) for n, w in weights.items()}
