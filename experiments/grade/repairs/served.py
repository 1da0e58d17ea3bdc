"""The repairs that the process of a file finds, and what the file gives with them."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from experiments.grade.forms.piece import Arrays, Example, Piece, Ran
from experiments.grade.process import answers, requests
from experiments.grade.process.answers import TrueValue
from experiments.grade.process.conduct import seeded
from experiments.grade.process.limits import all_numbers, numbers
from experiments.grade.repairs.code import Statements, definitions, running
from experiments.grade.repairs.search import Search, Trial

Kept = tuple[Example, answers.Observation]
WORK = 1_000_000
"""How much is tried for one piece, in nodes that are compiled: about a second; of a file, one and a half of that."""


class Repairs:
    """Those of one file."""

    def __init__(self, server: Any) -> None:
        self.server = server
        self.searches: list[Search] = []
        self.left = 3 * WORK // 2

    def find(
        self, piece: Piece, kept: list[Kept], steps: list[requests.WantedSteps], others: list[Kept]
    ) -> answers.Repairs:
        """Those with which all of these passes give their truth, and the others still do.

        A piece that runs all of what another wrong one has wrong is repaired by what repairs that, or by nothing.
        """
        trials = [*_trials(kept), *(trial for one in steps for trial in self._of_steps(one))]
        judged = piece.otherwise if piece.is_otherwise and piece.otherwise else piece
        every = [*definitions(self.server.tree), Statements(judged.statements)]
        search = Search(every, piece.module, str(self.server.path), trials)
        inner = [one for one in self.searches if one.reached and one.reached <= {*search.names}]
        if inner:
            found = [one for before in inner for one in before.found if search.repaired(one[1])]
        else:
            work, still = min(WORK, self.left), [*_trials(others)]
            found = [one for one in search.repairs(work) if all(search.agrees(t, one[1]) for t in still)]
            self.left -= work - max(search.left, 0)
        self.server.lookout.seen.clear()  # what a change of the file does is not its own doing
        search.found = found
        self.searches.append(search)
        return answers.Repairs([repair for repair, _ in found])

    def _of_steps(self, one: requests.WantedSteps) -> Iterator[Trial]:
        """The first two steps, which tell most; and all."""
        few = replace(one.asked, gradients=one.asked.gradients[:2])
        size = sum(p.size for p in few.params.values()) * len(few.gradients)
        short = [TrueValue(w.value[:size], w.allowed[:size]) for w in one.wanted]
        for asked, some in ((few, short), (one.asked, one.wanted)):
            yield Trial(partial(self._steps, asked), [{"next_w": wanted} for wanted in some])

    def _steps(self, asked: requests.Steps) -> Arrays:
        steps = self.server.steps(asked, np.copy)
        return {"next_w": np.concatenate([np.ravel(step[n]) for step in steps for n in asked.params])}

    def by(self, request: requests.Repaired) -> Arrays:
        """What the file gives with one of the changes that were found last."""
        search = self.searches[-1]
        with running(search.functions, search.found[request.repair][1]):
            if request.steps is None:
                return all_numbers(self.server.again(request.observation))
            with self.server.watching():
                return self._steps(request.steps)


def _trials(kept: list[Kept]) -> Iterator[Trial]:
    return (_trial(example, observation) for example, observation in kept if observation.truth)


def _trial(example: Example, observation: answers.Observation) -> Trial:
    def forward() -> Ran:
        return seeded(example.run, {n: a.copy() for n, a in example.arrays.items()})

    def run() -> Arrays:
        ran = forward()
        found = {n: numbers(y).copy() for n, y in ran.outputs.items()}
        if ran.backward is not None:
            found |= {n: numbers(g).copy() for n, g in ran.backward(_copied(example.delta)).items()}
        return found

    return Trial(run, [observation.truth], forward)


def _copied(delta: Any) -> Any:
    if isinstance(delta, dict):
        return {n: d.copy() for n, d in delta.items()}
    return None if delta is None else delta.copy()
