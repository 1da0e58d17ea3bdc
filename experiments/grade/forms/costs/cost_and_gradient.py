"""A cost as a function, and the function that is its gradient: of a prediction and a target, or of arrays alike."""

import inspect
from collections.abc import Callable, Iterator
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np

from experiments.grade.errors import Unclear
from experiments.grade.forms.columns.words import words_of
from experiments.grade.forms.definitions import Definitions
from experiments.grade.forms.piece import NO_FIELDS, Arrays, Example, Fields, Piece, Ran
from experiments.grade.forms.settings import AS_ITSELF, at_defaults, known_to, others
from experiments.grade.forms.stateful.losses import CLASSES, CLOSER, StatefulLoss


class CostFunction(StatefulLoss):
    """A cost of a prediction and a target, and the function that is its gradient."""

    form = "cost and its gradient"

    def __init__(self, name: str, cost: Callable[..., Any], gradient: Callable[..., Any], found: Definitions) -> None:
        self.module, self.takes, self.told = found.module, cost, gradient
        self.words = words_of(found, gradient, cost) | words_of(found, cost, gradient)
        self.form += at_defaults(cost, gradient)
        self.cost, self.gradient = (lambda own, f=f: partial(f, **known_to(f, own.options)) for f in (cost, gradient))
        self.names, self.gradient_names = ([*inspect.signature(f).parameters][:2] for f in (cost, gradient))
        self.counts: Fields = {}
        Piece.__init__(self, name, self.names, [], [cost, gradient])

    def truth_examples(self, rng: np.random.Generator) -> Iterator[Example]:
        """Of as many classes as there are, where it does not run on those of its default."""
        try:
            yield from super().truth_examples(rng)
        except Unclear:
            self.counts = {n: p.default for n, p in inspect.signature(self.takes).parameters.items()}
            self.counts = {n: CLASSES for n, default in self.counts.items() if type(default) is int and default > 2}
            if not self.counts:
                raise
            yield from super().truth_examples(rng)

    def made(self, rng: np.random.Generator, options: Fields = NO_FIELDS) -> Any:  # noqa: ARG002
        """Nothing but the settings: functions keep nothing."""
        return SimpleNamespace(options={**self.counts, **options})


class CostOfArrays(Piece):
    """A cost of arrays alike, and the function that gives its gradient by each."""

    form = "cost of arrays and its gradients"

    def __init__(self, name: str, cost: Callable[..., Any], gradient: Callable[..., Any], found: Definitions) -> None:
        self.module, self.cost, self.gradient = found.module, cost, gradient
        self.form += at_defaults(cost, gradient)
        arguments = [n for n, p in inspect.signature(cost).parameters.items() if p.default is p.empty]
        super().__init__(name, arguments, [], [cost, gradient])

    def truth_examples(self, rng: np.random.Generator) -> Iterator[Example]:
        drawn = {n: rng.standard_normal((5, 4)) for n in self.arguments}
        near = {n: CLOSER * a for n, a in drawn.items()}  # within a margin, where one is kept
        settings = (("", NO_FIELDS), *others(self.cost, self.gradient, hands_on=False))
        for (place, options), arrays in [
            *((one, drawn) for one in settings),
            (("nearer to each other", NO_FIELDS), near),
        ]:

            def run(given: Arrays, options: Fields = options) -> Ran:
                def backward(_: Any) -> Arrays:
                    found = self.gradient(**given, **known_to(self.gradient, options))
                    if not isinstance(found, tuple | list) or len(found) != len(given):
                        raise Unclear(f"expected a gradient by each of {', '.join(given)}")
                    return {f"d{n}": np.asarray(g) for n, g in zip(given, found, strict=True)}

                return Ran({"cost": np.sum(self.cost(**given, **options))}, backward)

            yield Example(arrays, run, place=place, known=AS_ITSELF)
