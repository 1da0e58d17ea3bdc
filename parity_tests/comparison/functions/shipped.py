"""Functions as people ship them, each right and with one realistic bug, beside a reference in torch."""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
import torch.utils.checkpoint
from torch.nn import functional as F

from parity_tests.comparison.functions.formulas import (
    attention,
    cross_entropy,
    dattention,
    dcross_entropy,
    dembedding,
    dgelu,
    dgelu_tanh,
    dgroup_norm,
    dlayer_norm,
    dlora,
    drms,
    dswiglu,
    gelu,
    gelu_tanh,
    group_norm,
    layer_norm,
    lora,
    quantise,
    rms,
    rope_reference,
    rotate,
    scatter,
    softplus,
    straight,
)


class Shipped(NamedTuple):
    """`make(bug)` gives the function, right or with its bug; `how` are keyword arguments of the check."""

    make: Callable[[bool], Callable[..., Any]]
    reference: Callable[..., Any]
    inputs: list[Any]
    how: dict[str, Any] = {}  # noqa: RUF012


def drawn(*shapes, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(shape, generator=generator) for shape in shapes]


def of(forward, backward):
    """What makes a Function of forward(*inputs) and backward(bug, δ, *inputs)."""

    def make(bug):
        class Own(torch.autograd.Function):
            @staticmethod
            def forward(ctx, *inputs):
                ctx.save_for_backward(*inputs)
                return forward(*inputs)

            @staticmethod
            def backward(ctx, *deltas):
                return backward(bug, *deltas, *ctx.saved_tensors)

        return Own.apply

    return make


def checkpointed(bug):
    def block(x, w):
        return torch.tanh(x @ w) * (0.999 if bug and torch.is_grad_enabled() else 1)

    return lambda x, w: torch.utils.checkpoint.checkpoint(block, x, w, use_reentrant=False)


def in_place(bug):
    class Relu(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            if not bug:
                ctx.mark_dirty(x)
            y = x.clamp_(min=0)
            ctx.save_for_backward(y)
            return y if not bug else y * 1

        @staticmethod
        def backward(ctx, delta):  # pyright: ignore[reportIncompatibleMethodOverride]
            return delta * (ctx.saved_tensors[0] > 0)

    return Relu.apply


def float32_only(bug):
    def forward(x):
        if x.dtype != torch.float32:
            raise TypeError("float32 alone")
        return x * torch.sigmoid(x)

    return of(forward, lambda bug, d, x: dswiglu(False, d, x, torch.ones_like(x))[0] * (1 + 1e-4 * bug))(bug)


def without_bias(bug):
    class Linear(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, w, b):
            ctx.save_for_backward(x, w)
            return x @ w.mT if b is None else x @ w.mT + b

        @staticmethod
        def backward(ctx, d):  # pyright: ignore[reportIncompatibleMethodOverride]
            x, w = ctx.saved_tensors
            return d @ w, None if bug else d.mT @ x, None

    return Linear.apply


def cube(bug):
    class Cube(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x * x

        @staticmethod
        def backward(ctx, d):  # pyright: ignore[reportIncompatibleMethodOverride]
            (x,) = ctx.saved_tensors
            return 3 * d * x * (x.detach() if bug else x)

    return Cube.apply


def conv(x, w):
    return F.conv1d(x, w)


def dconv(bug, d, x, w):
    return F.conv_transpose1d(d, w.flip(-1) if bug else w), torch.einsum("not,nitk->oik", d, x.unfold(-1, 3, 1))


def two(bug):
    def backward(bug, d, e, x):
        return 2 * d * x + (0 if bug else e * x.cos())

    return of(lambda x: (x * x, x.sin()), backward)(bug)


SHIPPED: dict[str, Shipped] = {
    "RMS norm": Shipped(of(rms, drms), lambda x, w: F.rms_norm(x, w.shape, w, 1e-6), drawn((4, 8), (8,))),
    "layer norm": Shipped(
        of(layer_norm, dlayer_norm), lambda x, w, b: F.layer_norm(x, w.shape, w, b), drawn((4, 8), (8,), (8,))
    ),
    "SwiGLU": Shipped(of(lambda a, b: F.silu(a) * b, dswiglu), lambda a, b: F.silu(a) * b, drawn((4, 6), (4, 6))),
    "RoPE": Shipped(of(rotate, lambda bug, d, x: rotate(d, 1 if bug else -1)), rope_reference, drawn((2, 5, 6))),
    "cross-entropy": Shipped(
        of(cross_entropy, dcross_entropy), F.cross_entropy, [*drawn((5, 4)), torch.tensor([0, 3, 1, 1, 2])]
    ),
    "GELU": Shipped(of(gelu, dgelu), F.gelu, drawn((8, 16))),
    "GELU by tanh": Shipped(of(gelu_tanh, dgelu_tanh), gelu_tanh, drawn((8, 16))),
    "group norm": Shipped(
        of(group_norm, dgroup_norm), lambda x, w, b: F.group_norm(x, 2, w, b), drawn((3, 4, 5), (4,), (4,))
    ),
    "attention": Shipped(
        of(attention, dattention), lambda q, k, v: F.scaled_dot_product_attention(q, k, v),
        drawn((2, 3, 4), (2, 5, 4), (2, 5, 4)),
    ),
    "LoRA": Shipped(of(lora, dlora), lora, drawn((5, 4), (3, 4), (2, 4), (3, 2))),
    "straight through": Shipped(of(torch.round, lambda bug, d, x: d * (1 - 1e-9 * bug)), straight, drawn((4, 6))),
    "scatter": Shipped(
        of(scatter, lambda bug, d, x, i: (d[i.flip(0) if bug else i], None)), scatter,
        [*drawn((5, 3)), torch.tensor([0, 2, 2, 3, 1])],
    ),
    "gather": Shipped(
        of(lambda x, i: x.gather(1, i), lambda bug, d, x, i: (
            (torch.zeros_like(x).scatter_ if bug else torch.zeros_like(x).scatter_add_)(1, i, d), None)),
        lambda x, i: x.gather(1, i), [*drawn((2, 4)), torch.tensor([[0, 0, 2], [3, 1, 1]])],
    ),
    "embedding": Shipped(
        of(lambda i, t: t[i], dembedding), F.embedding, [torch.tensor([1, 4, 1]), *drawn((6, 3))]
    ),
    "softplus": Shipped(
        of(softplus, lambda bug, d, x: d * torch.sigmoid(-x if bug else x)), F.softplus, drawn((4, 6))
    ),
    "quantise": Shipped(
        of(quantise, lambda bug, d, x: 8 * d * ((x >= -1) & (x <= 9 if bug else x <= 0.875))), quantise, drawn((4, 6))
    ),
    "checkpointed": Shipped(checkpointed, lambda x, w: torch.tanh(x @ w), drawn((4, 3), (3, 2))),
    "in place": Shipped(in_place, torch.relu, drawn((4, 6))),
    "float32 alone": Shipped(float32_only, F.silu, drawn((8, 16))),
    "without a bias": Shipped(without_bias, lambda x, w, b: F.linear(x, w, b), [*drawn((4, 3), (2, 3)), None]),
    "second derivative": Shipped(cube, lambda x: x**3, drawn((4, 3)), {"orders": 2}),
    "convolution": Shipped(of(conv, dconv), conv, drawn((2, 3, 7), (4, 3, 3))),
    "two outputs": Shipped(two, lambda x: (x * x, x.sin()), drawn((4, 3))),
    "bfloat16": Shipped(
        of(F.silu, lambda bug, d, x: (dswiglu(False, d.float(), x.float(), torch.ones(()))[0] * (1 + bug)).to(d)),
        F.silu, [drawn((8, 16))[0].bfloat16()],
    ),
    "complex": Shipped(
        of(lambda z: z * z, lambda bug, d, z: 2 * d * (z if bug else z.conj())), torch.square,
        [torch.complex(*drawn((4, 3), (4, 3)))],
    ),
    "BCE with logits": Shipped(
        of(lambda z, t: (softplus(z) - z * t).mean(),
           lambda bug, d, z, t: (d * (torch.sigmoid(z) - t) / (len(z) if bug else z.numel()), None)),
        F.binary_cross_entropy_with_logits,
        [drawn((4, 3))[0].requires_grad_(), drawn((4, 3), seed=1)[0].sigmoid()],
    ),
    "relative 1e-9": Shipped(
        of(lambda x, w: x @ w, lambda bug, d, x, w: (d @ w.mT * (1 + 1e-9 * bug), x.mT @ d)), torch.mm,
        drawn((5, 3), (3, 4)),
    ),
}  # fmt: skip
