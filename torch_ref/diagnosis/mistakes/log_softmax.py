"""A log-softmax, known by its numbers: y = x − log Σ eˣ, ∂C/∂x = δ − p Σ δ, p = eʸ."""

from collections.abc import Iterator
from typing import Any

import numpy as np

import manual
from torch_ref.diagnosis.mistakes.formula import EPSILONS, Formulas, Inputs, Mistake, Number, Values, near
from torch_ref.diagnosis.mistakes.passes import output


def log_softmaxes(inputs: Inputs) -> Iterator[Formulas]:
    """Over any of the axes, if that gives the references."""
    if inputs.x.shape == inputs.delta.shape and not inputs.params:
        for axis in range(inputs.x.ndim):
            formulas = _formulas(inputs, axis)
            if near(inputs, formulas.right(np.copy), 1e-6):
                yield formulas


def _formulas(inputs: Inputs, axis: int) -> Formulas:
    def formula(of: int, summed: int | None, epsilon: float = 0) -> Any:
        def values(number: Number) -> Values:
            x, delta = number(inputs.x), number(inputs.delta)
            p = output(manual.Softmax(dim=of), x)
            y = np.log(p + epsilon) if epsilon else np.log(p)
            return {"y": y, inputs.dx: delta - p * (1 if summed is None else delta.sum(axis=summed, keepdims=True))}

        return values

    def wrong(*_: Any) -> Iterator[Mistake]:
        yield "the sum of δ is left out", formula(axis, None)
        yield from ((f"a convention: {e:g} is added inside the logarithm", formula(axis, axis, e)) for e in EPSILONS)
        for other in range(inputs.x.ndim):
            if other != axis:
                yield f"the sum runs over axis {other}, not over axis {axis}", formula(axis, other)
                yield f"the softmax runs over axis {other}, not over axis {axis}", formula(other, other)

    return Formulas(formula(axis, axis), wrong)
