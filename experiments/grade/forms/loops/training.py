"""A training loop as a piece: one turn of it is run, from the names that it begins with.

Its parameters are what the turn changes, of what was there before it, and its costs depend on; what they moved by is
their gradient.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from types import CodeType
from typing import Any, NamedTuple

import numpy as np

from experiments.grade.errors import Unclear
from experiments.grade.forms.definitions import Definitions
from experiments.grade.forms.loops.own_costs import own_costs
from experiments.grade.forms.loops.start import DRAWS
from experiments.grade.forms.loops.step import Step
from experiments.grade.forms.loops.turns.space import Names, moved
from experiments.grade.forms.loops.turns.turn import Turn
from experiments.grade.forms.piece import Example, Piece

Begins = Callable[[np.random.Generator], Iterator[Names]]
"""The names that a loop may begin with, without those of the module; the first with which it runs count."""


ENOUGH = 4
"""Starts at which something does not move."""


class Tried(NamedTuple):
    """A turn, how its loop begins, and the code of the functions that are written out in it."""

    turn: Turn
    begins: Begins
    written: Collection[CodeType]


class Training(Piece):
    """One turn of a training loop: of the first of several that is understood."""

    form = "script that trains"

    def __init__(self, name: str, ways: Sequence[Tried], found: Definitions, made_of: list[Any]) -> None:
        self.ways, self.found, self.module = ways, found, found.module
        super().__init__(name, [], [], made_of)

    def truth_examples(self, rng: np.random.Generator) -> Iterator[Example]:
        why = ""
        for turn, begins, written in self.ways:
            try:
                examples = [*self._examples(turn, begins, rng)]
            except Unclear as unclear:
                why = why or str(unclear)
                continue
            self.written, self.statements = written, [*zip(turn.statements, turn.compiled, strict=True)]
            yield from examples
            return
        raise Unclear(why)

    def _examples(self, turn: Turn, begins: Begins, rng: np.random.Generator) -> Iterator[Example]:
        start = self._start(turn, begins, rng)
        best = start.best()
        places = [start.weights, start.suspect(best)]
        if not start.moves_all(start.weights):
            others = (moved(start.weights, rng) for _ in range(DRAWS))
            places += [w for w in others if start.moves_all(w)]
        for said, run in start.runners(best):
            yield from (Example(w, run, choice=said, convention=best.convention) for w in places if w)

    def _start(self, turn: Turn, begins: Begins, rng: np.random.Generator) -> Step:
        if not turn.watched:
            raise Unclear("it has no loss, and no difference of data and a prediction, to take a cost of")
        why = unclear_why = ""
        found: list[Step] = []
        for names in begins(rng):
            try:
                start = Step(turn, self.module, names, own_costs(self.found))
                if start.moves_all(start.weights):
                    return start
                found.append(start)
            except Unclear as unclear:
                unclear_why = unclear_why or str(unclear)
            except Exception as error:
                why = why or f"{type(error).__name__}: {error}"
            if len(found) == ENOUGH:
                break
        if not found:
            raise Unclear(f"how {self.name} begins is not known: {unclear_why or why}")
        return found[0]
