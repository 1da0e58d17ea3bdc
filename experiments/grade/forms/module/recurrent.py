"""A recurrent script: lossFun(inputs, targets, hprev) → (loss, gradients, last state), its weights as globals.

Also with two states, (inputs, targets, hprev, cprev), and as a forward and the backward of what that takes and gives.
inputs and targets are lists of integers. The weights are the module's arrays, alone or in a dict or objects; their
sizes, and the integers that name these (hidden_size), are made small. The gradients are returned, or kept beside the
weights; they may be clipped: here none is as large.
Compared with the truth of its own loss.
"""

import inspect
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from experiments.grade.errors import Unclear
from experiments.grade.forms.definitions import Definitions, constants_of, needs
from experiments.grade.forms.module.network import called, made_small, shrink_numbers, state_of
from experiments.grade.forms.piece import Arrays, Example, Piece, Ran
from experiments.grade.forms.stateful.slots import Slot, gradient_slot, label, put, slots
from experiments.grade.forms.whole.forward_backward import GIVES, RUNS
from experiments.grade.forms.whole.results import gradients_in, returned_names
from manual.numbers.number_types import Array

DRAWS = 3
"""So that a small gradient has both signs in one of them."""
HALVINGS = 20
"""How often the weights are halved, so that no gradient is clipped."""
STEPS = {"inputs": [0, 2, 1, 2], "targets": [2, 1, 0, 3]}
"""A word goes in twice, and one never; each comes out once, or a bias's gradient is beyond 1."""


def pieces(found: Definitions) -> Iterator[Piece]:
    """Every function of two sequences and a state that reads arrays from its module."""
    for name, function in found.functions().items():
        names = [*inspect.signature(function).parameters]
        sequences = len(names) > 2 and names[0].startswith("input") and names[1].startswith("target")
        if sequences and needs(function) in (2, 3, 4) and len(ways := _weights(found, function)) > 1:
            backward = _partner(found, function)
            yield Recurrent(f"{name}, {backward.__name__}" if backward else name, function, backward, ways, found)


def _partner(found: Definitions, function: Callable[..., Any]) -> Callable[..., Any] | None:
    """The backward that asks for what a forward takes and gives; none, where that goes back itself."""
    known = {*inspect.signature(function).parameters, *returned_names(found.node_of(function))}
    for other in [f for f in found.functions().values() if f is not function and GIVES.match(f.__name__)]:
        if other.__name__ not in function.__code__.co_names and {*inspect.signature(other).parameters} <= known:
            return other
    return None


def _weights(found: Definitions, function: Callable[..., Any]) -> dict[str, list[Slot]]:
    """Where the module keeps the arrays that a function reads, by their names, each with all of its places: those that
    have a gradient beside them, if one has."""
    space = vars(found.module)
    kept = dict(slots({n: space[n] for n in state_of(found, function)}))
    having = [way for i, way in enumerate(kept) if gradient_slot(kept, way, i)]
    ways: dict[int, list[Slot]] = {}
    for way in having or kept:
        ways.setdefault(id(kept[way]), []).append(way)
    return {label(places[0][len(places[0]) > 2 :]): places for places in ways.values()}


class Recurrent(Piece):
    """A loss of a sequence, and its gradients, in one function."""

    form = "recurrent script"

    def __init__(
        self,
        name: str,
        function: Callable[..., Any],
        backward: Callable[..., Any] | None,
        ways: dict[str, list[Slot]],
        found: Definitions,
    ) -> None:
        self.function, self.backward, self.module, self.ways = function, backward, found.module, ways
        self.weights = {n: self._state()[places[0]] for n, places in ways.items()}
        self.names = returned_names(found.node_of(function))
        self.gives = returned_names(found.node_of(backward)) if backward else []
        parameters = [*inspect.signature(function).parameters]
        parts = [f for f in called(found, function) if RUNS.fullmatch(f.__name__) or GIVES.fullmatch(f.__name__)]
        own = [function, *parts, *([backward] if backward else [])]
        super().__init__(name, parameters[: max(3, needs(function))], [], own)

    def truth_examples(self, rng: np.random.Generator) -> Iterator[Example]:
        smaller = made_small({n for w in self.weights.values() for n in w.shape if n > 1})
        for way, array in self._state().items():
            put(vars(self.module), way, np.zeros([smaller.get(int(n), int(n)) for n in array.shape]))
        shrink_numbers(self.module, smaller)
        for _ in range(DRAWS):
            shapes = {n: [smaller.get(int(k), int(k)) for k in w.shape] for n, w in self.weights.items()}
            arrays: Arrays = {n: rng.standard_normal(shape) / 2 for n, shape in shapes.items()}
            state = self._before(arrays, rng)
            for _ in range(HALVINGS):
                if not self._is_clipped(arrays, state):
                    break
                arrays = {n: a / 2 for n, a in arrays.items()}
            else:
                raise Unclear(f"a gradient of {self.name} is a number of its code, however small the weights are")
            yield Example(arrays, lambda given, state=state: self._run(given, state), together=True)

    def _state(self) -> dict[Slot, Array]:
        """Every array that lies where the weights do."""
        roots = {str(way[0].key) for places in self.ways.values() for way in places}
        return dict(slots({n: vars(self.module)[n] for n in roots}))

    def _before(self, arrays: Arrays, rng: np.random.Generator) -> Any:
        """A state of the size on which it runs: first as a square weight's, whose it is."""
        columns = any(w.shape[-1:] == (1,) for w in arrays.values())
        squares = [len(w) for w in arrays.values() if w.ndim == 2 and len({*w.shape}) == 1]
        sizes = dict.fromkeys([*squares, *(n for w in arrays.values() for n in w.shape)])
        states = [rng.standard_normal((n, 1) if turned else n) / 2 for turned in (columns, not columns) for n in sizes]
        for state in states:
            try:
                self._run({n: a.copy() for n, a in arrays.items()}, state)
            except Exception:  # said of the first, where none runs
                continue
            return state
        return states[0]

    def _is_clipped(self, arrays: Arrays, state: Any) -> bool:
        """Whether a gradient is a number of the code: one at which it is cut off."""
        code = (self.backward or self.function).__code__
        cuts = [c for c in constants_of(code) if isinstance(c, int | float) and c]
        try:
            ran = self._run({n: a.copy() for n, a in arrays.items()}, state)
        except Exception:
            return False
        return ran.backward is not None and any(np.isin(np.abs(g), cuts).any() for g in ran.backward(None).values())

    def _run(self, given: Arrays, state: Any) -> Ran:
        for name, array in given.items():
            for way in self.ways[name]:
                put(vars(self.module), way, array)
        states = {n: state.copy() for n in self.arguments[2:]}
        result = self.function(*map(list, STEPS.values()), **states)
        if not isinstance(result, tuple) or len(result) < 2:
            raise Unclear(f"{self.name} returned no gradients beside the loss; expected (loss, gradients, state)")
        loss, *others = result
        shapes = {n: np.shape(a) for n, a in given.items()}
        names = self.names[1:] if len(self.names) == len(result) else []
        if self.backward:
            loss = next(v for v in result if np.shape(v) == () and not isinstance(v, dict))
            kept = dict(zip(self.arguments, map(list, STEPS.values()), strict=False)) | states
            kept |= dict(zip(self.names, result, strict=False))
            others = self.backward(**{n: kept[n] for n in inspect.signature(self.backward).parameters})
            names = self.gives
        found = self._kept() or gradients_in(others, names, shapes)
        return Ran({"loss": loss}, lambda _: found, pure=False)

    def _kept(self) -> Arrays:
        """The gradients that stand beside the weights."""
        kept = self._state()
        ways = {n: gradient_slot(kept, places[0], i) for i, (n, places) in enumerate(self.ways.items())}
        return {f"d{n}": np.copy(kept[way]) for n, way in ways.items() if way is not None}
