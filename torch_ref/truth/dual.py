"""Dual numbers: a value and its derivatives in several directions, v + d·ε with ε² = 0, as elements of NumPy's object
arrays.

    (v + d·ε)(w + e·ε) = v·w + (v·e + w·d)·ε,        f(v + d·ε) = f(v) + f'(v)·d·ε

The values are balls or rationals of python-flint, or `Rounded`. What NumPy asks of an element is a method here by
NumPy's name.

Source: Griewank & Walther, *Evaluating Derivatives*, 2nd ed., 2008, section 3.1.
"""

from collections.abc import Callable
from math import isinf
from typing import Any

import numpy as np

from manual import Undecided
from torch_ref.truth.decisions import took

FLINT_S = {f"arc{name}": f"a{name}" for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh")}  # names for NumPy's


def erf_slope_at(v: Any) -> Any:
    """2/√π e^(−v²)"""
    root = type(v).pi().sqrt() if hasattr(type(v), "pi") else np.sqrt(np.pi)
    return 2 / root * (-v * v).exp()


RULES: dict[str, Callable[[Any, Any, Any], Any]] = {  # f'(v)·d, by v, f(v) and d
    "exp": lambda _, f, d: f * d,
    "expm1": lambda v, _, d: v.exp() * d,
    "log": lambda v, _, d: d / v,
    "log1p": lambda v, _, d: d / (1 + v),
    "sqrt": lambda _, f, d: d / (2 * f),
    "erf": lambda v, _, d: erf_slope_at(v) * d,
    "sin": lambda v, _, d: v.cos() * d,
    "cos": lambda v, _, d: -v.sin() * d,
    "tan": lambda _, f, d: (1 + f * f) * d,
    "sinh": lambda v, _, d: v.cosh() * d,
    "cosh": lambda v, _, d: v.sinh() * d,
    "tanh": lambda _, f, d: (1 - f * f) * d,
    "arcsin": lambda v, _, d: d / (1 - v * v).sqrt(),
    "arccos": lambda v, _, d: -d / (1 - v * v).sqrt(),
    "arctan": lambda v, _, d: d / (1 + v * v),
    "arcsinh": lambda v, _, d: d / (1 + v * v).sqrt(),
    "arccosh": lambda v, _, d: d / (v * v - 1).sqrt(),
    "arctanh": lambda v, _, d: d / (1 - v * v),
}


def function_of(v: Any, name: str) -> Any:
    """The function of that name in NumPy, by the value's own method."""
    return getattr(v, name if hasattr(v, name) else FLINT_S.get(name, name))()


def _function(name: str) -> Callable[["Dual"], "Dual"]:
    rule = RULES[name]

    def function(self: "Dual") -> "Dual":
        value = function_of(self.v, name)
        return Dual(value, rule(self.v, value, self.d))

    function.__name__, function.__doc__ = name, f"As np.{name}."
    return function


def _of_numbers(operation: Callable[["Dual", Any], "Dual"]) -> Callable[["Dual", Any], "Dual"]:
    """An operation that leaves an array on its right to NumPy, which takes it element by element."""

    def of(self: "Dual", other: Any) -> "Dual":
        return NotImplemented if isinstance(other, np.ndarray) else operation(self, other)

    return of


class Dual:
    """A number and its derivatives in several directions. A decision exactly on its edge raises: no derivative is
    there.

    With no direction, d of size 0, it is a constant, and decides as its value does.
    """

    __slots__ = ("d", "v")

    def __init__(self, v: Any, d: Any) -> None:
        self.v, self.d = v, d

    @_of_numbers
    def __add__(self, other: Any) -> "Dual":
        return Dual(self.v + other.v, self.d + other.d) if isinstance(other, Dual) else Dual(self.v + other, self.d)

    @_of_numbers
    def __mul__(self, other: Any) -> "Dual":
        if isinstance(other, Dual):
            return Dual(self.v * other.v, self.v * other.d + other.v * self.d)
        return Dual(self.v * other, self.d * other)

    @_of_numbers
    def __truediv__(self, other: Any) -> "Dual":
        if isinstance(other, Dual):
            q = self.v / other.v
            return Dual(q, (self.d - q * other.d) / other.v)
        return Dual(self.v / other, self.d / other)

    def __rtruediv__(self, other: Any) -> "Dual":
        q = other / self.v
        return Dual(q, -q / self.v * self.d)

    def __neg__(self) -> "Dual":
        return Dual(-self.v, -self.d)

    def __pos__(self) -> "Dual":
        return self

    @_of_numbers
    def __sub__(self, other: Any) -> "Dual":
        return self + -(other * 1 if isinstance(other, np.bool_) else other)

    def __rsub__(self, other: Any) -> "Dual":
        return -self + other

    __radd__ = __add__
    __rmul__ = __mul__

    def __pow__(self, n: Any) -> "Dual":
        """(vⁿ)' = n vⁿ⁻¹ for a number n, whole where it is 2.0, or a ball; and vⁿ = exp(n log v) for a dual one."""
        if isinstance(n, Dual):
            return (n * self.log()).exp()
        if hasattr(n, "unique_fmpz"):
            whole = n.unique_fmpz()
            n = int(whole) if whole is not None and n == whole else n
        else:
            n = int(n) if n == int(n) else n
        still = isinstance(n, int) and n == 0
        return Dual(self.v**n, 0 * self.d if still else n * self.v ** (n - 1) * self.d)

    def __rpow__(self, base: Any) -> "Dual":
        """(bᵛ)' = bᵛ log b"""
        return (self * self._number(base).log()).exp()

    def __abs__(self) -> "Dual":
        return self if self > 0 else -self

    exp, expm1, log, log1p, sqrt, erf = map(_function, ("exp", "expm1", "log", "log1p", "sqrt", "erf"))
    sin, cos, tan, sinh, cosh, tanh = map(_function, ("sin", "cos", "tan", "sinh", "cosh", "tanh"))
    arcsin, arccos, arctan = map(_function, ("arcsin", "arccos", "arctan"))
    arcsinh, arccosh, arctanh = map(_function, ("arcsinh", "arccosh", "arctanh"))
    fabs = __abs__

    def erf_slope(self) -> "Dual":
        """2/√π e^(−v²), the derivative of erf."""
        slope = erf_slope_at(self.v)
        return Dual(slope, -2 * self.v * slope * self.d)

    def exp2(self) -> "Dual":
        """2ᵛ"""
        return 2**self

    def log2(self) -> "Dual":
        """log v / log 2"""
        return self.log() / self._number(2).log()

    def log10(self) -> "Dual":
        """log v / log 10"""
        return self.log() / self._number(10).log()

    def cbrt(self) -> "Dual":
        """(∛v)' = 1/(3 ∛v²)"""
        if self < 0:
            return -(-self).cbrt()
        root = self.v.cbrt() if hasattr(self.v, "cbrt") else self.v.root(3)
        return Dual(root, self.d / (3 * root * root))

    def hypot(self, other: Any) -> "Dual":
        """√(v² + w²)"""
        return (self * self + other * other).sqrt()

    def arctan2(self, other: Any) -> "Dual":
        """(w v' − v w')/(v² + w²)"""
        other = other if isinstance(other, Dual) else Dual(self._number(other), 0 * self.d)
        y, x = self.v, other.v
        angle = y.arctan2(x) if hasattr(y, "arctan2") else type(y).atan2(y, x)
        return Dual(angle, (x * self.d - y * other.d) / (x * x + y * y))

    def __floor__(self) -> int:
        """The whole number below: a constant, but for its jumps. Whether that is above 0 is a decision."""
        whole = self.v.floor()
        if self.d.size and not whole < self.v:
            raise Undecided("the forward jumps here: it has no derivative")
        whole = whole.unique_fmpz() if hasattr(whole, "unique_fmpz") else getattr(whole, "value", whole)
        took(whole > 0)
        return int(whole)

    def rint(self) -> int:
        """The nearest whole number: a constant, but for its jumps."""
        return (self + self._number(1) / 2).__floor__()

    def __ceil__(self) -> int:
        """The whole number above."""
        return -(-self).__floor__()

    def __int__(self) -> int:
        """The whole number beside it, towards 0."""
        return self.__floor__() if self > 0 else self.__ceil__()

    __trunc__ = __int__

    def conjugate(self) -> "Dual":
        """Itself: it is real."""
        return self

    real = property(conjugate)

    def astype(self, dtype: Any) -> "Dual":
        """Itself, where an array of objects is asked for.

        Raises:
            TypeError: another dtype.
        """
        if np.dtype(dtype) != np.dtype(object):
            raise TypeError(f"astype: a dual number is not a {dtype}")
        return self

    def _number(self, number: Any) -> Any:
        """A number of the value's own type."""
        return 0 * self.v + number

    def _sign(self, other: Any) -> int:
        """−1, 0 or 1, as self is less than, equal to or above the other."""
        if self is other:
            return 0
        if isinstance(other, float) and isinf(other):
            return -1 if other > 0 else 1
        gap = self.v - (other.v if isinstance(other, Dual) else other)
        for sign in (1, -1):
            if sign * gap > 0:
                took(sign > 0)
                return sign
        if not self.d.size and gap == 0:
            return 0
        raise Undecided("the forward decides exactly here: it has no derivative")

    def __gt__(self, other: Any) -> bool:
        return self._sign(other) > 0

    def __ge__(self, other: Any) -> bool:
        return self._sign(other) >= 0

    def __lt__(self, other: Any) -> bool:
        return self._sign(other) < 0

    def __le__(self, other: Any) -> bool:
        return self._sign(other) <= 0

    def __eq__(self, other: Any) -> bool:
        return self._sign(other) == 0

    def __ne__(self, other: Any) -> bool:
        return self._sign(other) != 0

    __hash__ = None  # pyright: ignore[reportAssignmentType]

    def __bool__(self) -> bool:
        return self != 0
