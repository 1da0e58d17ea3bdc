"""What a function of tensors gives, certified; and how far two right evaluations of it may differ, derived.

The truth comes from the forward alone: dual numbers over balls go through the program of the function, so that torch's
own derivative is judged, too. The tolerance comes from the program of the function and of torch's derivative of it,
run on `Bounded`.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import flint
import numpy as np
import torch
from torch.fx import GraphModule

from manual.numbers.number_types import Array
from torch_ref.program.numbers import constant
from torch_ref.program.run import as_numpy, run
from torch_ref.program.trace import NoProgram, trace
from torch_ref.tolerance.bounded import Bounded
from torch_ref.tolerance.bounds import exact
from torch_ref.truth.certify import derivative

Function = Callable[..., Any]
BY_VALUE = "by value"


class Bounds(NamedTuple):
    """The outputs that are of floats, and the gradients by every input of floats, each with its error. A complex one
    is two numbers, along a last axis."""

    outputs: list[Bounded]
    gradients: dict[int, Bounded]


def certified(
    function: Function,
    inputs: Sequence[Any],
    deltas: Sequence[torch.Tensor],
    by: Sequence[int] | None = None,
    elements: Mapping[int, Array] | None = None,
) -> dict[int, Array]:
    """The certified derivative of Σ δ·output by every input of floats, by its place among the inputs.

    Args:
        function: takes the inputs, and returns a tensor or several; written in torch.
        inputs: tensors, and whatever else the function takes.
        deltas: ∂C/∂output of each output that is of floats.
        by: the places of the inputs to differentiate by; all tensors of floats where nothing is said.
        elements: of each of these inputs, which elements to differentiate by, counted in reading order; the derivative
            is then a vector. All of them, in the input's shape, where nothing is said.

    Raises:
        NoProgram: it cannot be traced.
        NoRule: an operation of the function has no rule.
        Undecided: it decides exactly on an edge.
    """
    of_floats = _OfFloats(function, inputs, by)
    program, others = _forward(of_floats)
    weights = [constant(as_numpy(as_real(d)).astype(np.float64)) for d in deltas]
    given = {f"{i}": as_numpy(t) for i, t in zip(of_floats.places, of_floats.tensors, strict=True)}
    chosen = {f"{i}": at for i, at in (elements or {}).items()}

    def cost(**moving: Array) -> Any:
        arrays = [_with(given[name], chosen[name], moving[name]) if chosen else moving[name] for name in given]
        outputs = run(program, [*arrays, *others], lambda array, _: constant(array), of_floats.tensors[0].dtype)
        return sum(np.sum(w * y) for w, y in zip(weights, outputs, strict=True))

    _, slopes = derivative(cost, {name: a.ravel()[chosen[name]] if chosen else a for name, a in given.items()})
    return {i: slopes[f"{i}"] for i in of_floats.places}


def values(function: Function, inputs: Sequence[Any], by: Sequence[int] | None = None) -> list[Array]:
    """The certified outputs that are of floats. Args and errors are those of `certified`."""
    of_floats = _OfFloats(function, inputs, by)
    program, others = _forward(of_floats)
    with flint.ctx.workprec(512):
        given = [constant(as_numpy(t).astype(np.float64)) for t in of_floats.tensors]
        return [*run(program, [*given, *others], lambda array, _: constant(array), of_floats.tensors[0].dtype)]


def _forward(of_floats: "_OfFloats") -> tuple[GraphModule, list[Array]]:
    """The program of the outputs, by all tensors, and those among these that are not differentiated by; where it takes
    its shapes from the latter, or its way from any number, they belong to the program."""
    try:
        program = trace(of_floats, [*of_floats.tensors, *of_floats.others])
    except NoProgram as error:
        try:
            return trace(of_floats, of_floats.tensors, by_value=True), []
        except NoProgram:
            raise error from None
    arrays = [as_numpy(t) for t in of_floats.others]
    return program, [constant(a.astype(np.float64)) if a.dtype.kind == "f" else a for a in arrays]


def _with(array: Array, at: Array, numbers: Array) -> Array:
    """The array as balls, and numbers with derivatives at some of its places."""
    lifted = constant(array.astype(np.float64))
    lifted.reshape(-1)[at] = numbers
    return lifted


def bounds(
    function: Function,
    inputs: Sequence[Any],
    deltas: Sequence[torch.Tensor],
    *,
    programs: dict[Any, GraphModule | NoProgram] | None = None,
    by: Sequence[int] | None = None,
) -> Bounds:
    """How far any right evaluation of the function and of its gradients may lie from the exact ones.

    In bfloat16 and float16 every operation is taken to compute in float32, as torch's kernels do, and to round once on
    storing. Args and errors are those of `certified`; and:
        programs: where the function's programs are kept, by what they are for.

    Raises:
        Undecided: rounding leaves open how a decision falls.
    """
    of_floats = _OfFloats(function, inputs, by)
    tensors = [*of_floats.tensors, *map(as_real, deltas)]
    program, others = _program(of_floats, tensors, {} if programs is None else programs)
    dtype = as_numpy(tensors[0]).dtype

    def rounded(array: Array, of: torch.dtype) -> Bounded:
        precision = as_numpy(torch.empty(0, dtype=of)).dtype if of.is_floating_point else dtype
        return Bounded(array.astype(precision), precision)

    given = [exact(as_numpy(t)) if t.is_floating_point() else as_numpy(t) for t in (*tensors, *others)]
    found = run(program, given, rounded, tensors[0].dtype)
    numbers = [x if isinstance(x, Bounded) else Bounded(x, dtype) for x in found]  # zeros may be of no type
    return Bounds(numbers[: len(deltas)], dict(zip(of_floats.places, numbers[len(deltas) :], strict=True)))


def _program(
    of_floats: "_OfFloats", tensors: list[torch.Tensor], programs: dict[Any, GraphModule | NoProgram]
) -> tuple[GraphModule, list[torch.Tensor]]:
    """The program of outputs and gradients, by these tensors and by those that are not of floats; where it takes its
    shapes from the latter, or its way from any number, they belong to the program, which is not kept."""
    n, m = len(of_floats.places), len(tensors)

    def with_gradients(*tensors: torch.Tensor) -> tuple[torch.Tensor, ...]:
        def function(*floats: torch.Tensor) -> tuple[torch.Tensor, ...]:
            return of_floats(*floats, *tensors[m:])

        outputs, back, *_ = torch.func.vjp(function, *tensors[:n])
        return (*outputs, *back(tuple(tensors[n:m])))

    others = of_floats.others
    key = (*of_floats.places, *((t.shape, t.dtype) for t in (*tensors, *others)), *map(repr, of_floats.fixed))
    if key not in programs:
        try:
            programs[key] = trace(with_gradients, [*tensors, *others])
        except NoProgram as error:
            programs[key] = error
    program = programs[key]
    if not isinstance(program, NoProgram):
        return program, others
    if (BY_VALUE, key) in programs:
        raise program
    try:
        return trace(with_gradients, tensors, by_value=True), []
    except NoProgram:
        programs[BY_VALUE, key] = program
        raise program from None


def gradient_of(function: Function, inputs: Sequence[Any], by: Sequence[int] | None = None) -> Function:
    """The gradients, as a function of the inputs that they are by, and of δ: its bounds are those of a second
    derivative.

    Its program is that of torch's derivative, so that what `certified` says of it is the derivative of that one.
    """
    of_floats = _OfFloats(function, inputs, by)

    def gradients(*tensors: torch.Tensor) -> tuple[torch.Tensor, ...]:
        n = len(of_floats.places)
        _, back, *_ = torch.func.vjp(of_floats, *map(as_real, tensors[:n]))
        return back(tuple(map(as_real, tensors[n:])))

    return gradients


def as_real(tensor: torch.Tensor) -> torch.Tensor:
    """A tensor of complex numbers as one of two numbers each; another as it is."""
    return torch.view_as_real(tensor.resolve_conj()) if tensor.is_complex() else tensor


class _OfFloats:
    """A function of those of its inputs that it is differentiated by, and, where they are given, of the other tensors;
    it gives those of its outputs that are of floats. It is given, and gives, two numbers for each complex one."""

    def __init__(self, function: Function, inputs: Sequence[Any], by: Sequence[int] | None) -> None:
        self.function, self.inputs = function, inputs
        floats = [i for i, x in enumerate(inputs) if torch.is_tensor(x) and (x.is_floating_point() or x.is_complex())]
        self.places = floats if by is None else [*by]
        self.tensors = [as_real(inputs[i].detach()) for i in self.places]
        elsewhere = [i for i, x in enumerate(inputs) if torch.is_tensor(x) and i not in self.places]
        self.every, self.others = [*self.places, *elsewhere], [as_real(inputs[i].detach()) for i in elsewhere]
        self.fixed = [x for x in inputs if not torch.is_tensor(x)]

    def __call__(self, *tensors: torch.Tensor) -> tuple[torch.Tensor, ...]:
        every = [*self.inputs]
        for i, tensor in zip(self.every, tensors, strict=False):
            every[i] = torch.view_as_complex(tensor) if self.inputs[i].is_complex() else tensor
        result = self.function(*every)
        outputs = result if isinstance(result, tuple | list) else [result]
        real = [as_real(y) for y in outputs if torch.is_tensor(y)]
        return tuple(y for y in real if y.is_floating_point())
