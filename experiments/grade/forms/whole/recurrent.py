"""A recurrent script: lossFun(inputs, targets, hprev) → (loss, gradients, last state), its weights as globals.

inputs and targets are lists of integers. The globals that are arrays are the weights; their sizes, and the integers
that name these (hidden_size, vocab_size), are made small. Gradients may be clipped: here none is as large.
Held against the truth of its own loss.
"""

import inspect
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from experiments.grade.errors import Unclear
from experiments.grade.forms.definitions import Definitions
from experiments.grade.forms.piece import Arrays, Example, Piece, Ran
from experiments.grade.forms.whole.results import gradients_in, returned_names

SMALL = (5, 4, 6, 7)
"""What the sizes become, the largest first: none is below the words of STEPS."""
DRAWS = 3
"""So that a small gradient has both signs in one of them."""
STEPS = {"inputs": [0, 2, 1, 2], "targets": [2, 1, 2, 3]}
"""A word occurs twice, and one never."""


def pieces(found: Definitions) -> Iterator[Piece]:
    """Every function of two sequences and a state that reads arrays from its module."""
    for name, function in found.functions().items():
        names = [*inspect.signature(function).parameters]
        sequences = len(names) in (3, 4) and names[0].startswith("input") and names[1].startswith("target")
        if sequences and len(_weights(found, function)) > 1:
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
        super().__init__(name, [*inspect.signature(function).parameters], [], [function])

    def truth_examples(self, rng: np.random.Generator) -> Iterator[Example]:
        sizes = sorted({n for w in self.weights.values() for n in w.shape if n > 1}, reverse=True)
        if len(sizes) > len(SMALL):
            raise Unclear(f"expected weights of at most {len(SMALL)} sizes, got {sizes}")
        smaller = dict(zip(sizes, SMALL, strict=False))
        for name, value in [*vars(self.module).items()]:
            if type(value) is int and value in smaller:
                vars(self.module)[name] = smaller[value]
        for _ in range(DRAWS):
            arrays = {
                n: rng.standard_normal([smaller.get(int(k), int(k)) for k in w.shape]) / 2
                for n, w in self.weights.items()
            }
            yield self._example(arrays, rng)

    def _example(self, arrays: Arrays, rng: np.random.Generator) -> Example:
        states = [n for n, w in arrays.items() if w.shape[-1:] == (1,)]
        hidden = next((len(w) for n, w in arrays.items() if w.ndim == 2 and len({*w.shape}) == 1), SMALL[1])
        state = rng.standard_normal((hidden, 1) if states else (hidden,)) / 2
        return Example(arrays, lambda given: self._run(given, state), together=True)

    def _run(self, given: Arrays, state: Any) -> Ran:
        vars(self.module).update(given)
        *sequences, last = self.arguments[:3]
        result = self.function(**dict(zip(sequences, map(list, STEPS.values()), strict=True)), **{last: state.copy()})
        if not isinstance(result, tuple) or len(result) < 2:
            raise Unclear(f"{self.name} returned no gradients beside the loss; expected (loss, gradients, state)")
        loss, *others = result
        shapes = {n: np.shape(a) for n, a in given.items()}
        names = self.names[1:] if len(self.names) == len(result) else []
        return Ran({"loss": loss}, lambda _: gradients_in(others, names, shapes), pure=False)
