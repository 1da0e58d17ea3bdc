"""Sums, means, variances, products of many factors, and what is linear in several arrays, on `Bounded`.

A mean is the sum divided by the count. The variance is NumPy's, in two passes: Σ(x − x̄)²/(n − ddof) (Higham, section
1.9). Its bound is of first order in the condition number √(1 + x̄²/σ²), as the error of one pass by Welford's updates
is (Chan, Golub and LeVeque, "Algorithms for computing the sample variance", 1983); Σx² − n·x̄², which cancels, errs
by more than any bound here.

A product of n factors in any order errs by γ_(n−1) Π|x|, and so does each term of a sum of products of k arrays by
γ_(k−1): with N terms, γ_(N+k−2) Σ Π|x|, however the sum is factored (Higham, section 3.1). |Πx − ΠX| ≤ Σᵢ |xᵢ − Xᵢ|
Π_(j≠i) |xⱼ|.
"""

from collections.abc import Callable
from functools import reduce
from math import prod as product_of
from operator import add
from typing import Any

import numpy as np

from manual.numbers.number_types import Array
from torch_ref.tolerance.bounded import Bounded
from torch_ref.tolerance.precision import precision


def all_bounded(*arrays: Any) -> list[Bounded]:
    """All of them as `Bounded`, in the dtype of the first that is."""
    first = next(a for a in arrays if isinstance(a, Bounded))
    return [first._of(a) for a in arrays]


def _gamma(m: Any, dtype: Any) -> Array:
    share = np.asarray(m) * precision(dtype).u
    with np.errstate(divide="ignore"):
        return np.where(share < 1, share / (1 - share), np.inf)


# ---------------------------------------------------------------- sums


def total(x: Any, axis: Any = None, keepdims: bool = False) -> Bounded:
    """A sum in any order, left open: what is added to it joins it."""
    value, carried, magnitude = (np.add.reduce(a, axis, keepdims=keepdims) for a in (x.value, x._carried, x._sum))
    terms = x.size // max(np.size(value), 1) * (x._roundings + 1)
    return Bounded(value, x.dtype, carried, magnitude, max(terms - 1, 0), x.positive)


def cumsum(x: Any, axis: Any = None) -> Bounded:
    """Every beginning of a sum, each with the bound of its own number of terms."""
    x, axis = (x.ravel(), 0) if axis is None else (x, axis)
    value, carried, magnitude = (np.cumsum(a, axis=axis) for a in (x.value, x._carried, x._sum))
    terms = np.moveaxis(np.broadcast_to(np.arange(1, x.shape[axis] + 1), np.moveaxis(value, axis, -1).shape), -1, axis)
    m = terms * (x._roundings + 1) - 1
    error = carried + np.where((magnitude == 0) | (m == 0), 0, _gamma(m, x.dtype) * magnitude + m * x.precision.tiny)
    return Bounded(value, x.dtype, np.where(magnitude > x.precision.largest, np.inf, error), positive=x.positive)


def mean(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The sum divided by the count."""
    return total(x, axis, keepdims) / _count(x, axis)


def var(
    x: Any, axis: Any = None, ddof: Any = 0, keepdims: bool = False, *, mean: Any = None, correction: Any = None
) -> Any:
    """Σ(x − x̄)²/(n − ddof), in two passes."""
    middle = total(x, axis, True) / _count(x, axis) if mean is None else mean
    gap = x - middle
    return total(gap * gap, axis, keepdims) / max(_count(x, axis) - (ddof if correction is None else correction), 0)


def std(x: Any, *how: Any, **options: Any) -> Any:
    """The root of the variance."""
    return np.sqrt(var(x, *how, **options))


def average(a: Any, axis: Any = None, weights: Any = None, *, keepdims: bool = False) -> Any:
    """Σwx/Σw."""
    if weights is None:
        return mean(a, axis, keepdims)
    a, w = all_bounded(a, weights)
    if w.shape != a.shape:
        w = w.reshape([n if i == axis % a.ndim else 1 for i, n in enumerate(a.shape)])
    w = w._moved(lambda array: np.broadcast_to(array, a.shape))
    return total(a * w, axis, keepdims) / total(w, axis, keepdims)


def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:  # noqa: A002
    """√Σx², Σ|x| or max|x| over an axis, and √Σx² of a matrix.

    Raises:
        TypeError: an order that has no rule.
    """
    vector = isinstance(axis, int) or (axis is None and (x.ndim == 1 or ord is None))
    if ord in (None, "fro") or (ord == 2 and vector):
        return np.sqrt(total(x * x, axis, keepdims))
    if not vector or ord not in (1, np.inf):
        raise TypeError(
            f"numpy.linalg.norm of a Bounded: expected None, 'fro', or 1, 2, inf of a vector, got ord={ord!r}"
        )
    return total(abs(x), axis, keepdims) if ord == 1 else np.max(abs(x), axis, keepdims=keepdims)


def _count(x: Bounded, axis: Any) -> int:
    axes = range(x.ndim) if axis is None else (axis,) if isinstance(axis, int | np.integer) else axis
    return product_of(x.shape[i] for i in axes)


# ---------------------------------------------------------------- products of many factors


def cumprod(x: Any, axis: Any = None) -> Bounded:
    """Every beginning of a product. A factor beyond it may have lifted what underflowed, or have overflowed first.

    Raises:
        TypeError: an order that has no rule.
    """
    x, axis = (x.ravel(), 0) if axis is None else (x, axis)
    value, most, error = (np.moveaxis(a, axis, 0) for a in (np.cumprod(x.value, axis=axis), x.most, x.error))
    with np.errstate(over="ignore", invalid="ignore"):
        magnitude, above = np.cumprod(most, axis=0), np.cumprod(np.maximum(most, 1), axis=0)
        carried = error.copy()
        for i in range(1, len(carried)):
            carried[i] = carried[i - 1] * most[i] + magnitude[i - 1] * error[i]
        m = np.arange(len(carried)).reshape(-1, *[1] * (x.ndim - 1))
        exact = (np.cumprod(np.sign(most), axis=0) == 0) | (m == 0)
        bound = carried + np.where(exact, 0, _gamma(m, x.dtype) * magnitude + m * x.precision.tiny * above)
    bound = np.where(above > x.precision.largest, np.inf, bound)
    return Bounded(np.moveaxis(value, 0, axis), x.dtype, np.moveaxis(bound, 0, axis), positive=x.positive)


def prod(x: Any, axis: Any = None, keepdims: bool = False) -> Bounded:
    """A product in any order."""
    axes = range(x.ndim) if axis is None else (axis,) if isinstance(axis, int | np.integer) else axis
    axes = [i % x.ndim for i in axes]
    left = [i for i in range(x.ndim) if i not in axes]
    factors = x.transpose(*left, *axes).reshape(*(x.shape[i] for i in left), _count(x, tuple(axes)))
    shape = [1 if i in axes else n for i, n in enumerate(x.shape) if keepdims or i not in axes]
    if not factors.shape[-1]:
        return Bounded(np.ones(shape), x.dtype)
    return cumprod(factors, -1)[..., -1].reshape(shape)


# ---------------------------------------------------------------- linear in several arrays


def bilinear(f: Callable[..., Any]) -> Callable[..., Any]:
    """The rule of a function that is linear in each of its two arrays, and adds up nothing but their products."""

    def rule(a: Any, b: Any, *how: Any, **options: Any) -> Any:
        a, b = all_bounded(a, b)
        return a.__bilinear__(lambda a, b: f(a, b, *how, **options), a, b)

    return rule


def dot(a: Any, b: Any) -> Any:
    """As np.dot: of a number, a product."""
    a, b = all_bounded(a, b)
    return a._sums_of_products(np.dot, a, b, a.shape[-1]) if a.ndim and b.ndim else a * b


def inner(a: Any, b: Any) -> Any:
    """As np.inner: of a number, a product."""
    a, b = all_bounded(a, b)
    return a._sums_of_products(np.inner, a, b, a.shape[-1]) if a.ndim and b.ndim else a * b


def vdot(a: Any, b: Any) -> Any:
    """As np.vdot."""
    a, b = all_bounded(a, b)
    return a.ravel() @ b.ravel()


def outer(a: Any, b: Any) -> Any:
    """As np.outer: products."""
    a, b = all_bounded(a, b)
    return a.ravel()[:, None] * b.ravel()


def trace(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Bounded:
    """The sum of the diagonal."""
    return total(np.diagonal(a, offset, axis1, axis2), -1)


def einsum(*operands: Any, optimize: Any = False) -> Bounded:
    """A sum of products of any number of arrays, in whatever order it is contracted."""
    text = isinstance(operands[0], str)
    places = range(1, len(operands)) if text else range(0, len(operands) - len(operands) % 2, 2)

    def f(arrays: list[Array]) -> Array:
        given = list(operands)
        for place, array in zip(places, arrays, strict=True):
            given[place] = array
        return np.einsum(*given, optimize=optimize)

    arrays = all_bounded(*(operands[i] for i in places))
    dtype, k = arrays[0].dtype, len(arrays)
    terms = int(f([np.ones(a.shape) for a in arrays]).max(initial=0))
    value = f([a.value for a in arrays])
    if k == 1:
        (x,) = arrays
        m = max(terms * (x._roundings + 1) - 1, 0)
        return Bounded(value, dtype, f([x._carried]), f([x._sum]), m, x.positive)
    most = [a.most for a in arrays]
    magnitude = f(most)
    carried = reduce(add, (f([*most[:i], a.error, *most[i + 1 :]]) for i, a in enumerate(arrays)))
    lifted = (
        product_of(max(1, float(m.max(initial=0))) for m in most) if k > 2 else 1
    )  # by a factor, after it underflowed
    lost = 2 * k * terms * precision(dtype).tiny * lifted
    carried = carried + np.where(f([np.sign(m) for m in most]) > 0, lost, 0)
    same = (
        k == 2
        and arrays[0] is arrays[1]
        and text
        and len({*operands[0].split("->")[0].replace(" ", "").split(",")}) == 1
    )
    return Bounded(value, dtype, carried, magnitude, terms + k - 2, same)


SUMS: dict[Callable[..., Any], Callable[..., Any]] = {
    np.sum: total,
    np.cumsum: cumsum,
    np.mean: mean,
    np.var: var,
    np.std: std,
    np.average: average,
    np.linalg.norm: norm,
    np.prod: prod,
    np.cumprod: cumprod,
    np.dot: dot,
    np.inner: inner,
    np.vdot: vdot,
    np.outer: outer,
    np.trace: trace,
    np.einsum: einsum,
    np.tensordot: bilinear(np.tensordot),
    np.convolve: bilinear(np.convolve),
    np.correlate: bilinear(np.correlate),
    np.vecdot: bilinear(np.vecdot),
    np.matmul: Bounded.__matmul__,
    **{
        getattr(np, name): bilinear(getattr(np, name)) for name in ("matvec", "vecmat") if hasattr(np, name)
    },  # NumPy 2.2
}
