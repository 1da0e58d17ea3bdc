"""Functions as people ship them, each right and with one realistic bug, beside a reference in torch."""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
import torch.utils.checkpoint
from torch.nn import functional as F


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


def rms(x, w, eps=1e-6):
    return x * torch.rsqrt((x * x).mean(-1, keepdim=True) + eps) * w


def drms(bug, d, x, w):
    r = torch.rsqrt((x * x).mean(-1, keepdim=True) + 1e-6)
    g = d * w
    dx = r * g - (0 if bug else x * r**3 * (g * x).mean(-1, keepdim=True))
    return dx, (d * x * r).reshape(-1, len(w)).sum(0)


def layer_norm(x, w, b):
    c = x - x.mean(-1, keepdim=True)
    return c * torch.rsqrt((c * c).mean(-1, keepdim=True) + 1e-5) * w + b


def dlayer_norm(bug, d, x, w, b):
    c = x - x.mean(-1, keepdim=True)
    r = torch.rsqrt((c * c).mean(-1, keepdim=True) + 1e-5)
    h, g = c * r, d * w
    dx = r * (g - (0 if bug else g.mean(-1, keepdim=True)) - h * (g * h).mean(-1, keepdim=True))
    return dx, (d * h).reshape(-1, len(w)).sum(0), d.reshape(-1, len(w)).sum(0)


def dswiglu(bug, d, a, b):
    s = torch.sigmoid(a)
    return d * b * s * (1 + (0 if bug else a * (1 - s))), d * a * s


def rotate(x, sign=1):
    n = x.shape[-1] // 2
    t = torch.arange(x.shape[-2], dtype=x.dtype)[:, None] / 10 ** torch.arange(n, dtype=x.dtype)
    a, b, c, s = x[..., :n], x[..., n:], t.cos(), sign * t.sin()
    return torch.cat([a * c - b * s, b * c + a * s], -1)


def rope_reference(x):
    n = x.shape[-1] // 2
    t = torch.arange(x.shape[-2], dtype=x.dtype)[:, None] / 10 ** torch.arange(n, dtype=x.dtype)
    t = torch.cat([t, t], -1)
    return x * t.cos() + torch.cat([-x[..., n:], x[..., :n]], -1) * t.sin()


def cross_entropy(z, t):
    return (z.logsumexp(1) - z.gather(1, t[:, None])[:, 0]).sum() / len(t)


def dcross_entropy(bug, d, z, t):
    return d * (z.softmax(1) - F.one_hot(t, z.shape[1])) / (1 if bug else len(t)), None


def gelu(x):
    return x * 0.5 * (1 + torch.erf(x * 0.5**0.5))


def dgelu(bug, d, x):
    density = torch.exp(-x * x / 2) * (0.3989 if bug else 0.3989422804014327)
    return d * (0.5 * (1 + torch.erf(x * 0.5**0.5)) + x * density)


def gelu_tanh(x):
    return F.gelu(x, approximate="tanh")


def dgelu_tanh(bug, d, x):
    c = (2 / torch.pi) ** 0.5
    t = torch.tanh(c * (x + 0.044715 * x * x * x))
    return d * (0.5 * (1 + t) + 0.5 * x * (1 - t * t) * c * (1 + (1 if bug else 3) * 0.044715 * x * x))


def group_norm(x, w, b):
    n = x.shape[1] * x.shape[2] // 2
    h = F.layer_norm(x.reshape(len(x), 2, n), (n,)).reshape(x.shape)
    return h * w[:, None] + b[:, None]


def dgroup_norm(bug, d, x, w, b):
    y = x.reshape(len(x), 2, x.shape[1] * x.shape[2] // 2)
    c = y - y.mean(-1, keepdim=True)
    r = torch.rsqrt((c * c).mean(-1, keepdim=True) + 1e-5)
    h, g = c * r, (d * w[:, None]).reshape(y.shape)
    dx = r * (g - g.mean(-1, keepdim=True) - h * (g * h).mean(-1, keepdim=True))
    dw = (d * h.reshape(x.shape)).sum((0, 2))
    return dx.reshape(x.shape), dw, d.sum(0 if bug else (0, 2)).reshape(-1)[: len(b)]


def attention(q, k, v):
    return torch.softmax(q @ k.mT * 0.5, -1) @ v


def dattention(bug, d, q, k, v):
    p = torch.softmax(q @ k.mT * 0.5, -1)
    dp = d @ v.mT
    ds = p * (dp - (p * dp).sum(-1, keepdim=True)) * (1 if bug else 0.5)
    return ds @ k, ds.mT @ q, p.mT @ d


def lora(x, w, a, b):
    return x @ w.mT + (x @ a.mT) @ b.mT * 2


def dlora(bug, d, x, w, a, b):
    db = d @ b * (1 if bug else 2)
    return d @ w + db @ a, d.mT @ x, db.mT @ x, 2 * d.mT @ (x @ a.mT)


def straight(x):
    return x + (x.round() - x).detach()


def scatter(x, index):
    return x.new_zeros(4, x.shape[1]).index_add(0, index, x)


def dembedding(bug, d, index, table):
    g = torch.zeros_like(table)
    if bug:
        g[index] = d
    else:
        g.index_add_(0, index.reshape(-1), d.reshape(-1, table.shape[1]))
    return None, g


def softplus(x):
    return torch.log1p(torch.exp(-x.abs())) + x.clamp(min=0)


def quantise(x):
    return (x * 8).clamp(-8, 7)


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
