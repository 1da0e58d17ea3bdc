"""Whether a reference may be trusted: its gradient is torch's own, and the derivative of its output."""

from collections.abc import Callable, Sequence
from typing import Any

import torch

from experiments.grade.errors import Unclear

Call = Callable[..., Any]


def outputs(result: Any) -> list[Any]:
    """One or several."""
    return [*result] if isinstance(result, tuple | list) else [result]


def is_of_floats(value: Any) -> bool:
    """Whether it is a tensor of floats."""
    return torch.is_tensor(value) and value.is_floating_point()


def leaves(inputs: Sequence[Any]) -> list[Any]:
    """The inputs; those of floats need gradients."""
    return [v.detach().clone().requires_grad_(v.is_floating_point()) if torch.is_tensor(v) else v for v in inputs]


def gradients(function: Call, inputs: Sequence[Any]) -> list[Any]:
    """Of the inputs of floats, for some δ; None where there is none."""
    given = leaves(inputs)
    smooth = _smooth(outputs(function(*given)))
    floats = [v for v in given if torch.is_tensor(v) and v.requires_grad]
    deltas = [torch.randn_like(o) for o in smooth]
    return [*torch.autograd.grad(smooth, floats, deltas, allow_unused=True)] if smooth else [None] * len(floats)


def _smooth(found: Sequence[Any]) -> list[Any]:
    return [o for o in found if torch.is_tensor(o) and o.requires_grad]


def trust(reference: Call, name: str, inputs: Sequence[Any]) -> None:
    """See that a reference is one.

    Raises:
        Unclear: it has its gradient from a Function with a backward by hand, or that is not the derivative of its
            output.
    """
    smooth = _smooth(outputs(reference(*leaves(inputs))))
    if not smooth:
        raise Unclear(f"torch finds no gradient of {name}; expected a reference that it differentiates")
    if by_hand := next((n for o in smooth for n in _made_by(o.grad_fn)), ""):
        raise Unclear(f"{name} has its gradient from {by_hand}, whose backward is written by hand: it is no reference")
    try:
        is_its_own = torch.autograd.gradcheck(
            reference, leaves(inputs), raise_exception=False, check_undefined_grad=False, check_batched_grad=False
        )
    except (RuntimeError, ValueError):
        is_its_own = False
    if not is_its_own:
        raise Unclear(f"the gradient that torch finds of {name} is not the derivative of its output")


def tells(function: Call, own_forward: Call, inputs: Sequence[Any]) -> None:
    """See that a Function's own forward says what its backward must be.

    Raises:
        Unclear: it hands its input on, or is constant: what the backward is there for is not in the forward.
    """
    given = leaves(inputs)
    found = [o for o in outputs(function(*given)) if torch.is_tensor(o)]
    if any(o.shape == v.shape and torch.equal(o, v) for o in found for v in given if torch.is_tensor(v)):
        raise Unclear("its forward hands its input on; what its backward is to do needs a reference(…)")
    if not any(g is not None and g.any() for g in gradients(own_forward, inputs)):
        raise Unclear("its forward is constant around its inputs; what stands for its slope needs a reference(…)")


def same(ours: Sequence[Any], theirs: Sequence[Any]) -> bool:
    """Whether a guess may be what is meant: to half of the digits, its outputs are the Function's."""
    pairs = [*zip(ours, theirs, strict=False)]
    return all(torch.is_tensor(b) and a.shape == b.shape and torch.allclose(a, b, 2.0**-26, 2.0**-26) for a, b in pairs)


def _made_by(node: Any) -> list[str]:
    """The names of the Functions with a backward in Python that a gradient passes."""
    waiting, seen, names = [node], {None}, []
    for one in waiting:
        if one in seen:
            continue
        seen.add(one)
        if isinstance(one, torch.autograd.function.BackwardCFunction):
            names.append(type(one).__name__.removesuffix("Backward"))
        waiting += [n for n, _ in one.next_functions]
    return names
