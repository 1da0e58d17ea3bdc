"""Inputs that fail made small: fewer rows and columns first, then plainer numbers, as long as they fail.

Source: Zeller and Hildebrandt, "Simplifying and isolating failure-inducing input", 2002.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch.utils._pytree import tree_flatten, tree_unflatten

from torch_ref.comparison.functions.calls import Changed, Refused, is_real

ATTEMPTS = 60
"""So many smaller inputs are tried at most."""

Fails = Callable[[Sequence[Any]], bool]


def shrunk(inputs: Sequence[Any], fails: Fails) -> Sequence[Any]:
    """The smallest of the inputs found that fail."""
    left = ATTEMPTS
    for smaller in (_shorter, _plainer):
        found: Sequence[Any] | None = inputs
        while found is not None and left > 0:
            inputs, found = found, None
            for attempt in smaller(inputs):
                left -= 1
                if _fails(fails, attempt):
                    found = attempt
                    break
                if left <= 0:
                    break
    return inputs


def _fails(fails: Fails, attempt: Sequence[Any]) -> bool:
    try:
        return fails(attempt)
    except (Refused, Changed):  # the reference takes no such inputs
        return False


def _shorter(inputs: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """Every length, wherever it occurs, made shorter: those of one tensor's axis may be those of another's."""
    leaves, form = tree_flatten([*inputs])
    lengths = sorted({n for v in leaves if torch.is_tensor(v) for n in v.shape if n > 1}, reverse=True)
    for length in lengths:
        for new in sorted({1, 2, length // 2, length - 1} - {length, 0}):
            yield tree_unflatten([_cut(v, length, new) if torch.is_tensor(v) else v for v in leaves], form)


def _cut(tensor: torch.Tensor, length: int, new: int) -> torch.Tensor:
    cut = tensor.detach()[tuple(slice(new) if n == length else slice(None) for n in tensor.shape)].clone()
    return cut.requires_grad_(tensor.requires_grad)


def _plainer(inputs: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """Every tensor of numbers that are not plain as ones, or rounded to whole numbers, halves or tenths."""
    leaves, form = tree_flatten([*inputs])
    for i, value in enumerate(leaves):
        if not is_real(value) or value.is_complex() or not value.numel():
            continue
        for make in (torch.ones_like, torch.round, lambda v: (2 * v).round() / 2, lambda v: (10 * v).round() / 10):
            new = make(value.detach()).requires_grad_(value.requires_grad)
            if not torch.equal(new, value) and _plainness(new) > _plainness(value):
                yield tree_unflatten([*leaves[:i], new, *leaves[i + 1 :]], form)


def _plainness(value: torch.Tensor) -> int:
    """How few digits its numbers have."""
    if torch.equal(value, torch.ones_like(value)):
        return 4
    return next((3 - k for k, by in enumerate((1, 2, 10)) if torch.equal((by * value).round() / by, value)), 0)
