"""Complex numbers as two arrays of any number type; and the roots of one, for sums of them."""

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import flint
import numpy as np

from torch_ref.program.numbers import constant, is_number
from torch_ref.tolerance.bounded import Bounded


class Complex:
    """re + im·i. What moves numbers about moves both."""

    def __init__(self, re: Any, im: Any) -> None:
        self.re, self.im = re, im

    @property
    def shape(self) -> tuple[int, ...]:
        """That of either."""
        return self.re.shape

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return self.re.ndim

    def each(self, f: Callable[[Any], Any]) -> "Complex":
        """The same done to both."""
        return Complex(f(self.re), f(self.im))

    def __getitem__(self, index: Any) -> "Complex":
        return self.each(lambda part: part[index])


def parts(x: Any) -> tuple[Any, Any]:
    """The real and the imaginary part; what is real has the second 0."""
    if isinstance(x, Complex):
        return x.re, x.im
    return (x.real, x.imag) if isinstance(x, complex) else (x, 0)


def times(a: Any, b: Any) -> Any:
    """a·b"""
    if not isinstance(a, Complex | complex):
        return Complex(*(np.multiply(a, part) for part in parts(b)))
    if not isinstance(b, Complex | complex):
        return Complex(*(np.multiply(part, b) for part in parts(a)))
    (p, q), (r, s) = parts(a), parts(b)
    return Complex(np.multiply(p, r) - np.multiply(q, s), np.multiply(p, s) + np.multiply(q, r))


def conjugate(z: Any) -> Any:
    """re − im·i"""
    return Complex(z.re, -z.im) if isinstance(z, Complex) else z


def over(a: Any, b: Any) -> Complex:
    """a/b = a·b̄/|b|². A library may scale |b| first, and round each part by as much as the other."""
    if not isinstance(b, Complex | complex):
        return Complex(*(np.true_divide(part, b) for part in parts(a)))
    p, q = parts(b)
    z = times(a, Complex(p, np.multiply(q, -1)))
    size = np.multiply(p, p) + np.multiply(q, q)
    return _widened(Complex(z.re / size, z.im / size))


def _widened(z: Complex) -> Complex:
    """Either part's error is allowed to both."""
    if not isinstance(z.re, Bounded):
        return z
    error = z.re.error + z.im.error
    return z.each(lambda part: Bounded(part.value, part.dtype, error))


def roots(n: int, rows: int, columns: int, like: Any) -> tuple[Any, Any]:
    """cos and sin of 2πjk/n, for j and k below these counts, as numbers of the kind that x has."""
    turns = np.outer(np.arange(rows), np.arange(columns)) % n
    if isinstance(like, Bounded):
        angles = turns * (2 * np.pi / n)
        return np.cos(angles), np.sin(angles)
    kept = [flint.arb(flint.fmpq(2 * j, n)).sin_cos_pi() for j in range(n)]
    sines, cosines = (np.array([*column], dtype=object) for column in zip(*kept, strict=True))
    return cosines[turns], sines[turns]


def transformed(x: Any, table: Any, n: int) -> Any:
    """x, (…, m), times a table of roots, (m, k).

    A fast transform of any kind adds up all n terms, each times roots of size 1, in some log n steps: beside the sum in
    any order it rounds every root, and every product by one, 8 log₂ n times at most.
    """
    if not isinstance(x, Bounded):
        return np.asarray((x if is_number(x) else constant(np.asarray(x, float))) @ table, dtype=object)
    share = (n + 8 * np.log2(max(n, 2)) + 8) * float(np.finfo(x.dtype).eps)
    most = np.sum(x.most, axis=-1, keepdims=True)
    error = np.sum(x.error, axis=-1, keepdims=True) + share * most
    error = np.where(most == 0, 0, error + n * float(np.finfo(x.dtype).smallest_normal))
    return Bounded(x.value @ table, x.dtype, error * np.ones(table.shape[1]))


def scale_of(n: int, normalization: int) -> Any:
    """By what a transform over n elements in all is multiplied: 1, 1/√n or 1/n."""
    if normalization == 0 or n == 0:
        return 1
    return Fraction(1, n) if normalization == 2 else flint.arb(n).rsqrt()
