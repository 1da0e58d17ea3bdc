"""What a function of tensors gives, certified; and how far two right evaluations of it may differ, derived.

The truth comes from the forward alone: dual numbers over balls go through the program of the function, so that torch's
own derivative is judged, too. The tolerance comes from the program of the function and of torch's derivative of it,
run on `Bounded`.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch

from manual.number_types import Array
from torch_ref.program.numbers import constant, is_number
from torch_ref.program.run import run
from torch_ref.program.trace import trace
from torch_ref.tolerance.bounded import Bounded
from torch_ref.tolerance.bounds import exact
from torch_ref.truth.certify import derivative
from torch_ref.twins import to_numpy

Function = Callable[..., Any]


class Truth(NamedTuple):
    """The certified derivative of Σ δ·output by every input of floats: None for another."""

    gradients: list[Array | None]


def certified(function: Function, inputs: Sequence[torch.Tensor], deltas: Sequence[torch.Tensor]) -> Truth:
    """The certified derivative of a function.

    Args:
        function: takes the inputs, and returns a tensor or several; written in torch.
        inputs: tensors; those of floats are differentiated.
        deltas: ∂C/∂output of each output that is of floats.

    Raises:
        NoRule: an operation of the function has no rule.
        Undecided: it decides exactly on an edge.
    """
    program = trace(function, inputs)
    floats = {f"{i}": to_numpy(x) for i, x in enumerate(inputs) if x.is_floating_point()}
    weights = [constant(to_numpy(d).astype(np.float64)) for d in deltas]

    def cost(**arrays: Array) -> Any:
        outputs = run(program, [arrays.get(f"{i}", _whole(x)) for i, x in enumerate(inputs)], constant)
        smooth = [y for y in _listed(outputs) if is_number(y)]
        return sum(np.sum(w * y) for w, y in zip(weights, smooth, strict=True))

    _, slopes = derivative(cost, floats)
    return Truth([slopes.get(f"{i}") for i in range(len(inputs))])


class Bounds(NamedTuple):
    """The outputs that are of floats, and the gradients by every input of floats, each with its error."""

    outputs: list[Bounded]
    gradients: list[Bounded | None]


def bounds(function: Function, inputs: Sequence[torch.Tensor], deltas: Sequence[torch.Tensor]) -> Bounds:
    """How far any right evaluation of the function and of its gradients may lie from the exact ones.

    Raises:
        NoRule: an operation of the function, or of its derivative, has no rule.
        Undecided: rounding leaves open how a decision falls.
    """
    which = [i for i, x in enumerate(inputs) if x.is_floating_point()]

    def both(*tensors: torch.Tensor) -> tuple[torch.Tensor, ...]:
        given = [*inputs]

        def of_floats(*floats: torch.Tensor) -> tuple[torch.Tensor, ...]:
            for i, x in zip(which, floats, strict=True):
                given[i] = x
            return tuple(y for y in _listed(function(*given)) if y.is_floating_point())

        outputs, back = torch.func.vjp(of_floats, *tensors[: len(which)])
        return (*outputs, *back(tuple(tensors[len(which) :])))

    tensors = [*[inputs[i] for i in which], *deltas]
    dtype = tensors[0].dtype
    program = trace(both, tensors)
    lift = _lifted(np.dtype(str(dtype).removeprefix("torch.")))
    found = run(program, [exact(to_numpy(t)) for t in tensors], lift)
    outputs, slopes = found[: len(deltas)], found[len(deltas) :]
    gradients: list[Bounded | None] = [None] * len(inputs)
    for i, slope in zip(which, slopes, strict=True):
        gradients[i] = slope
    return Bounds([*outputs], gradients)


def _lifted(dtype: Any) -> Callable[[Array], Bounded]:
    """Constants of a program: rounded once to the arrays' precision, as torch does."""

    def lift(array: Array) -> Bounded:
        rounded = array.astype(dtype)
        return Bounded(rounded, dtype)

    return lift


def _whole(x: torch.Tensor) -> Array:
    return to_numpy(x)


def _listed(outputs: Any) -> list[Any]:
    return [*outputs] if isinstance(outputs, tuple | list) else [outputs]
