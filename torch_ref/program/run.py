"""Run a program on arrays of another number type: `Bounded`, or object arrays of dual numbers over balls."""

import operator
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np
import torch
from torch.fx import GraphModule, Node
from torch.fx.node import map_arg

from manual.numbers.number_types import Array
from torch_ref.program.complex_numbers import Complex
from torch_ref.program.numbers import as_array, is_number, truth_of
from torch_ref.program.operations import OF_COMPLEX, OPERATIONS
from torch_ref.program.operations.moves import MOVES
from torch_ref.program.operations.steps import whole
from torch_ref.tolerance.bounded import Bounded
from torch_ref.twins import to_numpy, to_torch

MADE_OF_NOTHING = ("full", "scalar_tensor", "empty", "zeros")
"""What is of torch's default dtype where none is given."""

INTEGERS = (torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8)

HALVES = (torch.bfloat16, torch.float16)
"""What is stored in them is computed in a wider type, and rounded once."""
EXTREMES = ("amax", "amin", "max", "min", "maximum", "minimum", "fmax", "fmin", "sort", "topk", "kthvalue", "median",
            "cummax", "cummin", "relu", "abs", "neg")  # fmt: skip
CHOSEN = ("where", "masked_select", "masked_scatter", "max_pool2d_with_indices", "max_pool3d_with_indices")
EXACT = (MOVES.keys() | {*EXTREMES, *CHOSEN}) - {"_to_copy", "scatter_add", "index_put"}
"""What gives numbers that are there already, and rounds none."""

Lift = Callable[[Array, torch.dtype], Any]
STEPS = "steps"
IGNORED = ("layout", "device", "pin_memory", "memory_format", "implicit", "non_blocking")
"""What a call may say that changes no number."""


class NoRule(LookupError):
    """An operation that has no rule yet: the message names it, and where to add one."""


def run(program: GraphModule, arrays: Sequence[Any], lift: Lift, dtype: torch.dtype) -> Any:
    """What the program gives. `lift` makes an array of floats, which the program brings along in a dtype, one of the
    numbers; `dtype` is what the numbers stand for.

    Raises:
        NoRule: an operation has no rule.
        Undecided: the numbers leave a decision open.
    """
    with np.errstate(all="ignore"):  # what may overflow has no bound
        return _Run(lift, dtype)(program, arrays)


def as_numpy(tensor: torch.Tensor) -> Array:
    """The values; a half's as float32, which holds them exactly."""
    return to_numpy(tensor.float() if tensor.dtype in HALVES else tensor)


def stored(x: Bounded, dtype: torch.dtype, there: Any = False) -> Bounded:
    """The numbers, each rounded once to a half, but for what is exactly one of its own, and what is `there` already;
    what may overflow has no bound."""
    info = torch.finfo(dtype)
    own = (x.error == 0) & (to_numpy(to_torch(x.value).to(dtype).double()) == x.value)
    error = x.error + np.where(own | there, 0, info.eps / 2 * x.most + info.tiny)
    return Bounded(x.value, x.dtype, np.where(x.most > info.max, np.inf, error), positive=x.positive)


def in_precision(x: Bounded, dtype: torch.dtype) -> Bounded:
    """The numbers in another dtype, rounded once where that is narrower; those of a half are computed in float32."""
    if dtype in HALVES:
        return Bounded(stored(x, dtype).value, np.float32, stored(x, dtype).error, positive=x.positive)
    new = np.dtype(str(dtype).removeprefix("torch."))
    if new.itemsize >= x.dtype.itemsize:
        return x if new == x.dtype else Bounded(x.value, new, x.error, positive=x.positive)
    narrow = stored(x, dtype)
    return Bounded(narrow.value, new, narrow.error, positive=x.positive)


class _Run:
    """torch.fx's Interpreter, without what that does for others at each node: half of the time of small arrays."""

    def __init__(self, lift: Lift, dtype: torch.dtype) -> None:
        self.lift, self.dtype = lift, dtype

    def __call__(self, program: GraphModule, arrays: Sequence[Any]) -> Any:
        given, found = iter(arrays), {}
        for node, unused in _steps(program):
            if node.op == "placeholder":
                found[node] = next(given)
            elif node.op == "get_attr":
                found[node] = self._brought_along(getattr(program, str(node.target)))
            else:
                args, kwargs = map_arg((node.args, node.kwargs), found.__getitem__)
                if node.op == "output":
                    return args[0]
                found[node] = self._stored(node, args, self._called(node.target, args, kwargs))
                if node.target is torch.ops.aten.copy_.default:
                    found[_overwritten(node)] = found[node]
            for earlier in unused:
                del found[earlier]
        raise ValueError("a program without an output")

    def _called(self, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if target is operator.getitem:
            return args[0][args[1]]
        name, operation, rule = _rule(target, any(map(_is_complex, (*args, *kwargs.values()))))
        options = {key: value for key, value in kwargs.items() if key not in IGNORED}
        dtype = options.pop("dtype", None)
        if operation == "_to_copy" and dtype in INTEGERS and is_number(args[0]):
            return self._made(whole(args[0]), dtype)
        if operation == "_to_copy" and dtype is torch.bool and is_number(args[0]):
            return truth_of(args[0] != 0)
        if operation == "_to_copy" and dtype is not None and dtype.is_complex and not isinstance(args[0], Complex):
            real = dtype.to_real()
            re = in_precision(args[0], real) if isinstance(args[0], Bounded) else self._made(args[0], real)
            return Complex(re, self._made(np.zeros(args[0].shape), real))
        if args and isinstance(args[0], Bounded) and dtype is not None and dtype.is_floating_point:
            found = args[0] if operation == "_to_copy" else rule(*args, **options)
            return in_precision(found, dtype) if isinstance(found, Bounded) else self._made(found, dtype)
        if args and isinstance(args[0], Complex) and not self._holds(dtype):
            raise NoRule(f"aten::{name} from {self.dtype} to {dtype} has no rule: it rounds to another precision")
        if dtype is None and operation in MADE_OF_NOTHING:
            dtype = torch.get_default_dtype()
        return self._made(rule(*args, **options), dtype)

    def _holds(self, dtype: torch.dtype | None) -> bool:
        """Whether the parts of a complex number may be of this dtype."""
        return dtype is None or dtype.to_real() == self.dtype

    def _stored(self, node: Node, args: tuple[Any, ...], result: Any) -> Any:
        """What an operation gives, rounded once more where it is stored as a half."""
        if not isinstance(result, Bounded):
            return result
        meta = node.meta.get("tensor_meta")
        if meta is None or meta.dtype not in HALVES:
            return result
        source: Any = node.args[0] if node.target is operator.getitem else node
        operation, is_there = _names(source.target)[1], all(_is_of(n, meta.dtype) for n in source.all_input_nodes)
        if operation in EXACT and is_there:
            return result
        return stored(result, meta.dtype, is_there and operation == "add" and _one_is_0(*args))

    def _brought_along(self, value: Any) -> Any:
        if not isinstance(value, torch.Tensor):
            return value
        if value.is_complex():
            return Complex(*(self._made(as_numpy(part), part.dtype) for part in (value.real, value.imag)))
        return self._made(as_numpy(value), value.dtype)

    def _made(self, result: Any, dtype: torch.dtype | None) -> Any:
        """A result that is of plain floats comes from constants, and goes on as numbers."""
        if isinstance(result, tuple | list):
            return [self._made(part, None) for part in result]
        if isinstance(result, Complex):
            return result.each(lambda part: self._made(part, None))
        result = as_array(result)
        if not isinstance(result, np.ndarray) or result.dtype == object:
            return result
        if dtype is not None and dtype.is_complex:
            return Complex(
                *(self._made(np.asarray(part, float), dtype.to_real()) for part in (result.real, result.imag))
            )
        if dtype is not None and dtype.is_floating_point:
            result = to_numpy(torch.tensor(result).to(dtype).double())
        if result.dtype.kind == "f":
            return self.lift(result.astype(np.float64), dtype or self.dtype)
        return result if dtype is None else result.astype(str(dtype).removeprefix("torch."))


def _is_of(node: Node, dtype: torch.dtype) -> bool:
    """Whether an operand's floats, if it has any, are of a dtype, so that no number of it is rounded on storing."""
    meta = node.meta.get("tensor_meta")
    return meta is not None and (meta.dtype == dtype or not meta.dtype.is_floating_point)


def _one_is_0(a: Any, b: Any) -> Any:
    """Where a sum is one of its terms, as of the gradients of two parts: nothing is rounded."""
    return (a.most == 0) | (b.most == 0) if isinstance(a, Bounded) and isinstance(b, Bounded) else False


def _overwritten(node: Node) -> Node:
    """What is written in place: an input, as running statistics are, which nothing else shows.

    Raises:
        NoRule: it is not an input, or a view of one is read.
    """
    target = node.args[0]
    if not isinstance(target, Node) or target.op != "placeholder":
        raise NoRule("aten::copy_ has no rule but for an input as a whole")
    return target


def _is_complex(argument: Any) -> bool:
    inside = argument if isinstance(argument, list | tuple) else [argument]
    return any(isinstance(x, Complex | complex) for x in inside)


def _names(target: Any) -> tuple[str, str]:
    """The operation's name with its overload, and without it."""
    name = str(target.name()).removeprefix("aten::")
    return name, name.partition(".")[0]


@cache
def _rule(target: Any, of_complex: bool = False) -> tuple[str, str, Callable[..., Any]]:
    """The operation's name with its overload, without it, and its rule."""
    name, operation = _names(target)
    rules = OF_COMPLEX if of_complex else OPERATIONS
    rule = rules.get(name) or rules.get(operation)
    if rule is None:
        whose = " of complex numbers" if of_complex else ""
        raise NoRule(f"aten::{name}{whose} has no rule: write one beside its kind in torch_ref/program/operations")
    return name, operation, rule


def _steps(program: GraphModule) -> list[tuple[Node, list[Node]]]:
    """The nodes in order, each with those that nothing needs after it."""
    if STEPS not in program.meta:
        seen: set[Node] = set()
        steps: list[tuple[Node, list[Node]]] = []
        for node in reversed(program.graph.nodes):
            unused = [n for n in dict.fromkeys((*node.all_input_nodes, node)) if n not in seen]
            seen.update(unused)
            steps.append((node, unused if node.op != "output" else []))
        program.meta[STEPS] = steps[::-1]
    return program.meta[STEPS]
