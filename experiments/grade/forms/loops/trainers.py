"""What trains by a piece that is judged: model.train(X, y, …), gradient_descent(X, Y, alpha, iterations).

It is run for one turn on the data of that piece, from its parameters: those of its object, those that it is handed, or
in the place of what a function of the file makes for it. What they move by, over the rate, is their gradient; or one
multiple of it, as a sum is of a mean.
Compared with the truth of the piece's own cost.
"""

import ast
import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

import numpy as np

from experiments.grade.errors import Unclear
from experiments.grade.forms.course.losses import STRENGTH, words_of
from experiments.grade.forms.definitions import Definitions
from experiments.grade.forms.loops.descent import RATE, factors
from experiments.grade.forms.loops.taught import HANDED, Told, by_function, of_object, presented
from experiments.grade.forms.loops.training import Training
from experiments.grade.forms.piece import Arrays, Example, Piece, Ran
from experiments.grade.forms.stateful.objects import needed
from experiments.grade.forms.stateful.steps import moves_something
from experiments.grade.forms.whole.results import method_node, returned_names

NEAR = 2.0**-20
"""How near moves must be to multiples to be compared as such; by which they are, is derived as of any gradient."""
ANOTHER_RULE = "moves the parameters by another rule than along their gradients"
TRAINS = {"train", "fit", "run", "optimize", "optimise", "model", "learn", "descent", "sgd", "epoch"}
"""The words of what trains."""
HELPS = {"check", "numerical", "numeric", "test", "plot", "evaluate", "predict", "accuracy"}
"""Those of what only looks."""


def trainers(found: Definitions, pieces: list[Piece]) -> Iterator["Trained"]:
    """Every method and function that takes the gradients of a piece, itself or by others, and is none but of those that
    train."""
    claimed = found.claimed - {id(f) for p in pieces if isinstance(p, Training) for f in p.made_of}
    for piece in [p for p in pieces if p.gradients_by]:
        kind = next((k for k in piece.made_of if inspect.isclass(k)), None)
        own = {n: getattr(kind, n) for n in dir(kind)} if kind else found.own()
        own = {n: f for n, f in own.items() if inspect.isfunction(f)}
        nodes = {n: method_node(found, kind, n) if kind else found.node_of(f) for n, f in own.items()}
        reaching = [*_reaching(nodes, piece.gradients_by)]
        makers = [n for n, f in own.items() if n not in reaching and not kind and id(f) not in claimed]
        for name in reaching:
            if _may_train(name, own[name], nodes[name]) and (kind or id(own[name]) not in claimed):
                yield Trained(own[name], piece, kind, found, nodes[name], makers)


def _reaching(nodes: Mapping[str, ast.AST], gives: str) -> Iterator[str]:
    """The functions that call the one of this name, or one that they are handed in its place, or others that do."""
    reached, called = {gives}, {n: {*_called(node, gives)} for n, node in nodes.items()}
    while more := [n for n in nodes if n not in reached and reached & called[n]]:
        reached |= {*more}
        yield from more


def _called(node: ast.AST, gives: str) -> Iterator[str]:
    """What a function calls, or hands to one that the file has."""
    arguments = {a.arg for f in ast.walk(node) if isinstance(f, ast.FunctionDef) for a in f.args.args}
    for call in [n for n in ast.walk(node) if isinstance(n, ast.Call)]:
        name = call.func.attr if isinstance(call.func, ast.Attribute) else ast.unparse(call.func)
        is_handed = name in arguments and (name.startswith(gives) or HANDED.fullmatch(name))
        yield gives if is_handed else name


def _may_train(name: str, f: Any, node: ast.AST) -> bool:
    """Whether it is told what to train on, and is called so, moves something, or goes round."""
    if not needed(f) or name.startswith("__") or words_of(name) & HELPS:
        return False
    goes_round = any(isinstance(n, ast.For | ast.While) for n in ast.walk(node))
    return bool(words_of(name) & TRAINS) or goes_round or moves_something(node)


class Trained(Piece):
    """A trainer, and the piece whose gradients it takes."""

    form = "what trains by it"

    def __init__(
        self, f: Any, piece: Piece, kind: type | None, found: Definitions, node: ast.AST, makers: list[str]
    ) -> None:
        self.f, self.piece, self.kind, self.module, self.decisions = f, piece, kind, found.module, found.decisions
        self.names = returned_names(node)
        self.makers = {n: returned_names(found.node_of(found.own()[n])) for n in makers}
        name = f"{kind.__name__}.{f.__name__}" if kind else f.__name__
        super().__init__(name, [], [], [kind or f])

    def truth_examples(self, rng: np.random.Generator) -> Iterator[Example]:
        plain = [e for e in self.piece.truth_examples(rng) if not e.place]
        backward: Any = plain[0].run({n: np.copy(a) for n, a in plain[0].arrays.items()}).backward
        gradients, arrays = backward(None), plain[0].arrays
        told, factor = self._told(gradients, arrays)
        first = self._moved(told, arrays)
        if all(_is_same(factor * gradients.get(f"d{n}", 0 * m), m) for n, m in first.items()):
            self._check_besides(told, arrays)
        n = len(told.data.both)
        is_usual = factor in (1, n, 1 / n)  # a sum, or a mean
        convention = "" if is_usual else f"a convention: it moves by {factor:g} times the gradient"
        for example in plain:
            inputs = tuple(n for n in arrays if n not in self.piece.taught.names)
            run = self._runner(example, told, factor)
            yield replace(example, run=run, fixed=inputs, convention=convention or example.convention)

    def _told(self, gradients: Arrays, arrays: Arrays) -> tuple[Told, float]:
        """The first way to hand it the data in which it makes a step that can be compared; and how much longer that is
        than the gradient.

        Raises:
            Unclear: there is none.
        """
        why, taught = "", self.piece.taught
        for data in presented(taught):
            told = Told(data, RATE, taught.penalty)
            try:
                one, two = (self._moved(t, arrays) for t in (told, told._replace(rate=2 * RATE)))
            except (Exception, SystemExit) as error:
                why = why or f"how it is called is not known: {type(error).__name__}: {error}"
                continue
            if not any(map(np.any, one.values())):
                why = why or "it moved nothing"
            elif not all(_is_same(m, two[n]) for n, m in one.items()):
                why = "it does not make one step at its rate"
            else:  # in its order, data and target belong together whatever is done to the order of one
                ordered, examples = self._moved(told._replace(in_order=True), arrays), len(data.both)
                if factor := _factor(gradients, one, examples) or _factor(gradients, ordered, examples):
                    return told, factor
                raise Unclear(f"it {ANOTHER_RULE}")
        raise Unclear(why)

    def _check_besides(self, told: Told, arrays: Arrays) -> None:
        """Of a step that is right, what it does besides.

        Raises:
            Unclear: in a second turn something moves by what it did in the first again; or a penalty that only the
                trainer knows moves a parameter away from 0.
        """
        first = self._moved(told, arrays)
        with suppress(ArithmeticError, LookupError, TypeError, ValueError):  # one turn may be all that it makes
            second = self._moved(told, {n: arrays[n] - RATE * m for n, m in first.items()})
            both = self._moved(told._replace(turns=2), arrays)
            besides = {n: both[n] - first[n] - second[n] for n in first}
            if any(np.any(m) and _is_same(m, besides[n]) for n, m in first.items()):
                raise Unclear("it adds the gradients of a turn to those of the one before")
        other = first if told.penalty else self._moved(told._replace(penalty=STRENGTH), arrays)
        if any(np.sum((other[n] - m) * arrays[n]) < 0 for n, m in first.items()):
            raise Unclear("its penalty makes the parameters larger")

    def _after(self, arrays: Arrays, told: Told) -> Arrays:
        taught, decisions = self.piece.taught, self.decisions
        noted = decisions.are_noted, decisions.make_gradients
        decisions.are_noted = decisions.make_gradients = False
        try:
            if self.kind:
                return of_object(self.f, taught, told, arrays)
            return by_function(self.f, taught, told, arrays, self.module, self.makers, self.names)
        finally:
            decisions.are_noted, decisions.make_gradients = noted

    def _moved(self, told: Told, arrays: Arrays) -> Arrays:
        """What the parameters move by, over the rate; in numbers so wide that their own digits leave those of the step
        alone."""
        names = self.piece.taught.names
        after = self._after({n: arrays[n].astype(np.longdouble) for n in names}, told)
        if after.keys() != {*names}:
            raise Unclear("it gives back no parameters")
        return {n: np.asarray((arrays[n] - after[n]) / told.rate) for n in names}

    def _runner(self, plain: Example, told: Told, factor: float) -> Callable[[Arrays], Ran]:
        def run(given: Arrays) -> Ran:
            def backward(_: Any) -> Arrays:
                moved = self._moved(told, given)
                return {f"d{n}": np.asarray(m / np.longdouble(factor), np.float64) for n, m in moved.items()}

            return Ran(plain.run(given).y, backward, pure=False)

        return run


def _factor(gradients: Arrays, moves: Arrays, examples: int) -> float:
    """By how much longer steps are than gradients: 1, or a power of 2 and the like; 0, where they are no multiples of
    these, or each of another. Where some go up, or nowhere, they are wrong whatever it is."""
    found: list[float] = []
    for n, move in moves.items():
        g = np.asarray(gradients.get(f"d{n}", 0))
        if g.shape not in (move.shape, ()) or not (np.any(g) or not np.any(move)):
            return 0
        if np.any(g):
            g = np.broadcast_to(g, move.shape)
            found.append(float(np.vdot(g, move) / np.vdot(g, g)))
            if not _is_same(found[-1] * g, move):
                return 0
    along = [f for f in found if f > 0] or [-f for f in found if f < 0]
    return next((f for _, f in factors(examples, 1) if along and all(_is_same(f, a) for a in along)), 0)


def _is_same(one: Any, other: Any) -> bool:
    return np.shape(one) == np.shape(other) and bool(np.allclose(one, other, rtol=NEAR, atol=NEAR * np.abs(one).max()))
