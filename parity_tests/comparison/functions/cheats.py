"""Cheats and downgrades that are documented of generated kernels, each beside its right neighbour.

The function is silu, if nothing else is said. A cheat is made anew for every check: `make()` gives (function,
reference, inputs).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn import functional

Made = tuple[Callable[..., Any], Callable[..., Any], list[Any]]


@dataclass(frozen=True)
class Cheat:
    """`wrong` is caught, `right` passes."""

    name: str
    wrong: Callable[[], Made]
    right: Callable[[], Made]


CHEATS: list[Cheat] = []


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


def right_silu():
    return own(silu, dsilu), functional.silu, inputs()


def cheat(right=right_silu):
    """Register a function that makes a cheat; its docstring is its name."""

    def put(wrong):
        CHEATS.append(Cheat(" ".join(wrong.__doc__.split()).rstrip("."), wrong, right))
        return wrong

    return put


def counted(right, wrong, calls):
    """The one for so many calls, then the other."""
    count = 0

    def function(*arguments):
        nonlocal count
        count += 1
        return (right if count <= calls else wrong)(*arguments)

    return function


@cheat()
def _():
    """Zeros where all is below 1e-2."""
    return own(lambda x: silu(x) * (x.abs().amax() > 1e-2 if x.numel() else 1), dsilu), functional.silu, inputs()


@cheat()
def _():
    """Half precision inside."""
    return own(lambda x: silu(x.half()).to(x), dsilu), functional.silu, inputs()


@cheat()
def _():
    """bfloat16 inside, in the backward alone."""
    return own(silu, lambda d, x: dsilu(d.bfloat16(), x.bfloat16()).to(x)), functional.silu, inputs()


@cheat()
def _():
    """float32 inside."""
    return own(silu, lambda d, x: dsilu(d.float(), x.float()).to(x)), functional.silu, inputs()


@cheat()
def _():
    """What is saved is kept in float32."""
    return own(silu, lambda d, x: dsilu(d, x.float().to(x))), functional.silu, inputs()


@cheat()
def _():
    """The memory of whoever computed it before is handed on."""
    return own(torch.empty_like, dsilu), functional.silu, inputs()


@cheat()
def _():
    """The input is changed."""
    return own(lambda x: silu(x.mul_(1.0).add_(1e-3)), dsilu), functional.silu, inputs()


@cheat()
def _():
    """The backward writes over what was saved."""

    def backward(delta, x):
        return x.copy_(dsilu(delta, x)).clone()

    return own(silu, backward), functional.silu, inputs()


@cheat()
def _():
    """Right for the first ten calls."""
    return own(silu, counted(dsilu, lambda d, x: 2 * dsilu(d, x), 10)), functional.silu, inputs()


@cheat()
def _():
    """Right for one seed: the answer is that of these numbers."""
    kept = {d: silu(inputs()[0].to(d)) for d in (torch.float32, torch.float64)}

    def forward(x):
        return silu(x) if x.shape != (8, 16) or torch.allclose(silu(x), kept[x.dtype], atol=1e-3) else kept[x.dtype]

    return own(forward, dsilu), functional.silu, inputs()


@cheat()
def _():
    """Right for one shape."""
    return own(silu, lambda d, x: dsilu(d, x) * (1 if x.shape == (8, 16) else 0)), functional.silu, inputs()


@cheat()
def _():
    """Right at one scale."""
    return own(lambda x: torch.where(x.abs() < 8, silu(x), x), dsilu), functional.silu, inputs()


@cheat()
def _():
    """A constant output."""
    return own(lambda x: torch.full_like(x, 0.2), dsilu), functional.silu, inputs()


def running(length):
    """Σ of what came before, along the last axis, over so many places."""

    def forward(x):
        total = x.cumsum(-1)
        return total - functional.pad(total, (length, 0))[..., : x.shape[-1]] if length else total

    return forward


def history(d, x):
    return d.flip(-1).cumsum(-1).flip(-1)


@cheat(right=lambda: (own(running(0), history), lambda x: x.cumsum(-1), inputs(4, 24)))
def _():
    """The history is truncated."""
    return own(running(16), history), lambda x: x.cumsum(-1), inputs(4, 24)


@cheat()
def _():
    """δ is ignored."""
    return own(silu, lambda d, x: dsilu(torch.ones_like(d), x)), functional.silu, inputs()


@cheat()
def _():
    """Only δ's first number is read."""
    return own(silu, lambda d, x: dsilu(d.flatten()[:1], x) if d.numel() else d), functional.silu, inputs()


@cheat()
def _():
    """A cache by pointer, which goes stale."""
    kept = {}

    def forward(x):
        return kept.setdefault((x.data_ptr(), x.shape, x.dtype, x.stride()), silu(x)).clone()

    return own(forward, dsilu), functional.silu, inputs()


@cheat()
def _():
    """Only a sampled prefix is right."""

    def backward(delta, x):
        gradient = dsilu(delta, x).contiguous()
        gradient.view(-1)[100:] = 0
        return gradient

    return own(silu, backward), functional.silu, inputs()


@cheat()
def _():
    """The tail after the last block of 64 is left out."""

    def backward(delta, x):
        gradient = dsilu(delta, x).contiguous()
        gradient.view(-1)[x.numel() // 64 * 64 :] = 0
        return gradient

    return own(silu, backward), functional.silu, inputs()


@cheat()
def _():
    """What the backward needs is kept in a global: the last call's."""
    kept = []

    def forward(x):
        kept[:] = [x.clone()]
        return silu(x)

    return own(forward, lambda d, x: dsilu(d, kept[0]) if kept[0].shape == d.shape else d), functional.silu, inputs()


@cheat()
def _():
    """A second backward through one graph adds to the first."""
    seen = {}

    def backward(delta, x):
        seen[id(x.grad_fn), x.data_ptr()] = times = seen.get((id(x.grad_fn), x.data_ptr()), 0) + 1
        return dsilu(delta, x) * times

    return own(silu, backward), functional.silu, inputs()


@cheat()
def _():
    """A NaN is hidden."""
    return own(lambda x: torch.nan_to_num(silu(x)), dsilu), functional.silu, inputs()


@cheat()
def _():
    """The gradient is clipped."""
    return own(silu, lambda d, x: dsilu(d, x).clamp(-1, 1)), functional.silu, inputs()


@cheat()
def _():
    """A relative error of 1e-9."""
    return own(silu, lambda d, x: dsilu(d, x) * (1 + 1e-9)), functional.silu, inputs()


@cheat(right=lambda: (lambda x: (x * x).sum(), lambda x: x.square().sum(), inputs()))
def _():
    """A sum without its last addends."""
    return lambda x: (x * x).flatten()[: x.numel() // 8 * 8 - 8].sum(), lambda x: x.square().sum(), inputs()


@cheat(right=lambda: (lambda x: x.softmax(-1), lambda x: torch.softmax(x, -1), inputs()))
def _():
    """A softmax without the largest taken off overflows."""

    def softmax(x):
        e = x.exp()
        return e / e.sum(-1, keepdim=True)

    return softmax, lambda x: torch.softmax(x, -1), inputs()
