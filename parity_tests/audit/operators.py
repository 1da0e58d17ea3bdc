"""The operators of torch's own database, each with its samples as functions of tensors."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch.utils._pytree import tree_flatten, tree_unflatten

DTYPES = (torch.float64, torch.float32)


class Call(NamedTuple):
    """A function, the inputs that it takes, and the places of those to differentiate by."""

    function: Any
    inputs: list[Any]
    by: list[int]
    written: str = ""


def database() -> list[Any]:
    """The differentiable operators.

    Raises:
        SystemExit: torch's test package needs expecttest.
    """
    try:
        from torch.testing._internal.common_methods_invocations import op_db
    except ModuleNotFoundError as error:
        raise SystemExit(
            f"the audit needs {error.name}, which torch's operator database imports: pip install --editable '.[audit]'"
        ) from None
    return [op for op in op_db if op.supports_autograd and {*DTYPES} & {*op.supported_dtypes("cpu")}]


def name(operator: Any) -> str:
    """Its name, with that of its variant."""
    return ".".join(filter(None, (operator.name, operator.variant_test_name)))


def calls(operator: Any, dtype: torch.dtype, most: int) -> Iterator[Call]:
    """At most so many of its samples, evenly spaced."""
    if dtype not in operator.supported_dtypes("cpu"):
        return
    samples = [*operator.sample_inputs("cpu", dtype, requires_grad=True)]
    for sample in samples[:: -(-len(samples) // most) or 1]:
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
    inputs = [x.detach() if torch.is_tensor(x) else x for x in leaves]
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
