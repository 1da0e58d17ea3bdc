"""Update rules on arrays: adam_update(w, dw, m, v, t, lr=0.001, beta1=0.9, beta2=0.999, eps=1e-8) → (w, m, v).

As those on dicts (columns-rules), but that w is an array, dw its gradient, and the memory arrays, which begin as zeros.
Compared with the rule of that name over several steps.
"""

import inspect
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from experiments.grade.errors import Unclear
from experiments.grade.forms.columns.rules import RuleOnDicts
from experiments.grade.forms.course.rules import kind_of
from experiments.grade.forms.definitions import Definitions
from experiments.grade.forms.piece import Fields, Piece
from experiments.grade.forms.stateful.slots import is_marked, stem
from manual import Layer


def pieces(found: Definitions) -> Iterator[Piece]:
    """Every function of a rule's name that takes an array, its gradient, and more than a config."""
    for name, f in found.functions().items():
        names, kind = [*inspect.signature(f).parameters], kind_of(name)
        if kind and len(names) > 3 and is_marked(names[1]) and stem(names[1]) in ("", stem(names[0])):
            yield RuleOnArrays(name, kind, f, (names[0], names[1]), found)


class RuleOnArrays(RuleOnDicts):
    """A function that makes one step of one parameter."""

    form = "update rule on arrays"

    def steps(self, options: Fields) -> Callable[[Layer, Layer], None]:
        """Steps of one parameter after the other, each with a memory of its own."""
        memory: dict[str, list[Any]] = {}
        given: Fields = {own: options[n] for n, own in self.settings.items()}
        count = self.first

        def step(layer: Layer, gradient: Layer) -> None:
            nonlocal count
            others = given | ({self.counter: count} if self.counter else {})
            for name, p in layer.params.items():
                kept = memory.get(name) or [np.zeros_like(p) for _ in self.memory]
                result = self._called(np.copy(p), np.copy(gradient.params[name]), kept, others)
                if not isinstance(result, tuple) or len(result) <= len(kept):
                    raise Unclear(f"expected ({', '.join([self.parameters, *self.memory])})")
                new, *memory[name] = result[: 1 + len(kept)]
                setattr(layer, name, new)
            count += 1

        return step
