"""One float64 and how far any evaluation may lie from it: `Bounded` for a single number, in plain floats.

Where each element of an object array has a bound of its own, an array for each would take nearly all of the time. Sums,
products and quotients of finite numbers are computed here, by the rules that tolerance/bounded.py derives; all else is
left to it.
"""

from collections.abc import Callable
from math import inf
from typing import Any

import numpy as np

from manual import Undecided
from torch_ref.tolerance.bounded import Bounded
from torch_ref.tolerance.precision import precision

UNIT, TINY, LARGEST = precision(np.dtype(np.float64))
NUMBERS = (float, int, np.generic)


class Rounded:
    """A value, and the error that it may have.

    A sum is kept open, as in `Bounded`: the magnitudes of its terms and the number of its roundings go on from one
    addition to the next.
    """

    __slots__ = ("_carried", "_flag", "_roundings", "_sum", "error", "most", "value")

    def __init__(
        self, value: float, carried: float = 0.0, magnitude: float = 0.0, roundings: int = 0, positive: bool = False
    ) -> None:
        self.value, self._carried, self._roundings, self._flag = value, carried, roundings, positive
        self.error = carried
        if roundings and magnitude:
            share = roundings * UNIT
            self.error += share / (1 - share) * magnitude + roundings * TINY if share < 1 else inf
        self.most = abs(value) + 2 * self.error
        self._sum = magnitude if roundings else self.most

    @classmethod
    def of(cls, number: Any) -> "Rounded":
        """A number as it is, taken as exact, or the only element of a `Bounded`."""
        if isinstance(number, Bounded):
            return cls(float(number.value), float(number.error), positive=bool(number.positive))
        return number if isinstance(number, Rounded) else cls(float(number))

    def bounded(self) -> Bounded:
        """The same number as an array without dimensions."""
        return Bounded(self.value, np.float64, self.error or 0, positive=self._flag)

    @property
    def positive(self) -> bool:
        """Whether no evaluation is negative."""
        return self._flag or self.value >= 2 * self.error

    def __add__(self, other: Any) -> "Rounded":
        if not isinstance(other, Rounded):
            if not isinstance(other, NUMBERS):
                return NotImplemented
            other = Rounded(float(other))
        magnitude = self._sum + other._sum
        if not magnitude <= LARGEST:
            return Rounded.of(self.bounded() + other.bounded())
        roundings, positive = self._roundings + other._roundings + 1, self.positive and other.positive
        return Rounded(self.value + other.value, self._carried + other._carried, magnitude, roundings, positive)

    def __neg__(self) -> "Rounded":
        return Rounded(-self.value, self._carried, self._sum, self._roundings)

    def __sub__(self, other: Any) -> "Rounded":
        return self + -other

    def __mul__(self, other: Any) -> "Rounded":
        if not isinstance(other, Rounded):
            if not isinstance(other, NUMBERS):
                return NotImplemented
            other = Rounded(float(other))
        most = self.most * other.most
        if not most <= LARGEST:
            return Rounded.of(self.bounded() * other.bounded())
        error = self.most * other.error + self.error * other.most
        if self.most and other.most:
            error += 2 * UNIT * most + TINY
        positive = other is self or (self.positive and other.positive)
        return Rounded(self.value * other.value, error, positive=positive)

    def __truediv__(self, other: Any) -> "Rounded":
        if not isinstance(other, Rounded):
            if not isinstance(other, NUMBERS):
                return NotImplemented
            other = Rounded(float(other))
        least = abs(other.value) - 2 * other.error
        if not (least > 0 and self.most <= LARGEST * min(least, 1) and other.most <= LARGEST):
            return Rounded.of(self.bounded() / other.bounded())
        most = self.most / least
        error = (self.error + most * other.error) / least
        if self.most:
            error += 2 * UNIT * most + TINY
        return Rounded(self.value / other.value, error, positive=self.positive and other.positive)

    def __rsub__(self, other: Any) -> "Rounded":
        return -self + other

    def __rtruediv__(self, other: Any) -> "Rounded":
        return Rounded(float(other)) / self

    __radd__ = __add__
    __rmul__ = __mul__

    def __pow__(self, n: Any) -> "Rounded":
        return Rounded.of(self.bounded() ** (n.bounded() if isinstance(n, Rounded) else n))

    def __getattr__(self, name: str) -> Callable[..., "Rounded"]:
        """A function of NumPy's by its name, as the elements of an object array have it."""
        if name.startswith("__"):
            raise AttributeError(name)
        function = getattr(self.bounded(), name)
        return lambda *others: Rounded.of(function(*[Rounded.of(other).bounded() for other in others]))

    def _gap(self, other: Any) -> float:
        """How far it lies above another number.

        Raises:
            Undecided: the errors leave open which is larger.
        """
        other = Rounded.of(other)
        gap, doubt = self.value - other.value, 2 * (self.error + other.error)
        if doubt > 0 and not abs(gap) > doubt:
            raise Undecided("a comparison that the rounding errors leave open")
        return 0.0 if self.value == other.value else gap  # ∞ − ∞ is none

    def __eq__(self, other: object) -> bool:
        return self._gap(other) == 0

    def __gt__(self, other: Any) -> bool:
        return self._gap(other) > 0

    def __lt__(self, other: Any) -> bool:
        return self._gap(other) < 0

    __hash__ = None  # pyright: ignore[reportAssignmentType]
