"""How far two correct evaluations of one formula may differ: the derived tolerance.

The hand-written code runs unchanged on `Bounded`, a value with an error. The error e of a result says: every
evaluation of the same formula in this precision, with sums in any order, with or without FMA, lies within e of the
exact value. So do ours and torch's, and they differ by at most 2e.

The rules, with u the unit roundoff (2⁻⁵³ or 2⁻²⁴) and Higham, *Accuracy and Stability of Numerical Algorithms*, 2nd
ed., 2002:

    a sum of m + 1 terms          γ_m Σ|term|, γ_m = m·u/(1 − m·u), in any order             (4.4), with lemma 3.1 for γ
    an inner product of n terms   γ_n Σ|xᵢ||yᵢ|; with a bias it is one sum of n + 1 terms    (3.5)
    a product, a quotient         2u: one rounding, and one more for a·(b/n) as (a·b)/n      (2.4)
    √                             2u (torch's float32 √ is not correctly rounded)
    exp, log, tanh, sin, …        4 ulp = 8u: no library in use here errs by more; measured in NumPy 2.6, in torch 2.0
    underflow                     the smallest normal number a rounding: a result flushed to zero is covered too  (2.8)

An error that an operand brings along is carried by the operation's derivative, bounded over the whole interval
(section 3.1). What may overflow has no bound: one order of a sum ends in infinity where another does not.
`value` is itself one such evaluation (in float64 always), so that |exact| ≤ |value| + error and |any| ≤ |value| +
2·error. The errors are computed in float64, to some 1e-14 of themselves, which the second rounding of every product
more than covers.
"""

from collections.abc import Callable
from typing import Any, Self

import numpy as np

from manual import Undecided
from manual.numbers.number_types import Array
from torch_ref.tolerance.array_methods import ArrayMethods
from torch_ref.tolerance.precision import ULPS, precision
from torch_ref.tolerance.small_arrays import every, lazy, some


class Bounded(ArrayMethods):
    """An array of values with a bound of the error of each.

    A sum is kept open: its terms' magnitudes `_sum` and number of roundings `_roundings` go on from one addition to
    the next, so that a @ Wᵀ + b is one sum, in whatever order a library adds it up.
    """

    def __init__(
        self, value: Any, dtype: Any, error: Any = 0, magnitude: Any = None, roundings: int = 0, positive: bool = False
    ) -> None:
        self.value = np.asarray(value, dtype=np.float64)
        self.dtype = np.dtype(dtype)
        self._exact = isinstance(error, int) and error == 0 == roundings
        carried = np.zeros(self.value.shape) if self._exact else np.asarray(error, dtype=np.float64)
        self._carried = carried if carried.shape == self.value.shape else np.broadcast_to(carried, self.value.shape)
        self._given_sum = magnitude
        self._roundings = roundings
        self._positive = positive
        self._write_back: Callable[[Bounded], Any] | None = None

    @lazy
    def _sum(self) -> Array:
        if self._given_sum is not None:
            return self._given_sum
        magnitude = np.asarray(np.abs(self.value) if self._exact else np.abs(self.value) + 2 * self._below_overflow)
        return magnitude if self._finite else np.where(np.isinf(self.value) & (self._carried == 0), 0, magnitude)

    @lazy
    def _finite(self) -> bool:
        return every(np.isfinite(self.value))

    @lazy
    def positive(self) -> bool:
        """Whether no evaluation has a negative element: so it is with squares, their sums, and what is far enough
        above 0."""
        return self._positive or (every(self.value >= 0) and every(self.value >= 2 * self.error))

    @lazy
    def error(self) -> Array:
        """How far any evaluation may lie from the exact value."""
        if self._exact:
            return self._carried
        overflows = self._sum > self.precision.largest
        return np.where(overflows, np.inf, self._below_overflow) if some(overflows) else self._below_overflow

    @lazy
    def _below_overflow(self) -> Array:
        """The error of those evaluations that do not overflow; 0 where all do."""
        if self._exact:
            return self._carried
        error = self._carried + self._of_the_sum() if self._roundings else self._carried
        return error if self._finite else np.where(np.isinf(self.value), 0, error)

    def _of_the_sum(self) -> Array:
        """The error of the sum's own roundings; zeros add up to 0 without one."""
        m, magnitude = self._roundings, np.asarray(self._given_sum)
        share = m * self.precision.u
        if share >= 1:
            return np.where(magnitude == 0, 0, np.inf)
        return share / (1 - share) * magnitude + (magnitude > 0) * (m * self.precision.tiny)

    @lazy
    def most(self) -> Array:
        """The largest magnitude of any evaluation."""
        if self._given_sum is None and self._finite and self.error is self._below_overflow:
            return self._sum
        return np.abs(self.value) if self._exact else np.abs(self.value) + 2 * self.error

    @lazy
    def _infinite(self) -> Array:
        """Where it is infinite exactly, and did not overflow."""
        return np.isinf(self.value) & (self.error == 0)

    def _moved(self, move: Callable[[Array], Array], back: Callable[["Bounded"], Any] | None = None) -> Self:
        """The same numbers elsewhere; in a view, `back` takes to this array what is done to that one in place."""
        if self._exact:
            moved = type(self)(move(self.value), self.dtype)
        else:
            moved = type(self)(
                move(self.value), self.dtype, move(self._carried), move(self._sum), self._roundings, self._positive
            )
        moved._write_back = back
        return moved

    T = property(lambda self: self.transpose())
    precision = property(lambda self: precision(self.dtype))

    def __getitem__(self, index: Any) -> Self:
        keys = index if isinstance(index, tuple) else (index,)
        is_view = all(key is None or key is ... or isinstance(key, int | np.integer | slice) for key in keys)
        return self._moved(lambda a: a[index], (lambda new: self.__setitem__(index, new)) if is_view else None)

    def reshape(self, *shape: Any, order: Any = "C") -> Self:
        """As an array's: every value keeps its bound."""
        return self._moved(
            lambda a: a.reshape(*shape, order=order), lambda new: self._become(new.reshape(self.shape, order=order))
        )

    def transpose(self, *axes: Any) -> Self:
        """As an array's: every value keeps its bound."""
        order = axes[0] if len(axes) == 1 and not isinstance(axes[0], int) else axes or None
        undo = () if order is None else np.argsort([axis % self.ndim for axis in order])
        return self._moved(lambda a: a.transpose(order), lambda new: self._become(new.transpose(*undo)))

    def _become(self, other: "Bounded") -> Self:
        """An in-place operation really takes place: who holds this array, or one that this is a view of, sees it."""
        if other.shape != self.shape:
            raise ValueError(f"in place: expected shape {self.shape}, got {other.shape}")
        back = self._write_back
        self.__dict__ = {**other.__dict__, "_write_back": back}
        if back is not None:
            back(self)
        return self

    def __setitem__(self, index: Any, new: Any) -> None:
        new = self._of(new)
        value, carried, magnitude = self.value.copy(), self._carried.copy(), self._sum.copy()
        value[index], carried[index], magnitude[index] = new.value, new._carried, new._sum
        self._become(type(self)(value, self.dtype, carried, magnitude, max(self._roundings, new._roundings)))

    def _of(self, other: Any) -> "Bounded":
        """Another operand: arrays of this dtype, integers and booleans are exact, a Python float is rounded to the
        dtype."""
        if isinstance(other, Bounded):
            return other
        exact = np.asarray(other, dtype=np.float64)
        rounded = exact.astype(self.dtype)
        if every(exact == rounded):
            return Bounded(exact, self.dtype)
        return Bounded(exact, self.dtype, np.where(exact == rounded, 0, np.abs(exact - rounded)))

    def _rounded(
        self, value: Any, carried: Any, most: Any, zero: Any, roundings: Any = 2, positive: bool = False
    ) -> "Bounded":
        """A result whose magnitude is at most `most` before it is rounded; an exact `zero` stays exact."""
        error = np.asarray(roundings * self.precision.u * most)
        error += self.precision.tiny
        if zero is not False:
            np.copyto(error, 0, where=zero)
        return Bounded(value, self.dtype, carried + error, positive=positive)

    def __add__(self, other: Any) -> "Bounded":
        other = self._of(other)
        value, carried, magnitude = self.value + other.value, self._carried + other._carried, self._sum + other._sum
        if some(np.isinf(value)):  # a mask's −∞, which is exact, takes every finite number with it
            ours, theirs = self._infinite, other._infinite
            masked = (ours | theirs) & (ours | np.isfinite(self.error)) & (theirs | np.isfinite(other.error))
            carried, magnitude = np.where(masked, 0, carried), np.where(masked, 0, magnitude)
        roundings, positive = self._roundings + other._roundings + 1, self.positive and other.positive
        return Bounded(value, self.dtype, carried, magnitude, roundings, positive)

    def __neg__(self) -> Self:
        return type(self)(-self.value, self.dtype, self._carried, self._sum, self._roundings)

    def __sub__(self, other: Any) -> "Bounded":
        return self + -self._of(other)

    def __matmul__(self, other: Any) -> "Bounded":
        return self._sums_of_products(np.matmul, self, self._of(other), self.shape[-1])

    def __bilinear__(self, f: Callable[..., Array], a: Any, b: Any, *how: Any) -> "Bounded":
        terms = f(np.ones(a.shape), np.ones(b.shape), *how).max(initial=0)
        return self._sums_of_products(lambda a, b: f(a, b, *how), self._of(a), self._of(b), int(terms))

    def _sums_of_products(
        self, f: Callable[[Array, Array], Array], a: "Bounded", b: "Bounded", terms: int
    ) -> "Bounded":
        """f is linear in each operand, so that f(|a|, |b|) is Σ|aᵢ||bᵢ|."""
        magnitude, tiny = f(a.most, b.most), self.precision.tiny
        if _smallest(a.most) * _smallest(b.most) > 0:
            carried = (magnitude > 0) * (terms * tiny)
        else:  # the magnitude itself may have underflowed
            carried = f(np.sign(a.most), np.sign(b.most)) * tiny
        if not b._exact:
            carried = carried + f(a.most, b.error)
        if not a._exact:
            carried = carried + f(a.error, b.most)
        return Bounded(f(a.value, b.value), self.dtype, carried, magnitude, terms)

    # ---------------------------------------------------------------- products, decisions, functions

    def __mul__(self, other: Any) -> "Bounded":
        if isinstance(other, np.ndarray | np.bool_) and other.dtype.kind == "b":  # a mask: nothing is rounded
            return Bounded(self.value * other, self.dtype, self.error * other, positive=self._positive)
        other = self._of(other)
        positive = other is self or (self.positive and other.positive)
        with np.errstate(invalid="ignore"):  # ∞·0: no bound, and so no verdict
            carried: Any = 0 if other._exact else self.most * other.error
            carried = carried if self._exact else carried + self.error * other.most
            most = self.most * other.most
            zero = False if every(most) else (self.most == 0) | (other.most == 0)
            return self._rounded(self.value * other.value, carried, most, zero, positive=positive)

    def __truediv__(self, other: Any) -> "Bounded":
        """|x/y − X/Y| ≤ (|x − X| + |X/Y| |y − Y|) / |y|; without bound where y may be 0.

        Where y may overflow, x/∞ = 0 stands for X/Y, and |Y| is at least half of the largest number.
        """
        other, largest = self._of(other), self.precision.largest
        with np.errstate(all="ignore"):
            least = np.abs(other.value) - 2 * other._below_overflow
            quotient = self.value / other.value
            most = self.most / least
            carried = (self.error if other._exact else self.error + most * other._below_overflow) / least
            if not every(apart := least > 0):
                most, carried = np.where(apart, most, np.inf), np.where(apart, carried, np.inf)
            rounded = self._rounded(quotient, carried, most, self.most == 0)
            rounded._positive = self.positive and other.positive
            overflows = other.most > largest
            if not some(overflows):
                return rounded
            lost = np.where(overflows, 2 * (self.most / largest), 0)
        return Bounded(quotient, self.dtype, np.maximum(rounded.error, lost), positive=rounded._positive)

    def _compare(self, other: Any, compare: Callable[[Array, Array], Array]) -> Array:
        other = self._of(other)
        with np.errstate(invalid="ignore"):  # ∞ − ∞: both are exact
            gap, doubt = np.abs(self.value - other.value), 2 * (self.error + other.error)
        if some((gap <= doubt) & (doubt > 0)):
            raise Undecided("a comparison that the rounding errors leave open")
        return compare(self.value, other.value)

    def __eq__(self, other: Any) -> Array:  # pyright: ignore[reportIncompatibleMethodOverride]
        return self._compare(other, np.equal)

    def __ne__(self, other: Any) -> Array:  # pyright: ignore[reportIncompatibleMethodOverride]
        return self._compare(other, np.not_equal)

    __hash__ = None  # pyright: ignore[reportAssignmentType]

    def __bool__(self) -> bool:
        return bool(self != 0)

    def __gt__(self, other: Any) -> Array:
        return self._compare(other, np.greater)

    def __le__(self, other: Any) -> Array:
        return self._compare(other, np.less_equal)

    def __lt__(self, other: Any) -> Array:
        return self._compare(other, np.less)

    def __ge__(self, other: Any) -> Array:
        return self._compare(other, np.greater_equal)

    def _function(self, f: Callable[[Array], Array], slope: Any, ulps: Any = ULPS) -> "Bounded":
        """f, with the operand's error carried by a bound of |f'| over the interval."""
        with np.errstate(over="ignore", invalid="ignore"):
            value = f(self.value)
            carried = np.asarray(slope * self.error)
            np.copyto(carried, 0, where=~(self.error > 0))
        fixed = (self.value == 0) | (self.value == 1)
        zero = (value == 0) & (self.error == 0) & fixed  # tanh 0, log 1; others underflowed
        return self._rounded(value, carried, np.abs(value) + 2 * carried, zero, 2 * ulps)

    __radd__ = __add__
    __rmul__ = __mul__

    def __repr__(self) -> str:
        return f"Bounded({self.value}, ±{self.error}, {self.dtype})"


def _smallest(magnitudes: Array) -> float:
    """The smallest number but 0."""
    return float(magnitudes.min(initial=np.inf, where=magnitudes > 0))
