"""Operations on complex numbers: arithmetic, a few functions, and Fourier transforms as sums with known roots."""

from collections.abc import Callable, Sequence
from typing import Any

import flint
import numpy as np

from torch_ref.program.complex_numbers import (
    Complex,
    conjugate,
    over,
    parts,
    roots,
    scale_of,
    times,
    transformed,
)
from torch_ref.program.numbers import as_array, truth_of
from torch_ref.program.operations.arithmetic import ARITHMETIC, product
from torch_ref.program.operations.choices import CHOICES
from torch_ref.program.operations.functions import FUNCTIONS
from torch_ref.program.operations.moves import MOVES
from torch_ref.program.operations.new_arrays import NEW_ARRAYS
from torch_ref.program.operations.orders import ORDERS
from torch_ref.program.operations.reductions import mean, total
from torch_ref.tolerance.bounded import Bounded

EXP, LOG, SIN, COS, ANGLE, LENGTH = (FUNCTIONS[name] for name in ("exp", "log", "sin", "cos", "atan2", "hypot"))

ALIKE: dict[str, Callable[..., Any]] = {
    **MOVES, "sum": total, "mean": mean, "neg": ARITHMETIC["neg"], "_neg_view": ARITHMETIC["neg"],
    "cumsum": ORDERS["cumsum"],
}  # fmt: skip
"""What is done to the two parts as it is to real numbers."""


def by_parts(rule: Callable[..., Any]) -> Callable[..., Any]:
    """The rule of what is done to the real parts, and to the imaginary ones."""

    def both(*args: Any, **how: Any) -> Any:
        found = [rule(*[_part(a, i) for a in args], **{key: _part(a, i) for key, a in how.items()}) for i in range(2)]
        if isinstance(found[0], tuple | list):
            return [Complex(*pair) for pair in zip(*found, strict=True)]
        return Complex(*map(as_array, found))

    return both


def _part(argument: Any, i: int) -> Any:
    if isinstance(argument, Complex | complex):
        return parts(argument)[i]
    if isinstance(argument, list | tuple) and any(isinstance(a, Complex) for a in argument):
        return [parts(a)[i] for a in argument]
    real = isinstance(argument, Bounded) or (isinstance(argument, np.ndarray) and argument.dtype.kind in "fO")
    return argument * 0 if real and i else argument


def pairwise(rule: Callable[..., Any]) -> Callable[..., Complex]:
    """The rule of a sum or a difference: a real number has 0 beside it."""
    return lambda a, b, alpha=1: Complex(*(rule(*pair, alpha) for pair in zip(parts(a), parts(b), strict=True)))


def chosen(condition: Any, a: Any, b: Any) -> Complex:
    """a where the condition holds, and b elsewhere."""
    return Complex(*(np.where(truth_of(condition), *pair) for pair in zip(parts(a), parts(b), strict=True)))


def filled(x: Complex, value: Any, **_: Any) -> Complex:
    """The same number everywhere."""
    return Complex(*(np.full(x.shape, float(part)) for part in parts(value)))


def matrices(a: Any, b: Any) -> Complex:
    """The product of matrices."""
    (p, q), (r, s) = parts(a), parts(b)
    if not isinstance(a, Complex):
        return Complex(product(p, r), product(p, s))
    if not isinstance(b, Complex):
        return Complex(product(p, r), product(q, r))
    return Complex(product(p, r) - product(q, s), product(p, s) + product(q, r))


def length(z: Complex) -> Any:
    """|z|"""
    return LENGTH(z.re, z.im)


def exponential(z: Complex) -> Complex:
    """e^re·(cos im + i·sin im)"""
    size = EXP(z.re)
    return Complex(size * COS(z.im), size * SIN(z.im))


def powers(z: Complex, n: Any) -> Any:
    """zⁿ of a whole n, by products.

    Raises:
        TypeError: another n has no rule.
    """
    if not isinstance(n, int | float) or n != int(n) or abs(n) > 8:
        raise TypeError(f"aten::pow of complex numbers: expected a whole exponent, 8 at most, got {n!r}")
    if n < 0:
        return over(1, powers(z, -n))
    found = Complex(0 * z.re + 1, 0 * z.im)
    for _ in range(int(n)):
        found = times(found, z)
    return found


def direction(z: Complex) -> Complex:
    """z/|z|, and 0 where z is 0."""
    size = length(z)
    zero = ~truth_of(size > 0)
    safe = np.where(zero, 1, size)
    return Complex(z.re / safe, z.im / safe)


def _over_axes(z: Any, dims: Sequence[int], one: Callable[[Any], Any]) -> Any:
    """A transform of the last axis, done to each of these."""
    for dim in dims:
        z = z.each(lambda part, dim=dim: np.swapaxes(part, dim, -1))
        z = one(z)
        z = z.each(lambda part, dim=dim: np.swapaxes(part, dim, -1))
    return z


def _scaled(z: Any, n: int, normalization: int) -> Any:
    scale = scale_of(n, normalization)
    if isinstance(scale, int):
        return z

    def each(part: Any) -> Any:
        if isinstance(part, Bounded):
            return part * Bounded(float(scale), part.dtype, float(np.finfo(part.dtype).eps) * float(scale))
        exact = scale if isinstance(scale, flint.arb) else flint.arb(flint.fmpq(scale.numerator, scale.denominator))
        return part * exact

    return z.each(each) if isinstance(z, Complex) else each(z)


def _count(shape: Sequence[int], dims: Sequence[int]) -> int:
    return int(np.prod([shape[d] for d in dims]))


def _turned(z: Complex, sign: int) -> Complex:
    """Σ z e^(sign·2πijk/n) over the last axis."""
    n = z.shape[-1]
    cosines, sines = roots(n, n, n, z.re)
    a, b, c, d = (transformed(part, table, n) for part in (z.re, z.im) for table in (cosines, sines))
    return Complex(a - d * sign, c + b * sign)


def c2c(x: Any, dim: Sequence[int], normalization: int, forward: bool) -> Any:
    """Of complex numbers, to complex ones."""
    z = x if isinstance(x, Complex) else Complex(x, 0 * x)
    return _scaled(_over_axes(z, dim, lambda z: _turned(z, -1 if forward else 1)), _count(x.shape, dim), normalization)


def r2c(x: Any, dim: Sequence[int], normalization: int, onesided: bool) -> Any:
    """Of real numbers; `onesided`: the first half of the last axis, of which the rest are conjugates."""
    *others, last = dim

    def half(z: Complex) -> Complex:
        n = z.shape[-1]
        cosines, sines = roots(n, n, n // 2 + 1 if onesided else n, z.re)
        return Complex(transformed(z.re, cosines, n), -transformed(z.re, sines, n))

    z = _over_axes(Complex(x, 0 * x), [last], half)
    return _scaled(_over_axes(z, others, lambda z: _turned(z, -1)), _count(x.shape, dim), normalization)


def c2r(z: Complex, dim: Sequence[int], normalization: int, last_dim_size: int) -> Any:
    """To real numbers, of half of an axis; the imaginary parts of its ends are not read.

    Raises:
        TypeError: the half is too short.
    """
    *others, last = dim
    n = last_dim_size
    z = _over_axes(z, others, lambda z: _turned(z, 1))

    kept = n // 2 + 1
    if z.shape[last] < kept:
        raise TypeError("aten::_fft_c2r: of a half that is too short there is no rule")
    ends = np.array([k == 0 or 2 * k == n for k in range(kept)])[:, None]

    def whole(z: Complex) -> Complex:
        cosines, sines = roots(n, kept, n, z.re)
        y = transformed(z.re[..., :kept], cosines * np.where(ends, 1, 2), n)
        y = y - transformed(z.im[..., :kept], sines * np.where(ends, 0, 2), n)
        if isinstance(y, Bounded):  # a term stands for two
            y = Bounded(y.value, y.dtype, 2 * y.error)
        return Complex(y, 0 * y)

    y = _over_axes(z, [last], whole).re
    return _scaled(y, _count(y.shape, dim), normalization)


OF_COMPLEX: dict[str, Callable[..., Any]] = {
    **{name: by_parts(rule) for name, rule in ALIKE.items()},
    "add": pairwise(ARITHMETIC["add"]),
    "sub": pairwise(ARITHMETIC["sub"]),
    "where": chosen,
    "full_like": filled,
    **{name: NEW_ARRAYS[name] for name in ("full", "scalar_tensor")},
    "eq": lambda a, b: np.logical_and(*(CHOICES["eq"](*pair) for pair in zip(parts(a), parts(b), strict=True))),
    "ne": lambda a, b: np.logical_or(*(CHOICES["ne"](*pair) for pair in zip(parts(a), parts(b), strict=True))),
    "mul": times,
    "div": over,
    "mm": matrices,
    "bmm": matrices,
    "reciprocal": lambda z: over(1, z),
    "pow": powers,
    "exp": exponential,
    "log": lambda z: Complex(LOG(length(z)), ANGLE(z.im, z.re)),
    "abs": length,
    "angle": lambda z: ANGLE(z.im, z.re),
    "sgn": direction,
    "_conj": conjugate,
    "conj": conjugate,
    "conj_physical": conjugate,
    "_conj_physical": conjugate,
    "resolve_conj": lambda z: z,
    "resolve_neg": lambda z: z,
    "real": lambda z: z.re,
    "imag": lambda z: z.im,
    "view_as_real": lambda z: np.stack([z.re, z.im], -1),
    "_fft_c2c": c2c,
    "_fft_c2r": c2r,
}
MAKES_COMPLEX: dict[str, Callable[..., Any]] = {
    "complex": lambda re, im: Complex(*np.broadcast_arrays(re, im)),
    "view_as_complex": lambda x: Complex(x[..., 0], x[..., 1]),
    "polar": lambda size, angle: Complex(size * COS(angle), size * SIN(angle)),
    "_fft_r2c": r2c,
    "_neg_view": ARITHMETIC["neg"],
}
"""Operations on real numbers."""
