"""What NumPy code calls on `Bounded`: every function is evaluated by NumPy and by torch, and neither errs by more
than it says.

The truth is NumPy's own function on balls, in an object array, or where NumPy has none for objects the formula beside
it. The value that `Bounded` is given, and the numbers that NumPy and torch are given, all lie within the error of the
exact number.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import flint
import numpy as np
import pytest
import torch

from manual import Undecided
from torch_ref.tolerance.bounded import Bounded
from torch_ref.tolerance.numpy_functions import RULES

DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])
arb = flint.arb


@pytest.fixture(autouse=True)
def precision():
    with flint.ctx.workprec(300):
        yield


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
        lambda t, s: torch.tensordot(t, s, dims=([1], [1])),
        arrays=2,  # pyright: ignore
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
CASES = SUMS | PRODUCTS | FUNCTIONS | CHOICES | MOVES
EACH = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


def roundoff(dtype):
    return float(np.finfo(dtype).eps) / 2


def balls(array):
    return np.vectorize(lambda v: arb(float(v)), otypes=[object])(array)


def drawn(case, dtype, rng, spread):
    """For each array: what `Bounded` is given, its error, the exact numbers, and what NumPy and torch are given."""
    for _ in range(case.arrays):
        value = rng.uniform(case.low, case.high, (3, 4)).astype(dtype)
        if not spread:
            yield value, 0, balls(value), value
            continue
        error = (spread * rng.uniform(0.1, 1, value.shape)).astype(dtype).astype(np.float64)
        truth = balls(value) + balls(error) * rng.choice([-1, 1, 0.5], value.shape)
        other = (np.vectorize(float)(truth) + error * rng.choice([-0.99, 0.99, 0.5], value.shape)).astype(dtype)
        yield value, error, truth, other


def distance(evaluation, truth):
    """|evaluation − truth|, as floats that are not too small."""
    pairs = zip(np.ravel(evaluation), np.ravel(truth), strict=True)
    return np.array([float(abs(arb(float(value)) - exact).upper()) for value, exact in pairs]).reshape(
        np.shape(evaluation)
    )


@EACH
@DTYPES
@pytest.mark.parametrize("spread", [0, 1e-3], ids=["exact", "with errors"])
def test_numpy_and_torch_lie_within_the_error_and_it_is_not_far_from_the_worst(case, dtype, spread, rng):
    worst, bounds, scale = 0, [], 0
    for _ in range(10):
        values, errors, truths, others = zip(*drawn(case, dtype, rng, spread), strict=True)
        bounded = case.numpy(*(Bounded(v, dtype, e) for v, e in zip(values, errors, strict=True)))
        truth = (case.exact or case.numpy)(*truths)
        evaluations = [case.numpy(*values), case.numpy(*others), bounded.value]
        if case.torch is not None:
            evaluations += [case.torch(*map(torch.tensor, arrays)).numpy() for arrays in (values, others)]
        assert bounded.dtype == dtype
        assert np.isfinite(bounded.error).all()
        for evaluation in evaluations:
            assert np.shape(evaluation) == bounded.shape == np.shape(truth)
            assert np.asarray(evaluation).dtype in (dtype, np.float64)
            gap = distance(evaluation, truth)
            assert (gap <= bounded.error).all()
            worst = max(worst, gap.max())
        bounds.append(bounded.error.max())
        scale = max(scale, np.abs(bounded.value).max(), *(np.abs(v).max() for v in values))
    assert max(bounds) <= 12 * worst + 100 * roundoff(dtype) * scale**2


# -------------------------------------------------------------------- the surface

METHODS = {
    "sum": {"axis": 1}, "mean": {"axis": 0, "keepdims": True}, "var": {"ddof": 1}, "std": {"axis": 1},
    "prod": {"axis": 1},
    "cumsum": {"axis": 1}, "cumprod": {"axis": 0}, "max": {"axis": 1}, "min": {"axis": 0}, "argmax": {"axis": 1},
    "argmin": {},
    "argsort": {"axis": 0}, "any": {"axis": 1}, "all": {}, "ravel": {}, "squeeze": {}, "diagonal": {}, "trace": {},
    "nonzero": {}, "copy": {}, "transpose": {},
}  # fmt: skip
WITH_ARGUMENTS = {
    "clip": (-1, 1),
    "swapaxes": (0, 1),
    "reshape": ((4, 3),),
    "take": ([1, 0],),
    "repeat": (2,),
    "dot": (np.ones(4),),
}


def assert_same(x, y):
    for part in ("value", "error"):
        a, b = (np.asarray(getattr(v, part, v)) for v in (x, y))
        np.testing.assert_array_equal(a, b)


@DTYPES
@pytest.mark.parametrize("name", [*METHODS, *WITH_ARGUMENTS])
def test_a_method_is_numpy_s_function(dtype, name, rng):
    x = Bounded(rng.standard_normal((3, 4)).astype(dtype), dtype, 1e-4)
    how, options = WITH_ARGUMENTS.get(name, ()), METHODS.get(name, {})
    assert_same(getattr(x, name)(*how, **options), getattr(np, name)(x, *how, **options))


COMMON = [
    "sum", "mean", "var", "std", "average", "prod", "cumsum", "cumprod", "max", "min", "amax", "amin", "ptp",
    "argmax", "argmin", "sort", "argsort", "median", "concatenate", "stack", "hstack", "vstack", "dstack",
    "column_stack", "append", "split", "array_split", "hsplit", "vsplit", "clip", "minimum", "maximum", "einsum",
    "tensordot", "inner", "outer", "matmul", "dot", "vdot", "trace", "swapaxes", "moveaxis", "transpose",
    "expand_dims", "squeeze", "ravel", "reshape", "broadcast_to", "broadcast_arrays", "tile", "repeat", "roll",
    "flip", "fliplr", "flipud", "rot90", "take", "take_along_axis", "put_along_axis", "pad", "where", "abs", "sign",
    "square", "reciprocal", "power", "sqrt", "cbrt", "exp", "exp2", "log", "log2", "log10", "logaddexp", "expm1",
    "log1p", "sin", "cos", "tan", "sinh", "cosh", "tanh", "arcsin", "arccos", "arctan", "arcsinh", "arccosh",
    "arctanh", "arctan2", "hypot", "negative", "positive", "zeros_like", "ones_like", "full_like", "empty_like",
    "copy", "isnan", "isfinite", "isinf", "any", "all", "count_nonzero", "nonzero", "nan_to_num", "triu", "tril",
    "diagonal", "diag", "size", "shape", "ndim", "add", "subtract", "multiply", "divide", "true_divide", "greater",
    "greater_equal", "less", "less_equal", "equal", "not_equal", "logical_not", "logical_and", "logical_or",
    "isclose", "allclose", "array_equal", "diff", "floor", "ceil", "rint", "trunc", "round", "copysign",
    "heaviside", "fabs", "select", "meshgrid", "delete", "atleast_1d", "atleast_2d", "copyto", "fill_diagonal",
    "real", "conjugate", "correlate", "convolve",
]  # fmt: skip


def test_what_numpy_code_calls_has_a_rule():
    assert [name for name in COMMON if getattr(np, name) not in RULES] == []
    assert np.linalg.norm in RULES


REFUSED: dict[str, Callable[[Any], Any]] = {
    "inv": np.linalg.inv, "fft": np.fft.fft, "floor_divide": lambda x: np.floor_divide(x, 2),
    "percentile": lambda x: np.percentile(x, 3), "reduceat": lambda x: np.add.reduceat(x, [0, 1]),
    "divide.reduce": np.divide.reduce, "pad by means": lambda x: np.pad(x, 1, mode="mean"),
    "another dtype": lambda x: np.mean(x, dtype=np.float64), "sum where": lambda x: np.sum(x, where=np.eye(2) > 0),
    "initial": lambda x: np.max(x, initial=0), "add where": lambda x: np.add(x, 1, where=np.eye(2) > 0),
    "out of floats": lambda x: np.add(x, 1, out=np.zeros((2, 2))), "mean out": lambda x: np.mean(x, 0, out=np.zeros(2)),
    "at floats": lambda x: np.add.at(np.zeros(2), [0], x), "float": lambda x: float(x[0, 0]),
    "an element of floats": lambda x: np.zeros(3).__setitem__(0, x[0, 0]),
    "copyto floats": lambda x: np.copyto(np.zeros((2, 2)), x),
    "a row of floats": lambda x: np.zeros((3, 2)).__setitem__(0, x[0]),
    "asarray": lambda x: np.asarray(x, dtype=np.float64),
    "in place on floats": lambda x: np.zeros((2, 2)).__iadd__(x), "astype": lambda x: x.astype(np.float64),
    "a spectral norm": lambda x: np.linalg.norm(x, ord=2), "decimals": lambda x: np.round(x, 2),
}  # fmt: skip


@pytest.mark.parametrize("call", REFUSED.values(), ids=REFUSED)
def test_what_has_no_rule_is_refused(call):
    with pytest.raises((TypeError, ValueError)):  # NumPy's own is a ValueError, where one element is assigned
        call(Bounded(np.eye(2), np.float32))


def test_the_error_names_the_function_and_where_a_rule_belongs():
    x: Any = Bounded(np.eye(2), np.float32)
    with pytest.raises(TypeError, match=r"numpy\.linalg\.inv .* torch_ref/tolerance/sums\.py"):
        np.linalg.inv(x)
    with pytest.raises(TypeError, match=r"numpy\.add\.reduceat"):
        np.add.reduceat(x, [0, 1])


# -------------------------------------------------------------------- decisions


def test_an_index_is_decided_or_raises():
    x: Any = Bounded([[1.0, 3, 2], [5, 4, 6]], np.float64, 0.1)
    near: Any = Bounded([1.0, 1.1], np.float64, 0.1)
    np.testing.assert_array_equal(x.argmax(axis=1), [1, 2])
    np.testing.assert_array_equal(x.argmin(axis=0, keepdims=True), [[0, 0, 0]])
    assert np.argmax(x) == 5
    np.testing.assert_array_equal(np.argsort(x), [[0, 2, 1], [1, 0, 2]])
    for decide in (np.argmax, np.argmin, np.argsort):
        with pytest.raises(Undecided):
            decide(near)
    tie: Any = Bounded([2.0, 1, 2], np.float64)
    assert tie.argmax() == 0
    np.testing.assert_array_equal(np.argsort(tie, kind="stable"), [1, 0, 2])
    with pytest.raises(Undecided):
        np.argsort(tie)


def test_a_sorted_array_whose_order_is_open_takes_the_largest_error():
    x: Any = Bounded([3.0, 1, 2], np.float64, [0.1, 0.2, 0.01])
    np.testing.assert_array_equal(np.sort(x).error, [0.2, 0.01, 0.1])  # pyright: ignore
    near: Any = Bounded([1.2, 1, 2], np.float64, [0.1, 0.2, 0.01])
    np.testing.assert_array_equal(np.sort(near).value, [1, 1.2, 2])  # pyright: ignore
    np.testing.assert_array_equal(np.sort(near).error, [0.2, 0.2, 0.2])  # pyright: ignore
    near.sort()
    np.testing.assert_array_equal(near.value, [1, 1.2, 2])


@pytest.mark.parametrize("f", [np.sign, np.floor, np.ceil, np.rint, np.trunc], ids=lambda f: f.__name__)
def test_a_jump_is_decided_or_raises(f):
    values = np.array([-2.3, -0.2, 0.2, 1.7])
    found: Any = f(Bounded(values, np.float64, 0.05))
    np.testing.assert_array_equal(found.value, f(values))
    assert not found.error.any()
    with pytest.raises(Undecided):
        f(Bounded([-0.01, 0.49, 0.99], np.float64, 0.05))


def test_truths_are_decided_or_raise():
    parts: Any = [Bounded([[1.0, 0], [0, 0]], np.float64), Bounded([[2.0, -3]], np.float64, 0.1)]
    sure: Any = np.concatenate(parts)
    open_: Any = Bounded([1e-9], np.float64, 1e-8)
    np.testing.assert_array_equal(np.any(sure, axis=1), [True, False, True])
    np.testing.assert_array_equal(sure.all(axis=1), [False, False, True])
    assert np.count_nonzero(sure) == 3
    np.testing.assert_array_equal(np.logical_not(sure)[0], [False, True])
    np.testing.assert_array_equal(np.where(sure)[0], [0, 2, 2])
    np.testing.assert_array_equal(np.where(sure, sure, 7).value, [[1, 7], [7, 7], [2, -3]])  # pyright: ignore
    np.testing.assert_array_equal(sure[sure > 0].value, [1, 2])
    for decide in (np.any, np.all, np.count_nonzero, np.logical_not, np.nonzero, lambda x: np.where(x, 1.0, 0.0)):
        with pytest.raises(Undecided):
            decide(open_)


def test_what_may_overflow_is_neither_finite_nor_not():
    largest = float(np.finfo(np.float64).max)
    x: Any = Bounded([1.0, np.inf, np.nan], np.float64)
    for f in (np.isfinite, np.isinf, np.isnan):
        np.testing.assert_array_equal(f(x), f(x.value))
        with np.errstate(over="ignore"), pytest.raises(Undecided):
            f(Bounded([largest], np.float64) * 2)
    assert np.isfinite(x[:1] * 3).all()


# -------------------------------------------------------------------- the edges of sums and products


@DTYPES
def test_a_mean_is_the_sum_divided_however_it_is_written(dtype, rng):
    x: Any = Bounded(rng.standard_normal((3, 4)).astype(dtype), dtype, 1e-4)
    forms = [
        x.mean(axis=1),
        np.mean(x, 1),
        x.sum(axis=1) / 4,
        np.add.reduce(x, axis=-1) / x.shape[1],
        np.average(x, axis=1),
    ]
    for form in forms[1:]:
        assert_same(form, forms[0])


@DTYPES
def test_the_beginnings_of_a_sum_err_by_their_own_number_of_terms(dtype):
    ones, u = np.ones(100), roundoff(dtype)
    m = np.arange(100)
    np.testing.assert_allclose(np.cumsum(Bounded(ones, dtype)).error, m * u / (1 - m * u) * (m + 1), rtol=1e-12)  # pyright: ignore
    np.testing.assert_allclose(np.cumprod(Bounded(ones, dtype)).error, m * u / (1 - m * u), rtol=1e-12)  # pyright: ignore


def test_a_product_that_underflows_or_overflows_in_some_order_says_so():
    tiny, t = Bounded([1e-200, 1e-200, 1e200, 1e100], np.float64), float(np.finfo(np.float64).smallest_normal)
    assert t * 1e300 <= np.prod(tiny).error  # pyright: ignore
    assert np.isinf(np.prod(Bounded([1e200, 1e-200, 1e200], np.float64)).error)  # pyright: ignore
    assert not np.prod(Bounded([0.0, 3, 5], np.float64)).error  # pyright: ignore
    three = [Bounded([v], np.float64) for v in (1e-200, 1e-200, 1e200)]
    assert t * 1e200 <= np.einsum("i,i,i", *three).error  # pyright: ignore


def test_the_variance_of_what_is_constant_has_a_root(rng):
    """Exactly 0, and a rounding error in any evaluation: squares are never negative."""
    x: Any = Bounded(np.full(5, 0.1), np.float64)
    assert np.isfinite(x.std().error)
    norm: Any = np.linalg.norm(x - x.mean())
    assert np.isfinite(norm.error)
    assert np.isfinite(np.sqrt(np.einsum("i,i", *[x - x.mean()] * 2)).error)
    assert np.isfinite(np.sqrt(((x - x.mean()) ** 2).mean()).error)
    assert np.isfinite(np.sqrt(np.maximum(x - x.mean(), 0)).error).all()
    assert np.isinf(np.sqrt((x * x).mean() - x.mean() ** 2).error)


def test_an_exponent_that_float32_rounds_carries_that_error():
    x = np.array([1e30, 1e-30], dtype=np.float32)
    truth = balls(x) ** arb(1 / 3)
    bounded: Any = Bounded(x, np.float32) ** (1 / 3)
    assert (distance(x ** (1 / 3), truth) <= bounded.error).all()
    assert (np.abs(np.float64(x) ** float(np.float32(1 / 3)) - np.float64(x) ** (1 / 3)) <= bounded.error).all()
    zero: Any = Bounded([0.0], np.float32) ** 0.1
    assert zero.value == zero.error == 0


def test_joined_sums_stay_open_and_what_is_exact_stays_exact():
    x: Any = Bounded(np.ones((2, 3)), np.float64)
    sums = x.sum(axis=1)
    assert_same(np.concatenate([sums, sums]) + 1, np.concatenate([sums + 1, sums + 1]))
    mixed: Any = np.concatenate([sums, x[0]])
    np.testing.assert_array_equal(mixed.error, [*sums.error, 0, 0, 0])
    exact: Any = np.stack([x, np.ones((2, 3))])
    assert not exact.error.any()


# -------------------------------------------------------------------- in place

VIEWS = {
    "swapaxes": lambda a: np.swapaxes(a, 0, 2), "moveaxis": lambda a: np.moveaxis(a, 0, -1),
    "flip": lambda a: np.flip(a, 1),
    "diagonal": lambda a: a[:, :2, :2].transpose(-1, 0, 1)[0], "split": lambda a: np.split(a, 2, axis=2)[1],
    "ravel": np.ravel,
    "expand_dims": lambda a: np.expand_dims(a, 1), "rot90": np.rot90, "transpose": lambda a: a.transpose((2, 0, 1)),
    "T": lambda a: a.T,
    "row": lambda a: [*a][1], "reshape": lambda a: a.reshape((-1, 4)), "squeeze": lambda a: a[:, None].squeeze(1),
}  # fmt: skip


@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS)
def test_a_step_on_a_view_is_a_step_on_the_array(view):
    a = np.arange(24.0).reshape(2, 3, 4)
    bounded: Any = Bounded(a.copy(), np.float64)
    seen, seen_bounded = view(a), view(bounded)
    seen *= 3
    seen_bounded *= 3
    np.testing.assert_array_equal(bounded.value, a)
    np.testing.assert_array_equal(bounded.error > 0, a != np.arange(24).reshape(2, 3, 4))


IN_PLACE: dict[str, Callable[[Any], Any]] = {
    "add.at": lambda a: np.add.at(a, [0, 2, 0], 1.5), "subtract.at": lambda a: np.subtract.at(a, ([1, 1], [2, 2]), 1.5),
    "put_along_axis": lambda a: np.put_along_axis(a, np.array([[1], [0], [3]]), 7.0, axis=1),
    "copyto": lambda a: np.copyto(a, 5.0), "fill_diagonal": lambda a: np.fill_diagonal(a, 2.0),
    "fill": lambda a: a.fill(3.0),
    "sort": lambda a: a.sort(axis=0), "out": lambda a: np.tanh(a, out=a),
    "out of a sum": lambda a: np.sum(2 * a, axis=0, out=a[1]),
    "a mask": lambda a: a.__setitem__(a > 0, 0), "rows": lambda a: a.__setitem__([0, 2], np.ones(4)),
    "copyto some": lambda a: np.copyto(a, 0.0, where=np.arange(4) > 2), "clip": lambda a: np.clip(a, 0, 1, out=a),
}  # fmt: skip


@pytest.mark.parametrize("step", IN_PLACE.values(), ids=IN_PLACE)
def test_what_numpy_does_in_place_is_done_in_place(step, rng):
    a = rng.standard_normal((3, 4))
    bounded: Any = Bounded(a.copy(), np.float64)
    step(a)
    step(bounded)
    assert (np.abs(bounded.value - a) <= 2 * bounded.error).all()


def test_as_many_terms_join_an_element_as_fall_on_it():
    x: Any = Bounded(np.zeros(3), np.float64)
    np.add.at(x, [0, 0, 0, 1], 1.0)
    u = roundoff(np.float64)
    np.testing.assert_array_equal(x.value, [3, 1, 0])
    np.testing.assert_allclose(x.error, [3 * 3 * u, 3 * u, 0], rtol=1e-12)


# -------------------------------------------------------------------- new arrays, and an array's other manners


def test_new_arrays_are_exact_and_of_the_dtype():
    x: Any = Bounded(np.ones((2, 3)), np.float32, 0.5)
    arrays: list[Any] = [np.zeros_like(x), np.ones_like(x), np.full_like(x, 0.5), np.zeros((2, 3), like=x)]
    for made, value in zip(arrays, (0, 1, 0.5, 0), strict=True):
        np.testing.assert_array_equal(made.value, np.full((2, 3), value))
        assert not made.error.any()
    assert np.full_like(x, 0.1).error[0, 0] == abs(0.1 - float(np.float32(0.1)))
    assert np.zeros_like(x).dtype == np.ones(2, dtype=x.dtype).dtype
    assert np.zeros_like(x, dtype=bool).dtype == bool
    assert np.empty_like(x, shape=(4,)).shape == (4,)


def test_an_array_s_manners():
    x: Any = Bounded([[1.0, -2], [3, 4]], np.float32, 0.125)
    assert (np.shape(x), np.ndim(x), np.size(x), len(x), np.size(x, 1)) == ((2, 2), 2, 4, 2, 2)
    assert np.result_type(x) == np.float32
    assert [row.value.tolist() for row in x] == [[1, -2], [3, 4]]
    assert x[0, 0].item().value == 1
    assert x.item(1, 0).value == 3
    assert_same(x.astype(np.float32), x)
    assert_same(x.astype(x.dtype, copy=False), x)
    np.testing.assert_array_equal(x.astype(bool), np.ones((2, 2), dtype=bool))
    assert_same(+x, x)
    assert x.real is x.conj() is x
    assert np.asarray(x).dtype == np.asarray(x[0, 0]).dtype == object
    assert_same(np.asarray(x)[1, 0], x[1, 0])
    for wrong in (lambda: len(x[0, 0]), lambda: iter(x[0, 0])):
        with pytest.raises(TypeError):
            wrong()
    with pytest.raises(ValueError, match="size 1"):
        x.item()
