"""A recurrent script: lossFun(inputs, targets, hprev) → (loss, gradients, last state), its weights as globals.

Also with two states, (inputs, targets, hprev, cprev). inputs and targets are lists of integers. The globals that are
arrays are the weights; their sizes, and the integers that name these (hidden_size, vocab_size), are made small.
Gradients may be clipped: here none is as large.
Held against the truth of its own loss.
"""

import inspect
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from experiments.grade.errors import Unclear
from experiments.grade.forms.definitions import Definitions, constants_of, needs
from experiments.grade.forms.piece import Arrays, Example, Piece, Ran
from experiments.grade.forms.whole.results import gradients_in, returned_names

SMALL = (4, 5, 6, 7)
"""What the sizes become, the smallest first: none is below the words of STEPS."""
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
        if sequences and needs(function) in (2, 3, 4) and len(_weights(found, function)) > 1:
            yield Recurrent(name, function, found)


def _weights(found: Definitions, function: Callable[..., Any]) -> dict[str, Any]:
    read = {*function.__code__.co_names}
    kept = {n: v for n, v in vars(found.module).items() if n in read and isinstance(v, np.ndarray)}
    return {n: v for n, v in kept.items() if v.dtype.kind == "f"}


class Recurrent(Piece):
    """A loss of a sequence, and its gradients, in one function."""

    form = "recurrent script"

    def __init__(self, name: str, function: Callable[..., Any], found: Definitions) -> None:
        self.function, self.module, self.weights = function, found.module, _weights(found, function)
        self.names = returned_names(found.node_of(function))
        parameters = [*inspect.signature(function).parameters]
        super().__init__(name, parameters[: max(3, needs(function))], [], [function])

    def truth_examples(self, rng: np.random.Generator) -> Iterator[Example]:
        smaller = made_small({n for w in self.weights.values() for n in w.shape if n > 1})
        for name, value in [*vars(self.module).items()]:
            if type(value) is int and value in smaller:
                vars(self.module)[name] = smaller[value]
        for _ in range(DRAWS):
            shapes = {n: [smaller.get(int(k), int(k)) for k in w.shape] for n, w in self.weights.items()}
            arrays: Arrays = {n: rng.standard_normal(shape) / 2 for n, shape in shapes.items()}
            state = self._state(arrays, rng)
            for _ in range(HALVINGS):
                if not self._is_clipped(arrays, state):
                    break
                arrays = {n: a / 2 for n, a in arrays.items()}
            else:
                raise Unclear(f"a gradient of {self.name} is a number of its code, however small the weights are")
            yield Example(arrays, lambda given, state=state: self._run(given, state), together=True)

    def _state(self, arrays: Arrays, rng: np.random.Generator) -> Any:
        """A state of the size on which it runs: first as a square weight's, whose it is."""
        columns = any(w.shape[-1:] == (1,) for w in arrays.values())
        squares = [len(w) for w in arrays.values() if w.ndim == 2 and len({*w.shape}) == 1]
        sizes = [*dict.fromkeys([*squares, *(n for w in arrays.values() for n in w.shape)])]
        for size in sizes:
            state = rng.standard_normal((size, 1) if columns else (size,)) / 2
            try:
                self._run({n: a.copy() for n, a in arrays.items()}, state)
            except Exception:  # said of the first, where none runs
                continue
            return state
        return rng.standard_normal((sizes[0], 1) if columns else (sizes[0],)) / 2

    def _is_clipped(self, arrays: Arrays, state: Any) -> bool:
        """Whether a gradient is a number of the code: one at which it is cut off."""
        cuts = [c for c in constants_of(self.function.__code__) if isinstance(c, int | float) and c]
        try:
            ran = self._run({n: a.copy() for n, a in arrays.items()}, state)
        except Exception:
            return False
        return ran.backward is not None and any(np.isin(np.abs(g), cuts).any() for g in ran.backward(None).values())

    def _run(self, given: Arrays, state: Any) -> Ran:
        vars(self.module).update(given)
        states = {n: state.copy() for n in self.arguments[2:]}
        result = self.function(*map(list, STEPS.values()), **states)
        if not isinstance(result, tuple) or len(result) < 2:
            raise Unclear(f"{self.name} returned no gradients beside the loss; expected (loss, gradients, state)")
        loss, *others = result
        shapes = {n: np.shape(a) for n, a in given.items()}
        names = self.names[1:] if len(self.names) == len(result) else []
        return Ran({"loss": loss}, lambda _: gradients_in(others, names, shapes), pure=False)


def made_small(sizes: set[int]) -> dict[int, int]:
    """Small numbers for sizes: what is a multiple of another, or the sum of two, as a cell's gates are, stays so."""
    small: dict[int, int] = {}
    left = iter(SMALL)
    for n in sorted(sizes):
        times = next((k * small[m] for m in small for k in (2, 3, 4) if n == k * m), 0)
        added = next((small[a] + small[b] for a in small for b in small if n == a + b and a < b), 0)
        small[n] = times or added or next(left, 0)
    if 0 in small.values():
        raise Unclear(f"expected weights of at most {len(SMALL)} sizes, got {sorted(sizes)}")
    return small
