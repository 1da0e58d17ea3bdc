"""The operators of torch's own database, each with its samples as functions of tensors."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple

import torch
from torch.utils._pytree import tree_flatten, tree_unflatten

DTYPES = (torch.float64, torch.float32)


class Call(NamedTuple):
    """A function, the inputs that it takes, and the places of those to differentiate by; perhaps another function that
    computes the same, which it is held against, and then it need have no derivative."""

    function: Any
    inputs: list[Any]
    by: list[int]
    written: str = ""
    reference: Any = None


class Subject(NamedTuple):
    """What is audited: a name, and (dtype, n) → at most n calls of it."""

    name: str
    calls: Callable[[torch.dtype, int], Iterator[Call]]


def subjects() -> list[Subject]:
    """The differentiable operators, each with its variants.

    Raises:
        SystemExit: torch's test package needs expecttest.
    """
    with needs_expecttest():
        from torch.testing._internal.common_methods_invocations import op_db
    known = [op for op in op_db if op.supports_autograd and {*DTYPES} & {*op.supported_dtypes("cpu")}]
    return [Subject(".".join(filter(None, (op.name, op.variant_test_name))), partial(_calls, op)) for op in known]


@contextmanager
def needs_expecttest() -> Iterator[None]:
    """Say in one line that torch's test package lacks what it imports."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise SystemExit(
            f"the audit needs {error.name}, which torch's operator database imports: pip install --editable '.[audit]'"
        ) from None


def evenly(samples: Sequence[Any], most: int) -> Sequence[Any]:
    """At most so many of them, evenly spaced."""
    return samples[:: -(-len(samples) // most) or 1]


def _calls(operator: Any, dtype: torch.dtype, most: int) -> Iterator[Call]:
    if dtype not in operator.supported_dtypes("cpu"):
        return
    for sample in evenly([*operator.sample_inputs("cpu", dtype, requires_grad=True)], most):
        call = _call(operator, sample)
        if call.by:
            yield call


def _call(operator: Any, sample: Any) -> Call:
    leaves, form = tree_flatten((sample.input, sample.args, sample.kwargs))
    process = sample.output_process_fn_grad or (lambda y: y)

    def function(*values: Any) -> tuple[Any, ...]:
        first, others, options = tree_unflatten([*values], form)
        result = process(operator.gradcheck_wrapper(operator.get_op(), first, *others, **options))
        return tuple(tree_flatten(result)[0])

    by = [i for i, x in enumerate(leaves) if torch.is_tensor(x) and x.requires_grad]
    # each in a memory of its own: as_strided reads what lies beside the elements of a part
    inputs = [x.detach().clone() if torch.is_tensor(x) else x for x in leaves]
    return Call(function, inputs, by, _written(operator, inputs, form))


def _written(operator: Any, inputs: list[Any], form: Any) -> str:
    """The call as it is written in Python, of inputs x; "" where torch has no function of that name."""
    place: Any = torch
    for part in operator.name.split("."):
        place = getattr(place, part, None)
    if place is None:
        return ""
    leaves = [f"x[{i}]" if torch.is_tensor(x) else repr(x) for i, x in enumerate(inputs)]
    first, others, options = tree_unflatten(leaves, form)
    said = [_shown(a) for a in (first, *others)] + [f"{key}={_shown(a)}" for key, a in options.items()]
    return f"torch.{operator.name}({', '.join(said)})"


def _shown(argument: Any) -> str:
    if isinstance(argument, list | tuple):
        return f"[{', '.join(map(_shown, argument))}]"
    return str(argument)
