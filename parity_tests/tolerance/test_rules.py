# pyright: reportAttributeAccessIssue=false
# NumPy says of its functions that they return arrays, which here are Bounded.

"""Each rule for sums and products at its edge: a smaller bound would be wrong there, a larger one looser than the
rule.

Two things hold a rule. For exact operands the bound is compared with the rule as Higham, *Accuracy and Stability of
Numerical Algorithms*, prints it, in exact rational arithmetic, and an evaluation is given that reaches it. For
operands that carry an error the worst case is looked for: the exact number X lies within the error of the value, an
evaluation x within the error of X, and each formula here is monotone, so that it errs most at the ends of both.
"""

from collections.abc import Callable
from fractions import Fraction
from functools import reduce
from itertools import product
from typing import Any, NamedTuple

import numpy as np
import pytest
from flint import arb

from parity_tests.for_each import for_each
from parity_tests.tolerance.exact import (
    ACCURACY,
    DTYPES,
    assert_is,
    assert_same,
    ball,
    balls,
    distance,
    fractions,
    gamma,
    roundoff,
)
from torch_ref.tolerance.bounded import Bounded

# -------------------------------------------------------------------- exact operands: the rule as it is printed


@DTYPES
@pytest.mark.parametrize("n", [2, 3, 100, 2000])
def test_a_sum_of_n_terms_errs_by_gamma_of_n_less_1(dtype, n, rng):
    x = rng.standard_normal(n).astype(dtype)
    assert_is(gamma(n - 1, dtype) * sum(map(abs, fractions(x))), Bounded(x, dtype).sum())


@DTYPES
def test_a_sum_of_sums_is_one_sum(dtype, rng):
    x = rng.standard_normal((3, 4)).astype(dtype)
    rule, b = gamma(11, dtype) * sum(map(abs, fractions(x))), Bounded(x, dtype)
    assert_is(rule, b.sum(axis=0).sum(axis=0))
    assert_is(rule, b[0].sum() + b[1:].sum())
    assert_is(rule, b[:, :2].sum() - -b[:, 2:].sum())


@DTYPES
@pytest.mark.parametrize("n", [1, 2, 50])
def test_an_inner_product_of_n_terms_errs_by_gamma_of_n_and_by_one_more_with_a_bias(dtype, n, rng):
    a, W, b = (rng.standard_normal(shape).astype(dtype) for shape in [(2, n), (3, n), 3])
    magnitudes = [[sum(abs(p * q) for p, q in zip(fractions(x), fractions(w), strict=True)) for w in W] for x in a]
    inner = Bounded(a, dtype) @ Bounded(W, dtype).T
    assert_is([gamma(n, dtype) * m for row in magnitudes for m in row], inner)
    with_bias = [
        gamma(n + 1, dtype) * (m + abs(bias)) for row in magnitudes for m, bias in zip(row, fractions(b), strict=True)
    ]
    assert_is(with_bias, inner + Bounded(b, dtype))


@DTYPES
def test_products_and_quotients_err_by_2u(dtype, rng):
    x, y = rng.standard_normal((2, 20)).astype(dtype)
    pairs = list(zip(fractions(x), fractions(y), strict=True))
    assert_is([2 * roundoff(dtype) * abs(p * q) for p, q in pairs], Bounded(x, dtype) * Bounded(y, dtype))
    assert_is([2 * roundoff(dtype) * abs(p / q) for p, q in pairs], Bounded(x, dtype) / Bounded(y, dtype))
    assert_is([2 * roundoff(dtype) * abs(3 * p) for p, _ in pairs], Bounded(x, dtype) * 3)


@DTYPES
def test_a_number_from_python_errs_by_its_rounding_to_the_dtype(dtype):
    u, tenth, three = roundoff(dtype), Fraction(0.1), Bounded(np.array(3.0), dtype)
    rounding = abs(tenth - Fraction(float(dtype(0.1))))
    assert_is([3 * rounding + 2 * u * 3 * (tenth + 2 * rounding)], three * 0.1)
    assert_is([rounding + gamma(1, dtype) * (3 + tenth + 2 * rounding)], three + 0.1)


def test_a_sum_of_1_over_u_terms_has_no_bound():
    """γ_m has a pole at m = 1/u, and is negative beyond."""
    ones = Bounded(np.ones(5000), np.float16)
    assert 0 < ones[:2048].sum().error < np.inf
    assert np.isinf(ones[:2049].sum().error)
    assert np.isinf(ones.sum().error)


@DTYPES
def test_the_beginnings_of_a_sum_err_by_their_own_number_of_terms(dtype):
    ones = Bounded(np.ones(100), dtype)
    assert_is([gamma(m, dtype) * (m + 1) for m in range(100)], np.cumsum(ones))  # pyright: ignore
    assert_is([gamma(m, dtype) for m in range(100)], np.cumprod(ones))  # pyright: ignore


# -------------------------------------------------------------------- exact operands: evaluations that reach the rule


def half_ulps(n, dtype):
    """Numbers that leave 1, or anything above it with an even last digit, as it is, added one by one: each is lost to
    a tie."""
    return np.full(n, float(roundoff(dtype)), dtype=dtype)


def assert_reached(evaluation, truth, bounded, times):
    error = abs(Fraction(float(evaluation)) - truth)
    assert error <= Fraction(float(bounded.error)) <= times * error


@DTYPES
def test_adding_up_half_ulps_reaches_the_bound_of_a_sum(dtype):
    x = np.concatenate([np.ones(1), half_ulps(1000, dtype)]).astype(dtype)
    bounds = [Bounded(x, dtype).sum(), Bounded(x[:300], dtype).sum() + Bounded(x[300:], dtype).sum()]
    for bounded in bounds:
        assert_reached(np.cumsum(x)[-1], sum(fractions(x)), bounded, times=1.001)


@DTYPES
def test_a_tie_in_every_product_and_every_sum_reaches_the_bound_of_an_inner_product(dtype):
    digits = 24 if dtype is np.float32 else 53
    x = np.concatenate([[1 + 2.0 ** -(digits // 2)], half_ulps(1000, dtype)]).astype(dtype)
    y = np.concatenate([[1 + 2.0 ** -(digits - digits // 2)], np.ones(1000)]).astype(dtype)
    truth = sum(p * q for p, q in zip(fractions(x), fractions(y), strict=True))
    inner = Bounded(x, dtype) @ Bounded(y, dtype)
    assert_reached(np.cumsum(x * y)[-1], truth, inner, times=1.001)
    bias = half_ulps(1, dtype)[0]
    assert_reached(np.cumsum(np.append(x * y, bias))[-1], truth + Fraction(float(bias)), inner + bias, times=1.001)


def test_division_by_way_of_the_reciprocal_reaches_the_bound_of_a_quotient(rng):
    x, y = rng.uniform(1, 2, (2, 100_000)).astype(np.float32)
    error = np.abs(x * (1 / y) - x.astype(np.float64) / y)
    bound = (Bounded(x, np.float32) / Bounded(y, np.float32)).error
    assert (error <= bound).all()
    assert (error >= 0.9 * bound).any()


# -------------------------------------------------------------------- operands that carry an error


class Operand(NamedTuple):
    value: float
    error: float = 0

    def pairs(self):
        """An exact number, and an evaluation of it."""
        v, e = arb(self.value), arb(self.error)
        return [(v + s * e, v + s * e + t * e) for s, t in product((-1, 0, 1), repeat=2)]


class Rule(NamedTuple):
    """A formula, its operands, how often its result may be rounded, and the bound as a multiple of the worst case at
    most."""

    formula: Callable[..., Any]
    operands: list[Operand]
    roundings: int
    times: float = 2

    def worst(self, dtype):
        found, rounding = arb(0), self.roundings * ball(roundoff(dtype))
        for pairs in product(*(operand.pairs() for operand in self.operands)):
            truth, evaluation = (self.formula(*numbers) for numbers in zip(*pairs, strict=True))
            for factor in (1 - rounding, 1 + rounding):
                found = found.max(abs(evaluation * factor - truth))
        return found


RULES = {
    "sum": Rule(lambda x, y: x + y, [Operand(3, 0.5), Operand(2, 0.25)], 1, 1.001),
    "difference": Rule(lambda x, y: x - y, [Operand(3, 0.5), Operand(-2, 0.25)], 1, 1.001),
    "difference from an exact number": Rule(lambda x: 2 - x, [Operand(-3, 0.5)], 1, 1.001),
    "product": Rule(lambda x, y: x * y, [Operand(3, 0.5), Operand(-2, 0.25)], 2),
    "product with an exact number": Rule(lambda x, y: x * y, [Operand(3, 0.5), Operand(-7)], 2, 1.001),
    "product of what may be 0": Rule(lambda x, y: x * y, [Operand(0, 0.5), Operand(0.25, 0.25)], 2),
    "quotient by an exact number": Rule(lambda x, y: x / y, [Operand(3, 0.5), Operand(-4)], 2, 1.001),
    "quotient by a divisor near its error": Rule(lambda x, y: x / y, [Operand(1), Operand(1, 0.25)], 2),
    "quotient of two": Rule(lambda x, y: x / y, [Operand(-1, 0.125), Operand(1, 0.125)], 2),
    "reciprocal": Rule(lambda x: 1 / x, [Operand(-1, 0.25)], 2),
    "first power": Rule(lambda x: x**1, [Operand(3, 0.5)], 8, 1.001),
    "third power": Rule(lambda x: x**3, [Operand(-2, 0.25)], 8),
    "inverse as a power": Rule(lambda x: x**-1, [Operand(1, 0.25)], 8),
    "absolute value": Rule(np.abs, [Operand(-3, 0.5)], 0, 1),
    "larger of a tight and a loose": Rule(np.maximum, [Operand(5, 0.01), Operand(4.5, 1)], 0, 1),
    "larger of a loose and a tight": Rule(np.maximum, [Operand(4.5, 1), Operand(5, 0.01)], 0, 1),
    "larger of two, decided": Rule(np.maximum, [Operand(5, 0.01), Operand(0, 1)], 0, 1),
    "smaller of two, decided": Rule(np.minimum, [Operand(5, 1), Operand(0)], 0),
}


@DTYPES
@for_each("rule", RULES.items())
def test_the_bound_covers_the_worst_case_and_stays_near_it(dtype, rule):
    worst, bounded = rule.worst(dtype), rule.formula(*(Bounded(value, dtype, error) for value, error in rule.operands))
    assert worst <= float(bounded.error) * (1 + ball(ACCURACY))
    assert float(bounded.error) <= rule.times * worst
    assert bounded.value == rule.formula(*(np.float64(value) for value, _ in rule.operands))


@DTYPES
def test_an_inner_product_carries_the_error_of_either_operand(dtype):
    x, y = [Operand(3, 0.5), Operand(-2, 0.25)], [Operand(1, 0.25), Operand(4, 0.5)]
    worst = arb(0)
    for p, q in zip(x, y, strict=True):
        worst += reduce(arb.max, [ours * theirs - X * Y for (X, ours), (Y, theirs) in product(p.pairs(), q.pairs())])
    bounded = Bounded([v for v, _ in x], dtype, [e for _, e in x]) @ Bounded(
        [v for v, _ in y], dtype, [e for _, e in y]
    )
    assert worst <= float(bounded.error) <= 2 * worst


@DTYPES
def test_the_errors_of_the_terms_add_up_in_a_sum_and_enlarge_what_is_rounded(dtype):
    value, error = np.array([1.0, -2.0, 3.0]), np.array([0.5, 0.25, 1.0])
    rule = sum(fractions(error)) + gamma(2, dtype) * sum(fractions(np.abs(value) + 2 * error))
    bounded = Bounded(value, dtype, error)
    assert_is(rule, bounded.sum())
    assert_is(rule, bounded[:1] + bounded[1:].sum())
    assert_is(rule, bounded[0] + bounded[1] + bounded[2])


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
