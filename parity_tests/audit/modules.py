"""The modules of torch's own database, each with its inputs, as functions of inputs and parameters."""

from collections.abc import Iterator
from copy import deepcopy
from functools import partial
from typing import Any

import torch
from torch.utils._pytree import tree_flatten, tree_unflatten

from parity_tests.audit.operators import Call, Subject, evenly, needs_expecttest


def subjects() -> list[Subject]:
    """Every module.

    Raises:
        SystemExit: torch's test package needs expecttest.
    """
    with needs_expecttest():
        from torch.testing._internal.common_modules import module_db
    return [Subject(info.name, partial(_calls, info)) for info in module_db]


def _calls(info: Any, dtype: torch.dtype, most: int) -> Iterator[Call]:
    inputs = info.module_inputs_func(info, "cpu", dtype, requires_grad=True, training=True)
    for given in evenly([each for each in inputs if each.forward_input is not None], most):
        torch.manual_seed(0)
        made = given.constructor_input
        module = info.module_cls(*made.args, **made.kwargs).to(dtype)
        call = as_call(module, given.forward_input.args, given.forward_input.kwargs)
        if call.by:
            yield call


def as_call(module: torch.nn.Module, args: Any, kwargs: Any) -> Call:
    """The module as a function of its inputs, parameters and buffers."""
    if any(isinstance(p, torch.nn.parameter.UninitializedParameter) for p in module.parameters()):
        module(*args, **kwargs)  # which tells a lazy one its sizes
    parameters, buffers = dict(module.named_parameters()), dict(module.named_buffers())
    leaves, form = tree_flatten((args, kwargs))
    n, m = len(leaves), len(leaves) + len(parameters)

    def function(*values: Any) -> tuple[Any, ...]:
        first, options = tree_unflatten([*values[:n]], form)
        own = dict(zip(parameters, values[n:m], strict=True))
        own |= {name: b.clone() for name, b in zip(buffers, values[m:], strict=True)}  # no call leaves anything behind
        found = torch.func.functional_call(module, own, first, options)
        return tuple(y for y in tree_flatten(found)[0] if torch.is_tensor(y))

    inputs = [x.detach() if torch.is_tensor(x) else deepcopy(x) for x in leaves]
    moving = [i for i, x in enumerate(leaves) if torch.is_tensor(x) and x.requires_grad and x.is_floating_point()]
    by = [*moving, *(n + i for i, p in enumerate(parameters.values()) if p.requires_grad)]
    return Call(function, [*inputs, *(tensor.detach() for tensor in [*parameters.values(), *buffers.values()])], by)
