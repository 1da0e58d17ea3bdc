"""Functions written in torch, with the shapes of their inputs: between them they reach every rule of an operation."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch.nn import functional as F


class Case(NamedTuple):
    """A function, and the shapes of its inputs; they are drawn from a normal distribution, or made by `of` from it."""

    function: Callable[..., torch.Tensor]
    shapes: tuple[tuple[int, ...], ...]
    of: Callable[[torch.Tensor], torch.Tensor] = lambda x: x


X = ((3, 4),)
XX = ((3, 4), (3, 4))
INDEX = torch.tensor([[0, 1], [2, 2], [1, 0]])
CLASSES = torch.tensor([0, 1, 3])
BAGS = torch.tensor([0, 3, 3])
GRID = ((1, 2, 3, 4), (1, 2, 2, 2))


def rope(x: torch.Tensor) -> torch.Tensor:
    """Rotary positions."""
    angle = torch.arange(3, dtype=x.dtype)[:, None] * torch.tensor([1.0, 0.1], dtype=x.dtype)
    a, b = x[..., :2], x[..., 2:]
    return torch.cat([a * angle.cos() - b * angle.sin(), a * angle.sin() + b * angle.cos()], -1)


def attention(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    """Scaled dot products under a causal mask."""
    return F.scaled_dot_product_attention(q, k, v, is_causal=True)


def written_in_place(x: torch.Tensor) -> torch.Tensor:
    """What is written into a copy."""
    y = x.clone()
    y[0] = y[1] * 2
    y[:, 1:3] += 1
    y.mul_(3)
    return y


def recurrent(x: torch.Tensor, h: torch.Tensor, w: torch.Tensor, u: torch.Tensor) -> torch.Tensor:
    """A GRU's step."""
    return torch.gru_cell(x, h, w, u)


def eye(like: torch.Tensor) -> torch.Tensor:
    """The identity of three."""
    return torch.eye(3, dtype=like.dtype)


def z_of(x: torch.Tensor) -> torch.Tensor:
    """Two columns as the real and the imaginary parts."""
    return torch.complex(x[:, :2], x[:, 2:])


def parts_of(z: torch.Tensor) -> torch.Tensor:
    """And back."""
    return torch.cat([z.real, z.imag], 1)


CASES: dict[str, Case] = {
    **{f.__name__: Case(f, X) for f in (
        torch.exp, torch.expm1, torch.exp2, torch.sin, torch.cos, torch.tan, torch.sinh, torch.cosh, torch.tanh,
        torch.atan, torch.asinh, torch.sigmoid, torch.abs, torch.erf, torch.erfc, torch.neg, torch.square,
        F.relu, F.gelu, F.silu, F.mish, F.softplus, F.elu, F.hardswish, F.logsigmoid, F.selu, F.relu6,
        F.softsign, F.tanhshrink, F.hardtanh,
    )},
    **{f.__name__: Case(f, X, lambda x: x.abs() + 0.5) for f in (
        torch.log, torch.log1p, torch.log2, torch.log10, torch.sqrt, torch.rsqrt, torch.reciprocal,
    )},
    **{f.__name__: Case(f, X, lambda x: x.tanh() * 0.9) for f in (torch.asin, torch.acos, torch.atanh)},
    "acosh": Case(torch.acosh, X, lambda x: x.abs() + 1.5),
    "atan2": Case(torch.atan2, XX),
    "hypot": Case(torch.hypot, XX),
    "add with alpha": Case(lambda x, y: torch.add(x, y, alpha=3), XX),
    "sub with alpha": Case(lambda x, y: torch.sub(x, y, alpha=3), XX),
    "quotient": Case(lambda x, y: x / (y * y + 1), XX),
    "powers": Case(lambda x: x**3 + (x * x + 1) ** 0.5 + (x * x + 1) ** -1.5 + (x * x + 1) ** 0.3 + x**0, X),
    "mm": Case(torch.mm, ((3, 4), (4, 2))),
    "bmm": Case(torch.bmm, ((2, 3, 4), (2, 4, 2))),
    "mv": Case(torch.mv, ((3, 4), (4,))),
    "dot": Case(torch.dot, ((4,), (4,))),
    "linear": Case(F.linear, ((5, 3), (4, 3), (4,))),
    "cdist": Case(torch.cdist, ((3, 4), (2, 4))),
    "pdist": Case(F.pdist, X),
    "pdist of one": Case(lambda x: F.pdist(x).sum() + x, ((1, 4),)),
    "dist": Case(torch.dist, XX),
    "bags of rows": Case(
        lambda w, p: F.embedding_bag(INDEX.flatten(), w, BAGS, mode="sum", per_sample_weights=p), ((3, 4), (6,))
    ),
    "means of bags": Case(lambda w: F.embedding_bag(INDEX.flatten(), w, BAGS) * F.embedding_bag(INDEX, w), X),
    "one_hot": Case(lambda x: x * F.one_hot(CLASSES, 4).to(x), X),
    "grid_sample": Case(lambda x, grid: F.grid_sample(x, grid, align_corners=True), GRID),
    "grid_sample between corners": Case(lambda x, grid: F.grid_sample(x, grid, align_corners=False), GRID),
    "a mask of floats": Case(lambda x: x.masked_fill(torch.eye(3, 4, dtype=x.dtype).bool(), 0), X),
    "einsum": Case(lambda a, b: torch.einsum("bij,bjk->bik", a, b), ((2, 2, 3), (2, 3, 2))),
    "leaky_relu": Case(lambda x: F.leaky_relu(x, 0.1), X),
    "gelu by tanh": Case(lambda x: F.gelu(x, approximate="tanh"), X),
    "glu": Case(F.glu, X),
    "softmax": Case(lambda x: F.softmax(x, -1), X),
    "log_softmax": Case(lambda x: F.log_softmax(x, -1), X),
    "logsumexp": Case(lambda x: torch.logsumexp(x, 1), X),
    "layer_norm": Case(lambda x, w, b: F.layer_norm(x, (4,), w, b), ((3, 4), (4,), (4,))),
    "rms_norm": Case(lambda x, w: F.rms_norm(x, (4,), w), ((3, 4), (4,))),
    "group_norm": Case(lambda x, w, b: F.group_norm(x, 2, w, b), ((2, 4, 3), (4,), (4,))),
    "batch_norm": Case(lambda x, w, b: F.batch_norm(x, None, None, w, b, training=True), ((4, 3), (3,), (3,))),
    "normalize": Case(lambda x: F.normalize(x, dim=1), X),
    "cosine_similarity": Case(F.cosine_similarity, XX),
    "norm": Case(lambda x: x.norm(dim=1), X),
    "var": Case(lambda x: x.var(1), X),
    "std": Case(lambda x: x.std(0, correction=0), X),
    "var_mean": Case(lambda x: torch.cat([*torch.var_mean(x, 1)]), X),
    "mean": Case(lambda x: x.mean() + x.mean(1, keepdim=True), X),
    "amax": Case(lambda x: x.amax(1) + x.amin(1), X),
    "max": Case(lambda x: x.max(1)[0] + x.min(1)[0] + x.max() + x.min(), X),
    "prod": Case(lambda x: x.prod(1) + x.prod(), X),
    "cumsum": Case(lambda x: x.cumsum(0), X),
    "cumprod": Case(lambda x: x.cumprod(1), X),
    "sort": Case(lambda x: x.sort(1)[0] * torch.arange(4) + x.sort(1, descending=True)[0], X),
    "maximum": Case(lambda x, y: torch.maximum(x, y) - torch.minimum(x, 2 * y), XX),
    "fmax": Case(lambda x, y: torch.fmax(x, y) - torch.fmin(x, 2 * y), XX),
    "clamp": Case(lambda x: x.clamp(-0.5, 0.7) + x.clamp_min(0.1) + x.clamp_max(0.3), X),
    "where": Case(lambda x, y: torch.where((x > y) & ~(x >= 1) | (x < -1) ^ (y <= 0), x * y, y), XX),
    "masked": Case(lambda x: x.masked_fill(torch.eye(3, 4) > 0, -torch.inf).softmax(1), X),
    "argmax": Case(lambda x: x * (torch.arange(4) == x.argmax(1, keepdim=True)) + x.argmin(1, keepdim=True) * x, X),
    "sign": Case(lambda x: x * x.sign(), X),
    "l1_loss": Case(F.l1_loss, XX),
    "mse_loss": Case(F.mse_loss, XX),
    "smooth_l1_loss": Case(F.smooth_l1_loss, XX),
    "huber_loss": Case(F.huber_loss, XX),
    "cross_entropy": Case(lambda x: F.cross_entropy(x, CLASSES), X),
    "cross_entropy, smooth": Case(
        lambda x: F.cross_entropy(x, torch.tensor([0, -100, 3]), label_smoothing=0.1), X),
    "bce with logits": Case(lambda x: F.binary_cross_entropy_with_logits(x, torch.full((3, 4), 0.3).to(x)), X),
    "bce": Case(lambda x: F.binary_cross_entropy(x.sigmoid(), torch.full((3, 4), 0.3).to(x)), X),
    "kl_div": Case(lambda x: F.kl_div(
        F.log_softmax(x, 1), torch.softmax(torch.arange(12.0).to(x).reshape(3, 4), 1), reduction="batchmean"), X),
    "focal loss": Case(lambda x: (-((1 - F.softmax(x, 1)) ** 2) * F.log_softmax(x, 1)).sum(), X),
    "attention": Case(attention, ((1, 1, 3, 2),) * 3),
    "swiglu": Case(lambda x, w, v: F.silu(x @ w) * (x @ v), ((2, 3), (3, 2), (3, 2))),
    "rope": Case(rope, ((1, 3, 4),)),
    "gru": Case(recurrent, ((2, 3), (2, 2), (6, 3), (6, 2))),
    "embedding": Case(lambda w: F.embedding(torch.tensor([0, 1, 1]), w), ((3, 2),)),
    "gather": Case(lambda x: x.gather(1, INDEX), X),
    "scatter": Case(lambda x, y: x.scatter(1, INDEX[:, :1], y), ((3, 4), (3, 1))),
    "scatter_add": Case(lambda x, y: x.scatter_add(1, INDEX, y), ((3, 4), (3, 2))),
    "index_select": Case(lambda x: x.index_select(1, torch.tensor([3, 0, 0])), X),
    "index_add": Case(lambda x, y: x.index_add(0, torch.tensor([0, 0, 2]), y, alpha=2), XX),
    "index": Case(lambda x: x[torch.tensor([0, 2, 2]), torch.tensor([1, 1, 3])], X),
    "index_put": Case(lambda x, y: x.index_put((torch.tensor([0, 0]),), y, accumulate=True), ((3, 4), (2, 4))),
    "written in place": Case(written_in_place, X),
    "moves": Case(lambda x: x.t().reshape(2, 6).flip(1).roll(1, 0).repeat(2, 1)[::2].unsqueeze(0).squeeze(), X),
    "split": Case(lambda x: torch.cat([p * i for i, p in enumerate((*x.split(3, 1), *x.split([1, 3], 1)))], 1), X),
    "stack": Case(lambda x, y: torch.stack([x, y], 1).permute(1, 0, 2), XX),
    "pad": Case(lambda x: F.pad(x, (1, 2, -1, 0), value=2.0), X),
    "tril": Case(lambda x: x.tril() - x.triu(1), X),
    "diagonal": Case(lambda x: x.diagonal(1) + x[:, 0].expand(2, 3).diagonal().sum(), ((3, 4),)),
    "alias": Case(lambda x: torch.ops.aten.alias(x) * x, X),
    "unfold": Case(lambda x, w: x.unfold(1, 3, 1) @ w, ((2, 6), (3,))),
    "as_strided": Case(lambda x: x.as_strided((2, 3), (4, 1), 1), X),
    "conv1d": Case(lambda x, w, b: F.conv1d(x, w, b, dilation=2), ((2, 2, 7), (3, 2, 3), (3,))),
    "conv2d": Case(lambda x, w, b: F.conv2d(x, w, b, stride=2, padding=1), ((2, 2, 5, 4), (3, 2, 3, 3), (3,))),
    "conv2d in groups": Case(lambda x, w: F.conv2d(x, w, padding="valid", groups=2), ((1, 4, 3, 3), (2, 2, 2, 2))),
    "max_pool2d": Case(lambda x: F.max_pool2d(x, 3, 2, 1), ((2, 1, 5, 4),)),
    "avg_pool2d": Case(lambda x: F.avg_pool2d(x, 2, 2, 1, count_include_pad=False), ((2, 1, 5, 4),)),
    "conv_transpose2d": Case(
        lambda x, w, b: F.conv_transpose2d(x, w, b, stride=2, padding=1, output_padding=1, groups=2),
        ((1, 2, 3, 3), (2, 2, 3, 3), (4,))),
    "pooling of volumes": Case(
        lambda x: F.max_pool3d(x, 2, 1).sum(0) + F.avg_pool3d(x, 2, 1, divisor_override=3).sum(0), ((1, 1, 3, 2, 3),)),
    "adaptive pooling": Case(
        lambda x: F.adaptive_avg_pool2d(x, (2, 3)) + F.adaptive_max_pool2d(x, (2, 3)), ((2, 5, 4),)),
    "adaptive pooling of volumes": Case(
        lambda x: F.adaptive_avg_pool3d(x, (1, 2, 2)) + F.adaptive_max_pool3d(x, (1, 2, 2)), ((1, 2, 3, 3),)),
    "interpolation": Case(
        lambda x: sum(F.interpolate(x, (5, 3), mode=m) for m in ("nearest", "nearest-exact", "bilinear", "bicubic"))
        + F.interpolate(x, (5, 3), mode="bicubic", align_corners=True)
        + F.interpolate(x, (5, 3), mode="bilinear", antialias=True), ((1, 1, 4, 4),)),
    "interpolation of lines": Case(
        lambda x: torch.cat([
            F.interpolate(x, scale_factor=1.7, mode=m) for m in ("nearest", "nearest-exact", "linear")]),
        ((1, 2, 4),)),
    "interpolation of volumes": Case(
        lambda x: torch.cat([F.interpolate(x, (3, 2, 3), mode=m) for m in ("nearest", "nearest-exact", "trilinear")]),
        ((1, 1, 2, 2, 2),)),
    "edges repeated": Case(
        lambda x: sum(F.pad(x.reshape(s), (1, 2) * n, mode="replicate").sum() for n, s in (
            (1, (1, 2, 6)), (2, (1, 1, 3, 4)), (3, (1, 1, 3, 2, 2)))) * x, X),
    "complex products": Case(lambda x: parts_of(z_of(x) * z_of(x.flip(0)).conj() / (z_of(x) + 2) * x[:, :2]), X),
    "complex of a row": Case(lambda x: parts_of(torch.complex(x, x[:1])), X),
    "complex functions": Case(
        lambda x: parts_of(z_of(x).exp() + z_of(x).log() + z_of(x).abs() * z_of(x).angle() + z_of(x) ** 3
                           + z_of(x).sgn() - 1 / z_of(x) + torch.polar(x[:, :2].exp(), x[:, 2:])), X),
    "complex matrices": Case(
        lambda x, y: parts_of((z_of(x) @ z_of(y).mH).sum(0, keepdim=True) + (z_of(x)[None] @ z_of(y).mT[None])[0]
                              .mean() + torch.where(x[:3, :3] > 0, z_of(x) @ z_of(y).mH, 2j)), XX),
    "triangular systems": Case(
        lambda a, b: torch.linalg.solve_triangular(a + 3 * eye(b), b, upper=True)
        + torch.linalg.solve_triangular(a + 3 * eye(b), b.mT, upper=False, left=False).mT
        + torch.triangular_solve(b, a + 3 * eye(b), transpose=True)[0], ((3, 3), (3, 2))),
    "Cholesky": Case(
        lambda a, b: torch.linalg.cholesky(a @ a.mT + eye(b)) + torch.cholesky(a @ a.mT + eye(b), upper=True)
        + torch.cholesky_solve(b, a.tril() + 2 * eye(b)) + torch.cholesky_inverse(a.tril() + 2 * eye(b)),
        ((3, 3), (3, 3))),
    "LU": Case(
        lambda a, b: sum(torch.linalg.lu(a)[1:]) + torch.lu_solve(b, *torch.linalg.lu_factor(a))
        + torch.linalg.lu_solve(*torch.linalg.lu_factor(a), b, left=False, adjoint=True), ((2, 3, 3), (2, 3, 3))),
    "systems": Case(
        lambda a, b: torch.linalg.solve(a, b) + torch.linalg.inv(a) + torch.linalg.solve(a, b[..., 0])[..., None]
        + torch.linalg.pinv(a[..., :2]).mT.sum(-1, keepdim=True), ((2, 3, 3), (2, 3, 3))),
    "determinants": Case(lambda a: a * torch.linalg.det(a.detach()) + torch.linalg.slogdet(a)[1], ((3, 3),)),
    "reduced where scattered": Case(
        lambda x, y: sum(x.scatter_reduce(1, INDEX, y[:, :2], r, include_self=s) for r, s in (
            ("sum", True), ("mean", True), ("amax", False), ("amin", True)))
        + x.index_reduce(1, torch.tensor([0, 2, 2]), y[:, 1:], "mean") + x.put(INDEX, y[:, :2], accumulate=True), XX),
    "masks": Case(
        lambda x, y: x.masked_scatter(torch.eye(3, 4) > 0, y) + x.masked_select(torch.eye(3, 4) > 0).sum()
        + torch.logaddexp2(x, y), XX),
    "copies": Case(lambda x: torch.stack(torch.ops.aten.unbind_copy(torch.narrow_copy(torch.view_copy(
        torch.permute_copy(torch.as_strided_copy(x, (3, 2), (4, 1)), (1, 0)), (6,)), 0, 1, 4))).sum() * x, X),
    "running statistics": Case(
        lambda x: F.batch_norm(x, torch.zeros(4, dtype=x.dtype), torch.ones(4, dtype=x.dtype), training=True), X),
    "QR": Case(
        lambda a: torch.linalg.qr(a)[0] + torch.linalg.qr(a)[1] + torch.linalg.qr(a[:2])[1].sum(0), ((3, 3),)),
    "Fourier": Case(
        lambda x: parts_of(torch.fft.fft2(z_of(x)) + torch.fft.ifft(z_of(x), norm="ortho"))
        + torch.fft.irfft(torch.fft.rfft(x) * torch.fft.rfft(x.flip(1)).conj()) + torch.fft.irfft(z_of(x), 3).sum()
        + parts_of(torch.fft.fft(x)[:, :2]) + torch.fft.hfft(z_of(x), 2).sum(), X),
    **{f.__name__: Case(f, X, lambda x: x.abs() + 0.5) for f in (torch.lgamma, torch.special.erfcx, torch.i0)},
    **{f.__name__: Case(f, X) for f in (
        torch.special.i0e, torch.special.i1, torch.special.i1e, torch.frac, F.hardshrink, F.softshrink)},
    "digamma": Case(lambda x: torch.digamma(x.detach().abs() + 0.5) * x, X),
    "polygamma": Case(lambda x: torch.polygamma(2, x.abs() + 1) + torch.polygamma(3, x - 5.3), X),
    "erfinv": Case(lambda x: torch.erfinv(0.9 * x.tanh()) + torch.special.ndtri(x.sigmoid()), X),
    "steps": Case(lambda x: x * (x.floor() + x.ceil() + x.trunc() + x.round() + (3 * x).round(decimals=1)), X),
    "remainders": Case(lambda x, y: x.remainder(y) + 2 * x.fmod(y) + torch.remainder(x, 0.7), XX),
    "rounded quotients": Case(
        lambda x, y: x * y * (torch.div(x, y, rounding_mode="floor") + torch.div(x, y, rounding_mode="trunc")
                          + torch.floor_divide(x.detach(), y.detach())), XX),
    "copysign": Case(lambda x, y: torch.copysign(x, y) * x.sgn() + x.angle() * y, XX),
    "index from numbers": Case(lambda x: x[:, (x[0].sigmoid() * 4).long()], X),
    "logcumsumexp": Case(lambda x: x.detach().logcumsumexp(1) * x, X),
    "cummax": Case(lambda x: x.cummax(1)[0] + x.cummin(0)[0], X),
    "topk": Case(lambda x: x.topk(2)[0] + x.topk(2, largest=False)[0], X),
    "median": Case(lambda x: x.median() + x.nanmedian() + x.median(1)[0] + x.nanmedian(0)[0].sum()
                   + x.kthvalue(2, 1)[0], X),
    "number without axes": Case(
        lambda x: x.cumsum(0) + x.max(0)[0] + x.sort(0)[0] + x.gather(0, torch.tensor(0)) + x.unfold(0, 1, 1)[0],
        ((),)),
    "addbmm": Case(lambda x, a, b: torch.addbmm(x, a, b, beta=2, alpha=3), ((3, 2), (2, 3, 4), (2, 4, 2))),
    "bilinear": Case(F.bilinear, ((3, 4), (3, 2), (5, 4, 2))),
    "ldexp": Case(lambda x: torch.ldexp(x, torch.tensor([1.0, -2.0, 0.0, 3.0]).to(x)), X),
    "swapped": Case(lambda x: torch.ops.aten.transpose(x, 0, 1) * 2, X),
    "constants": Case(
        lambda x: x * torch.full_like(x, 0.1) + torch.zeros_like(x) + torch.ones(3, 4, dtype=x.dtype)
        + x.new_full((3, 4), 0.5) + torch.full((3, 1), 0.3, dtype=x.dtype), X),
}  # fmt: skip


def inputs(case: Case, dtype: torch.dtype, seed: int = 0) -> list[torch.Tensor]:
    """The inputs of a case."""
    generator = torch.Generator().manual_seed(seed)
    return [case.of(torch.randn(shape, dtype=dtype, generator=generator)) for shape in case.shapes]
