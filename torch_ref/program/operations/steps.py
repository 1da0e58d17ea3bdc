"""Functions that are constant but for their jumps, and what is left of a number by them."""

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np

from manual import Undecided
from manual.numbers.number_types import Array
from torch_ref.program.numbers import is_number, truth_of
from torch_ref.tolerance.bounded import Bounded
from torch_ref.truth.dual import Dual

OF_FRACTIONS: dict[Any, Callable[[Fraction], int]] = {
    np.floor: math.floor, np.ceil: math.ceil, np.trunc: math.trunc, np.rint: round,
}  # fmt: skip
NEXT = Fraction(1, 2**2000)
"""Below what any two floats differ by."""

COMPUTED = Fraction(1, 2**20)
"""So much, relative, a constant may be off that torch computes in float32: near a jump it may lie on either side."""


def stepped(f: np.ufunc) -> Callable[[Any], Any]:
    """The rule of NumPy's floor, ceil, trunc or rint.

    Raises:
        Undecided: the numbers leave open on which side of a jump one lies, or one has a derivative and lies on it.
    """
    whole = OF_FRACTIONS[f]

    def one(number: Any) -> Any:
        if isinstance(number, float):
            return float(f(number))
        v = number.v if isinstance(number, Dual) else number
        low, high = (Fraction(int(q.p), int(q.q)) for q in (v.lower().fmpq(), v.upper().fmpq()))
        moving = isinstance(number, Dual) and number.d.size
        edge = NEXT if moving else 0 if low == high == whole(low) else abs(low) * COMPUTED
        if whole(low - edge) != whole(high + edge):
            raise Undecided(f"{f.__name__} decides exactly on a jump, or leaves open on which side of it")
        return type(v)(whole(low))

    each = np.frompyfunc(one, 1, 1)

    def rule(x: Any) -> Any:
        if isinstance(x, Bounded) or not is_number(x):
            return f(x)
        return np.asarray(each(x), dtype=object)

    return rule


FLOOR, TRUNC, RINT = map(stepped, (np.floor, np.trunc, np.rint))


def nearest(x: Any, decimals: int = 0) -> Any:
    """The nearest multiple of 10^−decimals."""
    if decimals == 0:
        return RINT(x)
    power = 10 ** abs(decimals)
    return RINT(x * power) / power if decimals > 0 else RINT(x / power) * power


def sign_of(x: Any) -> Any:
    """1 or −1, as the sign is decided: that of 0 is, where no number has a derivative or an error."""
    if isinstance(x, Bounded):
        return np.copysign(np.ones(x.shape), x)
    if is_number(x):
        return np.where(truth_of(x > 0), 1, -1)
    return np.copysign(1.0, x)


def remainder(step: Callable[[Any], Any], plain: np.ufunc) -> Callable[[Any, Any], Any]:
    """The rule of a − b·step(a/b); of whole numbers it is NumPy's."""

    def rule(a: Any, b: Any) -> Any:
        if not (is_number(a) or is_number(b)):
            return plain(a, b)
        return a - step(np.true_divide(a, b)) * b

    return rule


def whole(x: Any) -> Array:
    """Numbers, cut off to integers."""
    steps = TRUNC(x)
    return (
        steps.value.astype(np.int64) if isinstance(steps, Bounded) else np.vectorize(_integer, otypes=[np.int64])(steps)
    )


def _integer(number: Any) -> int:
    return int(float(number))


STEPS: dict[str, Callable[..., Any]] = {
    **{aten: stepped(f) for aten, f in (("floor", np.floor), ("ceil", np.ceil), ("trunc", np.trunc))},
    "round": nearest,
    "copysign": lambda x, y: np.abs(x) * sign_of(y),
    "remainder": remainder(FLOOR, np.remainder),
    "fmod": remainder(TRUNC, np.fmod),
}
