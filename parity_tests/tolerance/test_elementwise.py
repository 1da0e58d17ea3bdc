# pyright: reportAttributeAccessIssue=false
# NumPy says of its functions that they return arrays, which here are Bounded.

"""Functions of one number err by at most 4 ulp, the root by half of one, and an error grows by at most their slope."""

from collections.abc import Callable
from itertools import product
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from flint import arb, ctx

from parity_tests.for_each import for_each
from parity_tests.tolerance.exact import ACCURACY, DTYPES, ball, roundoff
from torch_ref.tolerance.bounded import Bounded


class Operand(NamedTuple):
    """A value with an error, inside the domain; and the bound as a multiple of the worst case at most."""

    value: float
    error: float
    times: float = 2


class Function(NamedTuple):
    """The truth; where it is tried, from wide and from small numbers; operands; and how often the result is rounded."""

    truth: Callable[[arb], arb]
    points: Callable[[Any, Any], list[Any]]
    operands: list[Operand]
    roundings: int = 8

    def worst(self, operand: Operand, dtype: Any) -> arb:
        """The exact number X lies within the error of the value, an evaluation x within the error of X: each function
        is monotone here, so that it errs most at the ends of both intervals."""
        v, e = arb(operand.value), arb(operand.error)
        found, rounding = arb(0), self.roundings * ball(roundoff(dtype))
        for s, t, r in product((-1, 0, 1), (-1, 0, 1), (-1, 1)):
            found = found.max(abs(self.truth(v + s * e + t * e) * (1 + r * rounding) - self.truth(v + s * e)))
        return found


def plain(wide: Any, small: Any) -> list[Any]:
    return [wide, small]


def angles(wide: Any, small: Any) -> list[Any]:
    return [wide, np.exp(wide[:1000]), small]


def around_1(wide: Any, small: Any) -> list[Any]:
    return [np.exp(wide), 1 + small / 2]


def inside_1(wide: Any, small: Any) -> list[Any]:
    return [wide / np.abs(wide).max(), small, 1 - np.abs(small)]


FUNCTIONS = {
    "exp": Function(arb.exp, plain, [Operand(0, 0.5)]),
    "log": Function(arb.log, around_1, [Operand(1, 0.25)]),
    "log1p": Function(arb.log1p, lambda wide, small: [np.exp(wide), small / 2], [Operand(0, 0.25)]),
    "tanh": Function(
        arb.tanh, lambda wide, small: [20 * wide / wide.max(), small],
        # at its steepest, where it is flat, and where 1 − tanh² is a rounding error
        [Operand(0, 2.0**-20, 1.001), Operand(2, 0.25), Operand(-5, 0.125), Operand(20.0625, 0.5)],
    ),
    "expm1": Function(arb.expm1, plain, [Operand(0, 0.5)]),
    "sin": Function(arb.sin, angles, [Operand(0, 2.0**-20, 1.001), Operand(0.5, 0.25)]),
    "cos": Function(arb.cos, angles, [Operand(1.5, 0.25)]),
    "tan": Function(arb.tan, angles, [Operand(0.75, 0.125)]),
    "sinh": Function(arb.sinh, plain, [Operand(-1, 0.25)]),
    "cosh": Function(arb.cosh, plain, [Operand(1, 0.25)]),
    "arctan": Function(
        arb.atan, lambda wide, small: [wide, np.exp(wide), small],
        [Operand(0, 2.0**-20, 1.001), Operand(0.5, 0.25)],
    ),
    "sqrt": Function(
        arb.sqrt, lambda wide, small: [np.exp(wide), np.exp(wide / 100)],
        [Operand(1, 0.25), Operand(0.5, 0.25, 1.001)], roundings=2,
    ),
    "exp2": Function(
        lambda v: (v * arb(2).log()).exp(), lambda wide, small: [wide / np.log(2), small], [Operand(0.5, 0.25)]
    ),
    "log2": Function(lambda v: v.log() / arb(2).log(), around_1, [Operand(1.25, 0.25)]),
    "log10": Function(lambda v: v.log() / arb(10).log(), around_1, [Operand(1.25, 0.25)]),
    "arcsin": Function(arb.asin, inside_1, [Operand(0.5, 0.125)]),
    "arccos": Function(arb.acos, inside_1, [Operand(-0.5, 0.125)]),
    "arcsinh": Function(arb.asinh, lambda wide, small: [wide, np.exp(wide), small], [Operand(0, 2**-10)]),
    "arccosh": Function(
        arb.acosh, lambda wide, small: [np.exp(np.abs(wide)), 1 + np.abs(small)], [Operand(2, 0.25)]
    ),
    "arctanh": Function(
        arb.atanh, lambda wide, small: [0.99999 * wide / np.abs(wide).max(), small], [Operand(0.5, 0.125)]
    ),
    "cbrt": Function(
        lambda v: v.root(3) if v > 0 else -(-v).root(3), lambda wide, small: [np.exp(wide), small],
        [Operand(-1, 0.25)],
    ),
}  # fmt: skip
EACH = for_each("name", FUNCTIONS)


@DTYPES
@for_each("name", FUNCTIONS, every=3)
def test_numpy_and_torch_stay_below_the_rule(name, dtype, rng):
    """Over the whole range of what is not too large or small for the dtype, and closely near 0, or 1 for the
    logarithm."""
    function = FUNCTIONS[name]
    wide = rng.uniform(-0.98, 0.98, 10_000) * np.log(float(np.finfo(dtype).max))
    small = rng.choice([-1, 1], 10_000) * np.exp(rng.uniform(-40, 0, 10_000))
    x = np.concatenate(function.points(wide, small)).astype(dtype)
    with ctx.workprec(1200 if name in ("sin", "cos", "tan") else ctx.prec):  # to a fraction of a turn
        truths = [function.truth(arb(v)) for v in x.tolist()]
    leading = np.array([float(t) for t in truths])
    trailing = np.array([float(t - arb(v)) for t, v in zip(truths, leading.tolist(), strict=True)])
    allowed = function.roundings * float(roundoff(dtype)) * np.abs(leading)
    evaluations = [getattr(np, name)(x)]
    if hasattr(torch, name):
        evaluations.append(getattr(torch, name)(torch.from_numpy(x)).numpy())
    for evaluation in evaluations:
        assert evaluation.dtype == dtype
        assert (np.abs((evaluation - leading) - trailing) <= allowed).all()


@DTYPES
@EACH
def test_the_error_of_exact_numbers_is_the_rule_s(name, dtype):
    function = FUNCTIONS[name]
    x = np.array([0.01, 0.3, 0.75, 2.5, 17], dtype=dtype)
    with np.errstate(invalid="ignore"):
        x = x[np.isfinite(getattr(np, name)(x))]
    for error, number in zip(getattr(np, name)(Bounded(x, dtype)).error, x, strict=True):
        rule = function.roundings * abs(function.truth(arb(float(number)))) * ball(roundoff(dtype))
        assert abs(arb(float(error)) - rule) <= rule * ball(ACCURACY)


@DTYPES
@EACH
def test_the_error_of_others_covers_the_worst_case_and_stays_near_it(name, dtype):
    function = FUNCTIONS[name]
    for operand in function.operands:
        worst, bounded = function.worst(operand, dtype), getattr(np, name)(Bounded(operand.value, dtype, operand.error))
        assert worst <= float(bounded.error) * (1 + ball(ACCURACY))
        assert float(bounded.error) <= operand.times * worst
        assert bounded.value == getattr(np, name)(np.float64(operand.value))


@DTYPES
@pytest.mark.parametrize("power", [lambda x: x**3, lambda x: x**-0.5], ids=["cube", "1/sqrt"])
def test_a_power_errs_by_4_ulp(power, dtype):
    x = np.array([0.01, 0.3, 0.75, 2.5, 17], dtype=dtype)
    for error, number in zip(power(Bounded(x, dtype)).error, x, strict=True):
        rule = 8 * abs(power(arb(float(number)))) * ball(roundoff(dtype))
        assert abs(arb(float(error)) - rule) <= rule * ball(ACCURACY)


HALF, BELOW_0 = Bounded(0.5, np.float64, 0.25), Bounded(0.5, np.float64, 0.2500001)
LEAVES = {
    "1/x": lambda: 1 / HALF, "0/x": lambda: 0 / HALF, "x/y": lambda: HALF / BELOW_0, "log": lambda: np.log(HALF),
    "log1p": lambda: np.log1p(Bounded(-0.5, np.float64, 0.25)), "x⁻¹": lambda: HALF**-1,
    "sqrt": lambda: np.sqrt(BELOW_0),
    "log2": lambda: np.log2(HALF), "log10": lambda: np.log10(HALF), "arcsin": lambda: np.arcsin(HALF),
    "arctanh": lambda: np.arctanh(HALF), "arccosh": lambda: np.arccosh(HALF + 1), "tan": lambda: np.tan(HALF + 1),
    "xʸ": lambda: (HALF - 0.25) ** HALF,
    "arctan2": lambda: np.arctan2(Bounded(0.0, np.float64, 0.1), Bounded(-1.0, np.float64)),
}  # fmt: skip


@for_each("unbounded", LEAVES.items())
def test_where_a_function_may_leave_its_domain_or_meet_a_pole_nothing_is_bounded(unbounded):
    assert np.isinf(unbounded().error)


def test_where_it_leaves_its_domain_there_is_no_number_and_at_0_or_1_it_may_be_exact():
    with np.errstate(invalid="ignore"):
        for no_number in (np.sqrt(Bounded(-1, np.float64)), np.log(Bounded(-1, np.float64))):
            assert np.isnan(no_number.error)
    assert np.isfinite(np.cbrt(Bounded(0.0, np.float64, 0.25)).error)
    for zero in (np.arcsin, np.tan, np.arctanh, np.arcsinh, np.cbrt, np.log1p, np.tanh, np.sqrt, np.abs):
        assert zero(Bounded(0.0, np.float64)).value == zero(Bounded(0.0, np.float64)).error == 0
    for one in (np.log, np.log2, np.log10, np.arccos, np.arccosh):
        assert not one(Bounded(1.0, np.float64)).error
