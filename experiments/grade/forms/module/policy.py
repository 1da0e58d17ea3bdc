"""A policy as functions: policy_forward(x) → (p, h) of one state, and policy_backward(eph, epdlogp) → gradients of all.

The weights are the module's, and their sizes are made small. Backward is handed what is stacked over an episode: the
hidden values and the gradients δ by ln p/(1 − p); the states are an argument of its, or a name of the module that
nothing has defined yet (epx).
Compared with the truth of Σ δ ln p/(1 − p), of its own forward.
"""

import builtins
import dis
import inspect
from collections.abc import Callable, Iterator
from itertools import permutations
from typing import Any

import numpy as np

from experiments.grade.errors import Unclear
from experiments.grade.forms.course.losses import words_of
from experiments.grade.forms.definitions import Definitions, needs
from experiments.grade.forms.module.network import called, made_small, shrink_numbers, state_of
from experiments.grade.forms.piece import Arrays, Example, Piece, Ran
from experiments.grade.forms.stateful.slots import Slot, label, put, slots
from experiments.grade.forms.whole.network_data import role
from experiments.grade.forms.whole.results import gradients_in, returned_names
from manual.numbers.number_types import Array

STATES = 3
"""Of an episode: no size of a weight."""
Function = Callable[..., Any]


def pieces(found: Definitions) -> Iterator[Piece]:
    """A forward that reads arrays of the module and gives two values, and the backward of what is stacked."""
    functions = found.functions().values()
    for forward in functions:
        if needs(forward) == 1 and state_of(found, forward) and len(returned_names(found.node_of(forward))) == 2:
            for backward in [f for f in functions if words_of(f.__name__) & {"backward", "backprop", "back"}]:
                arguments, unknown = [*inspect.signature(backward).parameters], _unknown(found, backward)
                if (len(arguments), len(unknown)) in ((2, 1), (3, 0)) and not any(map(role, arguments)):
                    yield Policy(forward, backward, unknown, found)
                    break


def _unknown(found: Definitions, function: Function) -> list[str]:
    """The names of the module that a function reads, and that are not there."""
    read = {step.argval for step in dis.get_instructions(function) if step.opname == "LOAD_GLOBAL"}
    return [n for n in read if not hasattr(builtins, n) and n not in vars(found.module)]


class Policy(Piece):
    """The two functions."""

    form = "policy as functions"

    def __init__(self, forward: Function, backward: Function, unknown: list[str], found: Definitions) -> None:
        self.forward, self.backward, self.unknown, self.module = forward, backward, unknown, found.module
        self.kept, self.names = state_of(found, forward, backward), returned_names(found.node_of(backward))
        name = f"{forward.__name__}, {backward.__name__}"
        super().__init__(name, [], [], [*called(found, forward), backward])

    def truth_examples(self, rng: np.random.Generator) -> Iterator[Example]:
        space = vars(self.module)
        kept = dict(slots({n: space[n] for n in self.kept}))
        smaller = made_small({int(n) for a in kept.values() for n in a.shape if n > 1})
        shrink_numbers(self.module, smaller)
        ways = {label(way[len(way) > 1 :]): way for way in kept}
        weights = {
            n: rng.standard_normal([smaller.get(int(s), int(s)) for s in kept[way].shape]) for n, way in ways.items()
        }
        x, order = self._fitted(ways, weights, rng)
        arrays = weights | {"x": x, "δ": rng.standard_normal((STATES, 1))}

        def run(given: Arrays) -> Ran:
            p, h = self._forward(ways, given)
            cost = np.sum(given["δ"] * np.log(p / (1 - p)))
            return Ran({"cost": cost}, lambda _: self._backward(order, h, given, weights), pure=False)

        yield Example(arrays, run, fixed=("x", "δ"))

    def _forward(self, ways: dict[str, Slot], given: Arrays) -> tuple[Array, Array]:
        """The probabilities, a column, and the hidden values of each state, a row each."""
        for name, way in ways.items():
            put(vars(self.module), way, given[name].copy())
        ran = [self.forward(state.copy()) for state in given["x"]]
        return np.array([[np.ravel(p)[0]] for p, _ in ran]), np.array([np.ravel(h) for _, h in ran])

    def _backward(self, order: tuple[int, ...], h: Array, given: Arrays, weights: Arrays) -> Arrays:
        parts = (h, given["δ"], given["x"])
        taken = [parts[i].copy() for i in order]
        vars(self.module).update(dict.fromkeys(self.unknown, given["x"].copy()))
        result = self.backward(*taken)
        return gradients_in(result, self.names, {n: w.shape for n, w in weights.items()})

    def _fitted(
        self, ways: dict[str, Slot], weights: Arrays, rng: np.random.Generator
    ) -> tuple[Array, tuple[int, ...]]:
        """States on which both run, and in which order backward takes the hidden values, δ and the states."""
        widths = dict.fromkeys(n for w in weights.values() for n in w.shape[::-1])
        for width in widths:
            given = {**weights, "x": rng.standard_normal((STATES, width)), "δ": rng.standard_normal((STATES, 1))}
            for order in permutations(range(3), 3 - len(self.unknown)):
                try:
                    found = self._backward(order, self._forward(ways, given)[1], given, weights)
                except Exception:  # of other sizes
                    continue
                if {n: g.shape for n, g in found.items()} == {f"d{n}": w.shape for n, w in weights.items()}:
                    return given["x"], order
        raise Unclear("what its backward is handed is not known")
