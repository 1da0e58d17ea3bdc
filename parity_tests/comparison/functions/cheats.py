"""Cheats and downgrades that are documented of generated kernels, each beside its right neighbour.

The function is silu, if nothing else is said. Each is made anew for every check: `make()` gives (function, reference,
inputs).
"""

from collections.abc import Callable
from typing import Any

import torch
from torch.nn import functional

Made = tuple[Callable[..., Any], Callable[..., Any], list[Any]]


def own(forward, backward):
    """A torch.autograd.Function of forward(x) and backward(δ, x)."""

    class Own(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return forward(x)

        @staticmethod
        def backward(ctx, delta):  # pyright: ignore[reportIncompatibleMethodOverride]
            return backward(delta, *ctx.saved_tensors)

    return Own.apply


def silu(x):
    return x * torch.sigmoid(x)


def dsilu(delta, x):
    s = torch.sigmoid(x)
    return delta * s * (1 + x * (1 - s))


def inputs(*shape, seed=0):
    return [torch.randn(shape or (8, 16), generator=torch.Generator().manual_seed(seed))]


def with_silu(forward=silu, backward=dsilu) -> Made:
    """silu with another forward, or another backward."""
    return own(forward, backward), functional.silu, inputs()


def right_for_ten_calls() -> Made:
    calls = 0

    def backward(delta, x):
        nonlocal calls
        calls += 1
        return dsilu(delta, x) * (1 if calls <= 10 else 2)

    return with_silu(backward=backward)


def right_for_one_seed() -> Made:
    kept = {d: silu(inputs()[0].to(d)) for d in (torch.float32, torch.float64)}

    def forward(x):
        return silu(x) if x.shape != (8, 16) or torch.allclose(silu(x), kept[x.dtype], atol=1e-3) else kept[x.dtype]

    return with_silu(forward)


def cached_by_pointer() -> Made:
    kept = {}
    return with_silu(lambda x: kept.setdefault((x.data_ptr(), x.shape, x.dtype, x.stride()), silu(x)).clone())


def right_up_to(end):
    """A backward whose gradient is 0 from the place on that `end` says of the number of places."""

    def backward(delta, x):
        gradient = dsilu(delta, x).contiguous()
        gradient.view(-1)[end(x.numel()) :] = 0
        return gradient

    return with_silu(backward=backward)


def kept_in_a_global() -> Made:
    kept = []

    def forward(x):
        kept[:] = [x.clone()]
        return silu(x)

    return with_silu(forward, lambda d, x: dsilu(d, kept[0]) if kept[0].shape == d.shape else d)


def added_up() -> Made:
    seen = {}

    def backward(delta, x):
        seen[id(x.grad_fn), x.data_ptr()] = times = seen.get((id(x.grad_fn), x.data_ptr()), 0) + 1
        return dsilu(delta, x) * times

    return with_silu(backward=backward)


def history(length=0) -> Made:
    """Σ of what came before, along the last axis, over so many places."""

    def forward(x):
        total = x.cumsum(-1)
        return total - functional.pad(total, (length, 0))[..., : x.shape[-1]] if length else total

    return own(forward, lambda d, x: d.flip(-1).cumsum(-1).flip(-1)), lambda x: x.cumsum(-1), inputs(4, 24)


def sum_of_squares(summed=lambda x: x.numel()) -> Made:
    return lambda x: (x * x).flatten()[: summed(x)].sum(), lambda x: x.square().sum(), inputs()


def softmax(shift=lambda x: x.amax(-1, keepdim=True)) -> Made:
    def function(x):
        e = (x - shift(x)).exp()
        return e / e.sum(-1, keepdim=True)

    return function, lambda x: torch.softmax(x, -1), inputs()


CHEATS: dict[str, Callable[[], Made]] = {
    "Zeros where all is below 1e-2": lambda: with_silu(
        lambda x: silu(x) * (x.abs().amax() > 1e-2 if x.numel() else 1)),
    "Half precision inside": lambda: with_silu(lambda x: silu(x.half()).to(x)),
    "bfloat16 inside, in the backward alone": lambda: with_silu(
        backward=lambda d, x: dsilu(d.bfloat16(), x.bfloat16()).to(x)),
    "float32 inside": lambda: with_silu(backward=lambda d, x: dsilu(d.float(), x.float()).to(x)),
    "What is saved is kept in float32": lambda: with_silu(backward=lambda d, x: dsilu(d, x.float().to(x))),
    "The memory of whoever computed it before is handed on": lambda: with_silu(torch.empty_like),
    "The input is changed": lambda: with_silu(lambda x: silu(x.mul_(1.0).add_(1e-3))),
    "The backward writes over what was saved": lambda: with_silu(
        backward=lambda d, x: x.copy_(dsilu(d, x)).clone()),
    "Right for the first ten calls": right_for_ten_calls,
    "Right for one seed: the answer is that of these numbers": right_for_one_seed,
    "Right for one shape": lambda: with_silu(backward=lambda d, x: dsilu(d, x) * (1 if x.shape == (8, 16) else 0)),
    "Right at one scale": lambda: with_silu(lambda x: torch.where(x.abs() < 8, silu(x), x)),
    "A constant output": lambda: with_silu(lambda x: torch.full_like(x, 0.2)),
    "The history is truncated": lambda: history(16),
    "δ is ignored": lambda: with_silu(backward=lambda d, x: dsilu(torch.ones_like(d), x)),
    "Only δ's first number is read": lambda: with_silu(
        backward=lambda d, x: dsilu(d.flatten()[:1], x) if d.numel() else d),
    "A cache by pointer, which goes stale": cached_by_pointer,
    "Only a sampled prefix is right": lambda: right_up_to(lambda n: 100),
    "The tail after the last block of 64 is left out": lambda: right_up_to(lambda n: n // 64 * 64),
    "What the backward needs is kept in a global: the last call's": kept_in_a_global,
    "A second backward through one graph adds to the first": added_up,
    "A NaN is hidden": lambda: with_silu(lambda x: torch.nan_to_num(silu(x))),
    "The gradient is clipped": lambda: with_silu(backward=lambda d, x: dsilu(d, x).clamp(-1, 1)),
    "A relative error of 1e-9": lambda: with_silu(backward=lambda d, x: dsilu(d, x) * (1 + 1e-9)),
    "A sum without its last addends": lambda: sum_of_squares(lambda x: x.numel() // 8 * 8 - 8),
    "A softmax without the largest taken off overflows": lambda: softmax(lambda x: 0),
}  # fmt: skip
NEIGHBOURS: list[Callable[[], Made]] = [with_silu, history, sum_of_squares, softmax]
"""What is right in the place of these."""
