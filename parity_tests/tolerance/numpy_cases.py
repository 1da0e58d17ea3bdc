"""Calls of NumPy's functions, each with torch's and, where NumPy has none for balls, the exact one."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from flint import arb


def by(name: str) -> Callable[[Any], Any]:
    """A method of every ball."""
    return lambda x: np.vectorize(lambda v: getattr(v, name)(), otypes=[object])(x)


def variance(x: Any, ddof: int, **how: Any) -> Any:
    how = {"axis": None, "keepdims": False} | how
    gap = x - x.mean(axis=how["axis"], keepdims=True)
    total = (gap * gap).sum(**how)
    return total / (x.size // np.size(total) - ddof)


def root(x: Any) -> Any:
    return by("sqrt")(np.asarray(x, dtype=object))


class Case(NamedTuple):
    """NumPy's function; torch's; the exact one, if another; and from where the numbers are drawn."""

    numpy: Callable[..., Any]
    torch: Callable[..., Any] | None = None
    exact: Callable[..., Any] | None = None
    low: float = -2
    high: float = 2
    arrays: int = 1


POSITIVE = {"low": 0.3, "high": 3}
INSIDE = {"low": -0.9, "high": 0.9}
LOG_2, LOG_10 = (lambda: arb(2).log()), (lambda: arb(10).log())


SUMS = {
    "mean": Case(np.mean, torch.mean),
    "mean of rows": Case(lambda x: x.mean(axis=1, keepdims=True), lambda t: t.mean(dim=1, keepdim=True)),
    "mean of two axes": Case(lambda x: np.mean(x, axis=(0, -1)), lambda t: t.mean(dim=(0, 1))),
    "var": Case(np.var, lambda t: t.var(correction=0), lambda x: variance(x, 0)),
    "var of rows": Case(
        lambda x: x.var(axis=-1, keepdims=True, ddof=1),
        lambda t: t.var(dim=-1, keepdim=True),
        lambda x: variance(x, 1, axis=-1, keepdims=True),
    ),
    "var far from 0": Case(lambda x: x.var(axis=0), None, lambda x: variance(x, 0, axis=0), low=100, high=103),
    "std": Case(
        lambda x: np.std(x, axis=0), lambda t: t.std(dim=0, correction=0), lambda x: root(variance(x, 0, axis=0))
    ),
    "average": Case(np.average, torch.mean),
    "weighted average": Case(
        lambda x: np.average(x, axis=1, weights=np.array([1, 2, 3, 4])),
        None,
        lambda x: (x * np.array([1, 2, 3, 4])).sum(axis=1) / 10,
    ),
    "sum of two axes": Case(lambda x: np.sum(x, axis=(0, 1)), torch.sum),
    "cumsum": Case(lambda x: np.cumsum(x, axis=1), lambda t: t.cumsum(dim=1)),
    "cumsum of all": Case(lambda x: x.cumsum(), lambda t: t.flatten().cumsum(0)),
    "prod": Case(np.prod, torch.prod),
    "prod of columns": Case(lambda x: x.prod(axis=0, keepdims=True), lambda t: t.prod(dim=0, keepdim=True)),
    "cumprod": Case(lambda x: np.cumprod(x, axis=1), lambda t: t.cumprod(dim=1)),
    "trace": Case(lambda x: np.trace(x[:, :3]), lambda t: t[:, :3].trace()),
    "norm": Case(np.linalg.norm, torch.linalg.norm, lambda x: root((x * x).sum())),
    "norm of rows": Case(
        lambda x: np.linalg.norm(x, axis=1, keepdims=True),
        lambda t: torch.linalg.vector_norm(t, dim=1, keepdim=True),
        lambda x: root((x * x).sum(axis=1, keepdims=True)),
    ),
    "norm 1": Case(
        lambda x: np.linalg.norm(x, ord=1, axis=1), lambda t: t.norm(p=1, dim=1), lambda x: abs(x).sum(axis=1)
    ),
    "norm ∞": Case(
        lambda x: np.linalg.norm(x, ord=np.inf, axis=1), lambda t: t.abs().amax(1), lambda x: abs(x).max(axis=1)
    ),
    "add.reduce": Case(np.add.reduce, lambda t: t.sum(0)),
    "add.accumulate": Case(np.add.accumulate, lambda t: t.cumsum(0)),
    "multiply.reduce": Case(lambda x: np.multiply.reduce(x, axis=1), lambda t: t.prod(1)),
}
PRODUCTS = {
    "einsum": Case(lambda x, y: np.einsum("ij,kj->ik", x, y), lambda t, s: torch.einsum("ij,kj->ik", t, s), arrays=2),
    "einsum, implicit": Case(lambda x, y: np.einsum("ij,ij", x, y), lambda t, s: (t * s).sum(), arrays=2),
    "einsum of one": Case(lambda x: np.einsum("ij->j", x), lambda t: t.sum(0)),
    "einsum of three": Case(
        lambda x, y, z: np.einsum("ij,kj,kl->il", x, y, z, optimize=True),
        lambda t, s, r: t @ s.T @ r,
        lambda x, y, z: x @ y.T @ z,
        arrays=3,
    ),
    "einsum that factors": Case(lambda x, y: np.einsum("ij,kl->ik", x, y), None, arrays=2),
    "einsum by numbers": Case(lambda x, y: np.einsum(x, [0, 1], y, [2, 1], [0, 2]), lambda t, s: t @ s.T, arrays=2),
    "tensordot": Case(
        lambda x, y: np.tensordot(x, y, axes=(1, 1)),
        lambda t, s: torch.tensordot(t, s, dims=([1], [1])),  # pyright: ignore[reportArgumentType]
        arrays=2,
    ),
    "inner": Case(np.inner, torch.inner, arrays=2),
    "outer": Case(np.outer, lambda t, s: torch.outer(t.ravel(), s.ravel()), arrays=2),
    "vdot": Case(np.vdot, lambda t, s: torch.vdot(t.ravel(), s.ravel()), lambda x, y: (x * y).sum(), arrays=2),
    "dot": Case(lambda x, y: x.dot(y.T), lambda t, s: t @ s.T, arrays=2),
    "matmul": Case(lambda x, y: np.matmul(x.T, y), lambda t, s: t.T @ s, arrays=2),
    "vecdot": Case(np.vecdot, torch.linalg.vecdot, lambda x, y: (x * y).sum(axis=-1), arrays=2),
    "multiply.outer": Case(np.multiply.outer, lambda t, s: t[:, :, None, None] * s, arrays=2),
    "subtract.outer": Case(np.subtract.outer, lambda t, s: t[:, :, None, None] - s, arrays=2),
    "diff": Case(lambda x: np.diff(x, axis=1), lambda t: t.diff(dim=1)),
}
FUNCTIONS = {
    "exp": Case(np.exp, torch.exp),
    "log": Case(np.log, torch.log, **POSITIVE),
    "log1p": Case(np.log1p, torch.log1p, low=-0.7),
    "expm1": Case(np.expm1, torch.expm1),
    "tanh": Case(np.tanh, torch.tanh),
    "sin": Case(np.sin, torch.sin),
    "cos": Case(np.cos, torch.cos),
    "sinh": Case(np.sinh, torch.sinh),
    "cosh": Case(np.cosh, torch.cosh),
    "negative": Case(np.negative, torch.negative),
    "multiply": Case(np.multiply, torch.multiply, arrays=2),
    "divide": Case(np.divide, torch.divide, arrays=2, **POSITIVE),
    "product with a quotient": Case(lambda x, y, z: x * (y / z), lambda t, s, r: (t * s) / r, arrays=3, **POSITIVE),
    "reciprocal of 1 + x²": Case(lambda x: 1 / (1 + x * x), lambda t: 1 / (1 + t.square())),
    "square": Case(np.square, torch.square),
    "reciprocal": Case(np.reciprocal, torch.reciprocal, **POSITIVE),
    "power 2": Case(lambda x: np.power(x, 2), lambda t: t.pow(2)),
    "power 3": Case(lambda x: x**3, lambda t: t**3),
    "power 1.5": Case(lambda x: x**1.5, lambda t: t**1.5, **POSITIVE),
    "power of another": Case(lambda x, y: x**y, lambda t, s: t**s, arrays=2, **POSITIVE),
    "power of 2": Case(lambda x: 2**x, lambda t: 2**t, lambda x: by("exp")(x * LOG_2())),
    "powers": Case(lambda x: x ** np.array([0, 1, 2, 3]), lambda t: t ** torch.arange(4)),
    "exp2": Case(np.exp2, torch.exp2, lambda x: by("exp")(x * LOG_2())),
    "log2": Case(np.log2, torch.log2, lambda x: by("log")(x) / LOG_2(), **POSITIVE),
    "log10": Case(np.log10, torch.log10, lambda x: by("log")(x) / LOG_10(), **POSITIVE),
    "logaddexp": Case(np.logaddexp, torch.logaddexp, lambda x, y: by("log")(by("exp")(x) + by("exp")(y)), arrays=2),
    "tan": Case(np.tan, torch.tan, by("tan"), low=-1.2, high=1.2),
    "arcsin": Case(np.arcsin, torch.arcsin, by("asin"), **INSIDE),  # pyright: ignore
    "arccos": Case(np.arccos, torch.arccos, by("acos"), **INSIDE),  # pyright: ignore
    "arctan": Case(np.arctan, torch.arctan, by("atan")),
    "arcsinh": Case(np.arcsinh, torch.arcsinh, by("asinh")),
    "arccosh": Case(np.arccosh, torch.arccosh, by("acosh"), low=1.2, high=4),
    "arctanh": Case(np.arctanh, torch.arctanh, by("atanh"), **INSIDE),  # pyright: ignore
    "hypot": Case(np.hypot, torch.hypot, lambda x, y: root(x * x + y * y), arrays=2),
    "arctan2": Case(
        np.arctan2, torch.arctan2, np.vectorize(lambda y, x: arb.atan2(y, x), otypes=[object]), arrays=2, **POSITIVE
    ),
    "cbrt": Case(np.cbrt, None, lambda x: np.vectorize(lambda v: v.root(3), otypes=[object])(x), **POSITIVE),
    "sqrt": Case(np.sqrt, torch.sqrt, **POSITIVE),
    "root of a square": Case(lambda x: np.sqrt(x**2), lambda t: t.square().sqrt(), abs),
    "fabs": Case(np.fabs, torch.abs, abs),
    "abs": Case(abs, abs),
    "positive": Case(np.positive, torch.positive),
    "log of softmax": Case(
        lambda x: x - np.log(np.exp(x).sum(axis=1, keepdims=True)), lambda t: t - t.logsumexp(1, keepdim=True)
    ),
}
CHOICES = {
    "max": Case(np.max, torch.max),
    "max of rows": Case(lambda x: x.max(axis=1, keepdims=True), lambda t: t.amax(1, keepdim=True)),
    "amin": Case(lambda x: np.amin(x, axis=(0, 1)), torch.min),
    "ptp": Case(lambda x: np.ptp(x, axis=0), lambda t: t.amax(0) - t.amin(0)),
    "maximum": Case(lambda x: np.maximum(x, 0), lambda t: t.clamp(min=0)),
    "minimum": Case(np.minimum, torch.minimum, arrays=2),
    "maximum.reduce": Case(np.maximum.reduce, lambda t: t.amax(0)),
    "maximum.accumulate": Case(lambda x: np.maximum.accumulate(x, axis=1), lambda t: t.cummax(dim=1).values),
    "clip": Case(lambda x: np.clip(x, -1, 0.1), lambda t: t.clamp(-1, 0.1), lambda x: np.clip(x, arb(-1), arb(0.1))),  # pyright: ignore
    "sort": Case(lambda x: np.sort(x, axis=1), lambda t: t.sort(dim=1).values),
    "median": Case(lambda x: np.median(x, axis=1), None, lambda x: np.sort(x, axis=1)[:, 1:3].sum(axis=1) / 2),
    "median of 3": Case(
        lambda x: np.median(x, axis=0), lambda t: t.median(dim=0).values, lambda x: np.sort(x, axis=0)[1]
    ),
    "where": Case(
        lambda x, y: np.where(np.arange(4) % 2, x, y), lambda t, s: torch.where(torch.arange(4) % 2 > 0, t, s), arrays=2
    ),
    "select": Case(lambda x, y: np.select([np.arange(4) > 2, np.arange(4) > 1], [x, y]), None, arrays=2),
}
MOVES = {
    "concatenate": Case(lambda x, y: np.concatenate([x, y], axis=1), lambda t, s: torch.cat([t, s], 1), arrays=2),
    "stack": Case(lambda x, y: np.stack((x, y), axis=-1), lambda t, s: torch.stack((t, s), -1), arrays=2),
    "hstack": Case(lambda x, y: np.hstack([x, y]), lambda t, s: torch.hstack([t, s]), arrays=2),
    "vstack": Case(lambda x, y: np.vstack([x, y]), lambda t, s: torch.vstack([t, s]), arrays=2),
    "column_stack": Case(lambda x: np.column_stack([x[:, 0], x[:, 1]])),
    "append": Case(lambda x, y: np.append(x, y, axis=0), arrays=2),
    "split": Case(lambda x: np.split(x, 2, axis=1)[1], lambda t: t[:, 2:]),
    "array_split": Case(lambda x: np.array_split(x, 3, axis=-1)[0], lambda t: t[:, :2]),
    "swapaxes": Case(lambda x: np.swapaxes(x, 0, 1), lambda t: t.T),
    "moveaxis": Case(lambda x: np.moveaxis(x, 0, -1), lambda t: t.T),
    "transpose": Case(lambda x: np.transpose(x, (-1, 0)), lambda t: t.T),
    "expand_dims": Case(lambda x: np.expand_dims(x, (0, 2)), lambda t: t[None, :, None]),
    "squeeze": Case(lambda x: x[:, None].squeeze(1)),
    "ravel": Case(np.ravel, torch.ravel),
    "flatten": Case(lambda x: x.flatten(), torch.flatten),
    "reshape": Case(lambda x: np.reshape(x, (2, -1)), lambda t: t.reshape(2, -1)),
    "reshape, F": Case(lambda x: x.reshape(4, 3, order="F")),
    "broadcast_to": Case(lambda x: np.broadcast_to(x, (2, 3, 4)), lambda t: t.expand(2, 3, 4)),
    "tile": Case(lambda x: np.tile(x, (2, 1)), lambda t: t.tile(2, 1)),
    "repeat": Case(lambda x: x.repeat(2, axis=0), lambda t: t.repeat_interleave(2, dim=0)),
    "roll": Case(lambda x: np.roll(x, 1, axis=0), lambda t: t.roll(1, 0)),
    "flip": Case(lambda x: np.flip(x, axis=1), lambda t: t.flip(1)),
    "rot90": Case(np.rot90, torch.rot90),
    "take": Case(lambda x: np.take(x, [2, 0], axis=1), lambda t: t[:, [2, 0]]),
    "take_along_axis": Case(lambda x: np.take_along_axis(x, np.array([[0], [2], [1]]), axis=1)),
    "pad": Case(lambda x: np.pad(x, ((1, 0), (0, 2))), lambda t: torch.nn.functional.pad(t, (0, 2, 1, 0))),
    "pad with numbers": Case(lambda x: np.pad(x, 1, constant_values=3)),
    "pad, reflected": Case(lambda x: np.pad(x, 1, mode="reflect")),
    "triu": Case(np.triu, torch.triu),
    "tril": Case(lambda x: np.tril(x, -1), lambda t: t.tril(-1)),
    "diagonal": Case(np.diagonal, torch.diagonal),
    "diag": Case(lambda x: np.diag(x[0]), lambda t: t[0].diag()),
    "copy": Case(np.copy, torch.clone),
    "windows": Case(lambda x: np.lib.stride_tricks.sliding_window_view(x, (2, 2))),
    "rows": Case(lambda x: np.stack([2 * row for row in x])),
    "a mask": Case(lambda x: x[np.arange(3) > 0], lambda t: t[1:]),
    "an index": Case(lambda x: x[[2, 0], [1, 3]], lambda t: t[[2, 0], [1, 3]]),
    "products with eye": Case(lambda x: np.eye(3, dtype=getattr(x, "dtype", None) if x.dtype != object else int) @ x),
}
KINDS = {"sums": SUMS, "products": PRODUCTS, "functions": FUNCTIONS, "choices": CHOICES, "moves": MOVES}
