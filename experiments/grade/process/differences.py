"""A derivative by differences, where a forward does not run on exact numbers: no proof, but more digits than float64.

    f'(x) ≈ (45 Δ₁ − 9 Δ₂ + Δ₃) / 60 h,  Δₖ = f(x + k h) − f(x − k h)      in np.longdouble

Its error is 36/7! h⁶ f⁽⁷⁾ and that of rounding, u/h. Two steps h tell how large that is. A right backward may lie as
far from it, and by its own rounding: that of a chain of `ROUNDINGS` operations.

Source: Fornberg, "Generation of finite difference formulas on arbitrarily spaced grids", 1988.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from manual.numbers.number_types import Array

STEP = 1e-4
"""Relative to 1 and to the largest number of an array: truncated at 1e-24, rounded at 1e-15."""
SMOOTH = 1e-9
"""How far the two steps' slopes may differ, relative to the largest: beyond it a decision fell between them."""
ROUNDINGS = 1 << 12
"""Operations one after the other, that a backward of these examples has at most."""


def differences(
    function: Callable[..., Any], arrays: Mapping[str, Array], weight: Array | None
) -> tuple[tuple[Array, Array], dict[str, tuple[Array, Array]]]:
    """A function's output, and the derivative of the sum of weight·output by every array; each with what is allowed."""
    wide = {n: a.astype(np.longdouble) for n, a in arrays.items()}
    share = ROUNDINGS * float(np.finfo(np.float64).eps) / 2

    def run(name: str = "", place: Any = (), step: Any = 0) -> Any:
        moved = {n: a.copy() for n, a in wide.items()}
        if name:
            moved[name][place] += step
        return np.asarray(function(**moved), dtype=np.longdouble)

    def raw() -> Any:
        return np.asarray(function(**{n: a.copy() for n, a in wide.items()}))

    output, lost = run(), float(np.finfo(raw().dtype).eps)  # a float(…) in the forward rounds to fewer digits
    by = {}
    for name, a in wide.items():
        slope, error = np.empty(a.shape), np.empty(a.shape)
        size = max(1, np.abs(a).max(initial=0))
        for place in np.ndindex(a.shape):
            one, other = (
                _difference(lambda step, n=name, p=place: run(n, p, step), weight, np.longdouble(h * size))
                for h in (STEP, STEP / 2)
            )
            slope[place], error[place] = other, 2 * abs(one - other)
        most = np.abs(slope).max(initial=0)
        scale = np.sum(np.abs(output) if weight is None else np.abs(weight * output))
        rounding = 2 * lost * float(scale) / (STEP / 2 * float(size))
        by[name] = slope, np.where(error > SMOOTH * most + rounding, np.inf, error.max() + rounding + share * most)
    value = output.astype(np.float64)
    return (value, share * np.abs(value)), by


def _difference(at: Callable[[Any], Any], weight: Array | None, h: Any) -> Any:
    """The derivative by one number, with this step."""
    first, second, third = (at(k * h) - at(-k * h) for k in (1, 2, 3))
    slopes = (45 * first - 9 * second + third) / (60 * h)
    return np.sum(slopes if weight is None else weight * slopes)
