# pyright: reportAttributeAccessIssue=false
# NumPy says of its functions that they return arrays, which here are Bounded.

"""Each rule of the derived tolerance at its edge: a smaller bound would be wrong there, a larger one looser than the
rule.

Two things hold a rule. For exact operands the bound is compared with the rule as Higham, *Accuracy and Stability of
Numerical Algorithms*, prints it, in exact rational arithmetic. For operands that carry an error the worst case is
looked for: the exact number X lies within the error of the value, an evaluation x within the error of X, and each
formula here is monotone, so that it errs most at the ends of both intervals.
"""

from collections.abc import Callable
from fractions import Fraction
from functools import reduce
from itertools import product
from operator import ge, gt, le, lt
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from flint import arb, ctx

from manual import Undecided
from manual.correlation import correlate, correlate_pictures
from torch_ref.tolerance.bounded import Bounded

DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])
ACCURACY = Fraction(1, 10**14)  # to which part of itself an error is computed, in float64


@pytest.fixture(autouse=True)
def precision():
    with ctx.workprec(300):
        yield


def roundoff(dtype):
    return Fraction(1, 2**24 if dtype is np.float32 else 2**53)


def smallest_normal(dtype):
    return Fraction(1, 2**126 if dtype is np.float32 else 2**1022)


def gamma(m, dtype):
    """γ_m = m·u/(1 − m·u), lemma 3.1."""
    return m * roundoff(dtype) / (1 - m * roundoff(dtype))


def fractions(values):
    return [Fraction(float(v)) for v in np.ravel(values)]


def ball(number):
    return arb(number.numerator) / number.denominator


def assert_is(rule, bounded):
    """Every error is what the rule says."""
    for error, said in zip(fractions(bounded.error), np.ravel(rule), strict=True):
        assert abs(error - said) <= ACCURACY * said


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


def of_windows(x, k):
    """Σ |x||k| over each window, exactly."""
    I, J = x.shape[2] - k.shape[2] + 1, x.shape[3] - k.shape[3] + 1
    windows = [
        x[n, :, i : i + k.shape[2], j : j + k.shape[3]] for n in range(len(x)) for i in range(I) for j in range(J)
    ]
    sums = [
        [sum(abs(p * q) for p, q in zip(fractions(window), fractions(o), strict=True)) for window in windows] for o in k
    ]
    return np.array(sums, dtype=object).reshape(len(k), len(x), I, J).transpose(1, 0, 2, 3)


@DTYPES
def test_a_correlation_is_a_sum_of_as_many_terms_as_meet_in_a_window(dtype, rng):
    x, k, b = (rng.standard_normal(shape).astype(dtype) for shape in [(2, 3, 4, 3), (5, 3, 2, 2), (5, 1, 1)])
    X, K, rule = Bounded(x, dtype), Bounded(k, dtype), of_windows(x, k)
    y: Any = correlate(X, K, (3, 2), (1, 1), (0, 0))  # pyright: ignore[reportArgumentType]
    assert_is(gamma(3 * 2 * 2, dtype) * rule, y)
    assert_is(
        gamma(3 * 2 * 2 + 1, dtype) * (rule + [[[abs(Fraction(float(c)))]] for c in np.ravel(b)]), y + Bounded(b, dtype)
    )
    for one_exact in (correlate(x, K, (3, 2), (1, 1), (0, 0)), correlate(X, k, (3, 2), (1, 1), (0, 0))):  # pyright: ignore
        assert_is(gamma(3 * 2 * 2, dtype) * rule, one_exact)


@DTYPES
def test_the_gradient_of_a_kernel_is_a_sum_over_pictures_and_windows(dtype, rng):
    x, delta = rng.standard_normal((2, 3, 4, 3)).astype(dtype), rng.standard_normal((2, 5, 3, 2)).astype(dtype)
    dk: Any = correlate_pictures(Bounded(x, dtype), Bounded(delta, dtype), (2, 2), (1, 1), (0, 0))  # pyright: ignore
    rule = of_windows(x.transpose(1, 0, 2, 3), delta.transpose(1, 0, 2, 3)).transpose(1, 0, 2, 3)
    assert_is(gamma(2 * 3 * 2, dtype) * rule, dk)


@DTYPES
def test_what_lies_beside_the_field_is_no_term(dtype):
    """Where windows lie 2 apart, a pixel is in at most 2 × 2 of them, though a window has 3 × 3; in the padding is
    nothing."""
    ones = np.ones((1, 1, 3, 3), dtype)
    back: Any = correlate(Bounded(ones, dtype), Bounded(ones, dtype), (7, 7), (1, 1), (2, 2), (2, 2))  # pyright: ignore
    assert back.value.max() == 4
    assert_is(gamma(4, dtype) * np.array(fractions(back.value)), back)
    beside: Any = correlate(Bounded(ones, dtype), Bounded(ones[..., :1, :1], dtype), (5, 5), (1, 1), (1, 1))  # pyright: ignore
    assert_is(gamma(1, dtype) * np.array(fractions(np.pad(np.ones((3, 3)), 1))), beside)
    nothing: Any = correlate(Bounded(ones, dtype), Bounded(ones[..., :1, :1], dtype), (2, 2), (1, 1), (9, 9))  # pyright: ignore
    assert not nothing.value.any()
    assert not nothing.error.any()


def arctan(x: Any) -> Any:
    """What flint calls atan."""
    return x.atan() if isinstance(x, arb) else np.arctan(x)


FUNCTIONS: dict[str, tuple[Callable[[Any], Any], int]] = {
    "exp": (np.exp, 8),
    "log": (np.log, 8),
    "log1p": (np.log1p, 8),
    "tanh": (np.tanh, 8),
    "expm1": (np.expm1, 8),
    "sin": (np.sin, 8),
    "cos": (np.cos, 8),
    "sinh": (np.sinh, 8),
    "cosh": (np.cosh, 8),
    "arctan": (arctan, 8),
    "√x": (np.sqrt, 2),
    "x³": (lambda x: x**3, 8),
    "1/√x": (lambda x: x**-0.5, 8),
}


@DTYPES
@pytest.mark.parametrize(("function", "roundings"), FUNCTIONS.values(), ids=FUNCTIONS)
def test_functions_err_by_4_ulp_and_the_root_by_2u(dtype, function, roundings):
    x = np.array([0.01, 0.3, 0.75, 2.5, 17], dtype=dtype)
    for error, number in zip(function(Bounded(x, dtype)).error, x, strict=True):
        rule = roundings * abs(function(arb(float(number)))) * ball(roundoff(dtype))
        assert abs(arb(float(error)) - rule) <= rule * ball(ACCURACY)


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


ROUNDED_FUNCTIONS: dict[str, Callable[[Any, Any], list[Any]]] = {
    "exp": lambda wide, small: [wide, small],
    "log": lambda wide, small: [np.exp(wide), 1 + small / 2],
    "log1p": lambda wide, small: [np.exp(wide), small / 2],
    "tanh": lambda wide, small: [20 * wide / wide.max(), small],
    "expm1": lambda wide, small: [wide, small],
    "sin": lambda wide, small: [wide, np.exp(wide[:2000]), small],
    "cos": lambda wide, small: [wide, np.exp(wide[:2000]), small],
    "sinh": lambda wide, small: [wide, small],
    "cosh": lambda wide, small: [wide, small],
    "arctan": lambda wide, small: [wide, np.exp(wide), small],
    "sqrt": lambda wide, small: [np.exp(wide), np.exp(wide / 100)],
}


@DTYPES
@pytest.mark.parametrize(("name", "points"), [
    pytest.param(*item, id=item[0], marks=[pytest.mark.slow] * (item[0] not in ("exp", "log", "tanh", "sqrt")))
    for item in ROUNDED_FUNCTIONS.items()
])  # fmt: skip
def test_numpy_and_torch_stay_below_4_ulp_and_below_2u_in_the_root(name, points, dtype, rng):
    """Over the whole range of what is not too large or small for the dtype, and closely near 0, or 1 for the
    logarithm."""
    wide = rng.uniform(-0.98, 0.98, 50_000) * np.log(float(np.finfo(dtype).max))
    small = rng.choice([-1, 1], 50_000) * np.exp(rng.uniform(-40, 0, 50_000))
    x = np.concatenate(points(wide, small)).astype(dtype)
    with ctx.workprec(1200 if name in ("sin", "cos") else ctx.prec):  # to a fraction of a turn, for the largest angle
        truths = [getattr(arb(v), {"arctan": "atan"}.get(name, name))() for v in x.tolist()]
    leading = np.array([float(t) for t in truths])
    trailing = np.array([float(t - arb(v)) for t, v in zip(truths, leading.tolist(), strict=True)])
    allowed = (2 if name == "sqrt" else 8) * float(roundoff(dtype)) * np.abs(leading)
    for evaluation in (getattr(np, name)(x), getattr(torch, name)(torch.from_numpy(x)).numpy()):
        assert evaluation.dtype == dtype
        assert (np.abs((evaluation - leading) - trailing) <= allowed).all()


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
    "exp": Rule(np.exp, [Operand(0, 0.5)], 8),
    "log": Rule(np.log, [Operand(1, 0.25)], 8),
    "log1p": Rule(np.log1p, [Operand(0, 0.25)], 8),
    "tanh at its steepest": Rule(np.tanh, [Operand(0, 2.0**-20)], 8, 1.001),
    "tanh": Rule(np.tanh, [Operand(2, 0.25)], 8),
    "tanh where it is flat": Rule(np.tanh, [Operand(-5, 0.125)], 8),
    "tanh where 1 − tanh² is a rounding error": Rule(np.tanh, [Operand(20.0625, 0.5)], 8),
    "expm1": Rule(np.expm1, [Operand(0, 0.5)], 8),
    "sin at its steepest": Rule(np.sin, [Operand(0, 2.0**-20)], 8, 1.001),
    "sin": Rule(np.sin, [Operand(0.5, 0.25)], 8),
    "cos": Rule(np.cos, [Operand(1.5, 0.25)], 8),
    "sinh": Rule(np.sinh, [Operand(-1, 0.25)], 8),
    "cosh": Rule(np.cosh, [Operand(1, 0.25)], 8),
    "arctan at its steepest": Rule(arctan, [Operand(0, 2.0**-20)], 8, 1.001),
    "arctan": Rule(arctan, [Operand(0.5, 0.25)], 8),
    "√": Rule(np.sqrt, [Operand(1, 0.25)], 2),
    "√ of what may be 0": Rule(np.sqrt, [Operand(0.5, 0.25)], 2, 1.001),
    "first power": Rule(lambda x: x**1, [Operand(3, 0.5)], 8, 1.001),
    "third power": Rule(lambda x: x**3, [Operand(-2, 0.25)], 8),
    "inverse as a power": Rule(lambda x: x**-1, [Operand(1, 0.25)], 8),
    "absolute value": Rule(np.abs, [Operand(-3, 0.5)], 0, 1),
    "larger of a tight and a loose": Rule(np.maximum, [Operand(5, 0.01), Operand(4.5, 1)], 0, 1),
    "larger of a loose and a tight": Rule(np.maximum, [Operand(4.5, 1), Operand(5, 0.01)], 0, 1),
}


@DTYPES
@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
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
def test_a_correlation_carries_the_error_of_either_operand(dtype):
    x, k = [Operand(3, 0.5), Operand(2, 0.25)], [Operand(1, 0.25), Operand(4, 0.5)]
    worst = arb(0)
    for p, q in zip(x, k, strict=True):
        worst += reduce(arb.max, [ours * theirs - X * Y for (X, ours), (Y, theirs) in product(p.pairs(), q.pairs())])
    picture, kernel = ([[[[[*numbers]]]] for numbers in zip(*operands, strict=True)] for operands in (x, k))
    X, K = (Bounded(value, dtype, np.array(error)) for value, error in (picture, kernel))
    both: Any = correlate(X, K, (1, 1), (1, 1), (0, 0))  # pyright: ignore[reportArgumentType]
    assert worst <= float(both.error.item()) <= 2 * worst
    weighed: Any = correlate_pictures(X, K, (1, 1), (1, 1), (0, 0))  # pyright: ignore[reportArgumentType]
    assert_is(fractions(both.error), weighed)
    exact = Bounded(kernel[0], dtype)
    of_x: Any = correlate(X, exact, (1, 1), (1, 1), (0, 0))  # pyright: ignore[reportArgumentType]
    of_k: Any = correlate(exact, X, (1, 1), (1, 1), (0, 0))  # pyright: ignore[reportArgumentType]
    rounding = gamma(2, dtype) * ((3 + 1) * 1 + (2 + Fraction(1, 2)) * 4)
    assert_is([Fraction(1, 2) * 1 + Fraction(1, 4) * 4 + rounding], of_x)
    assert_is(fractions(of_x.error), of_k)


@DTYPES
def test_the_errors_of_the_terms_add_up_in_a_sum_and_enlarge_what_is_rounded(dtype):
    value, error = np.array([1.0, -2.0, 3.0]), np.array([0.5, 0.25, 1.0])
    rule = sum(fractions(error)) + gamma(2, dtype) * sum(fractions(np.abs(value) + 2 * error))
    bounded = Bounded(value, dtype, error)
    assert_is(rule, bounded.sum())
    assert_is(rule, bounded[:1] + bounded[1:].sum())
    assert_is(rule, bounded[0] + bounded[1] + bounded[2])


def test_the_largest_element_may_err_by_the_largest_error():
    """5 ± 0.01 and 4.5 ± 1: exactly 5.5 and 5, evaluated as 6.5."""
    bounded = Bounded([[5, 4.5], [4.5, 5]], np.float64, [[0.01, 1], [1, 0.01]])
    np.testing.assert_array_equal(bounded.max(axis=1).error, [1, 1])
    np.testing.assert_array_equal(bounded.max(axis=0, keepdims=True).error, [[1, 1]])


def test_where_a_function_may_leave_its_domain_nothing_is_bounded():
    half, near_0, near_minus_1 = (Bounded(v, np.float64, e) for v, e in [(0.5, 0.25), (0.5, 0.2500001), (-0.5, 0.25)])
    for unbounded in (
        1 / half,
        0 / half,
        half / near_0,
        np.log(half),
        np.log1p(near_minus_1),
        half**-1,
        np.sqrt(near_0),
    ):
        assert np.isinf(unbounded.error)
    with np.errstate(invalid="ignore"):
        for no_number in (np.sqrt(Bounded(-1, np.float64)), np.log(Bounded(-1, np.float64))):
            assert np.isnan(no_number.error)


@pytest.mark.parametrize("compare", [lt, le, gt, ge])
def test_a_comparison_is_open_as_long_as_two_evaluations_may_meet(compare):
    """1 ± 0.125 may be evaluated as 1.25, and 1.5 ± 0.125 as 1.25."""
    x, y = Bounded(1, np.float64, 0.125), Bounded(1.5, np.float64, 0.125)
    with pytest.raises(Undecided):
        compare(x, y)
    with pytest.raises(Undecided):
        compare(y, x)
    apart = Bounded(1.5 + 2**-40, np.float64, 0.125)
    assert compare(x, apart) == compare(1, 2)
    assert compare(apart, x) == compare(2, 1)
    assert compare(Bounded(1, np.float64), 1) == compare(1, 1)


# -------------------------------------------------------------------- underflow and overflow


@DTYPES
def test_a_result_that_is_flushed_to_zero_lies_within_its_bound(dtype):
    """0 for anything below the smallest normal number t: 63/64 of it is lost, in each product and after each
    difference."""
    t = float(smallest_normal(dtype))
    root, less, lost = t**0.5, 63 / 64 * t**0.5, Fraction(63, 64) * smallest_normal(dtype)
    x, pairs = Bounded(less, dtype), Bounded([t + float(lost), -t] * 50, dtype)
    assert lost <= float((x * root).error) <= 2 * lost
    assert lost <= float((x / (1 / root)).error) <= 2 * lost
    assert lost * 63 / 64 <= float((x**2).error) <= 2 * lost
    assert 100 * lost <= float((Bounded([less] * 100, dtype) @ Bounded([root] * 100, dtype)).error) <= 3 * 100 * lost
    assert lost <= float((pairs[0] + pairs[1]).error) <= 2 * lost
    assert 50 * lost <= float(pairs.sum().error) <= 3 * 50 * lost
    least = dtype(np.log(t) - 1 / 64)
    assert arb(float(least)).exp() <= float(np.exp(Bounded(least, dtype)).error) <= 2 * arb(float(least)).exp()


def test_a_zero_that_underflowed_is_not_exact():
    """The exact result is not 0, as (a·b)·c for a·(b·c) shows where c is large."""
    t, x, row = float(smallest_normal(np.float64)), Bounded(1e-200, np.float64), Bounded([1e-200], np.float64)
    for result in (x * x, x / 1e200, row @ row, x**2, np.exp(Bounded(-800, np.float64))):
        assert result.value == 0
        assert t <= result.error <= 2 * t
    assert abs(Fraction(1e-200) ** 2 * Fraction(1e200)) <= Fraction(float((x * x * 1e200).error))


def test_a_correlation_whose_magnitude_underflows_is_not_exact_and_one_with_zeros_is():
    """1e-200 · 1e-200 is 0 in float64 too, so that the terms must be counted where neither factor is 0."""
    t, k = float(smallest_normal(np.float64)), Bounded([[[[1e-200, 1e-200]]]], np.float64)
    x = Bounded([[[[1e-200, 1e-200, 1e-200, 0, 0, 1e-200, 1]]]], np.float64)
    y: Any = correlate(x, k, (1, 6), (1, 1), (0, 0))  # pyright: ignore[reportArgumentType]
    np.testing.assert_array_equal(y.value[0, 0, 0, :5], np.zeros(5))
    terms = np.array([2, 2, 1, 0, 1])
    assert (terms * t <= y.error[0, 0, 0, :5]).all()
    assert (y.error[0, 0, 0, :5] <= 3 * terms * t).all()
    assert 1e-200 * float(roundoff(np.float64)) <= y.error[0, 0, 0, 5] <= 3e-200 * float(roundoff(np.float64))


@DTYPES
def test_a_product_that_is_flushed_to_zero_lies_within_the_bound_of_a_correlation(dtype):
    t = float(smallest_normal(dtype))
    root, less, lost = t**0.5, 63 / 64 * t**0.5, Fraction(63, 64) * smallest_normal(dtype)
    x, k = (Bounded(np.full((1, 1, 2, 2), v), dtype) for v in (less, root))
    y: Any = correlate(x, k, (1, 1), (1, 1), (0, 0))  # pyright: ignore[reportArgumentType]
    assert 4 * lost <= float(y.error.item()) <= 3 * 4 * lost


@DTYPES
def test_exact_zeros_stay_exact(dtype):
    zero, x = Bounded(0, dtype), Bounded(3, dtype)
    row, log_1 = Bounded([0, 0], dtype), np.log(Bounded(1, dtype))
    for result in (zero * x, x * zero, zero / x, row @ row, row.sum(), zero + zero, zero**2, log_1):
        assert result.value == result.error == 0
    for function in (np.log1p, np.tanh, np.sqrt, np.abs):
        assert function(zero).value == function(zero).error == 0
    assert (Bounded([0, 3], dtype) @ Bounded([5, 0], dtype)).error == 0


@DTYPES
@pytest.mark.parametrize("numerator", [100, 1e10])
def test_a_quotient_whose_divisor_overflows_may_be_0(dtype, numerator):
    """100 / e⁸⁹ is 100 / ∞ = 0 in float32, and a normal number."""
    z = dtype(np.log(float(np.finfo(dtype).max)) + 1e-2)
    truth = numerator / arb(float(z)).exp()
    with np.errstate(over="ignore"):
        assert numerator / np.exp(z) == 0
    assert smallest_normal(dtype) < Fraction(float(truth))
    assert truth <= float((numerator / np.exp(Bounded(z, dtype))).error) <= 3 * truth


# -------------------------------------------------------------------- moving data about

MOVES: dict[str, Callable[[Any], Any]] = {
    "T": lambda a: a.T,
    "reshape": lambda a: a.reshape(3, 2),
    "flatten": lambda a: a.reshape(-1),
    "transpose": lambda a: a.transpose(1, 0),
    "row": lambda a: a[1],
    "columns": lambda a: a[:, ::2],
    "element": lambda a: a[0, 2],
    "rows in another order": lambda a: a[[1, 0]],
    "copy": lambda a: a.copy(),
    "a margin of 0": lambda a: np.pad(a, ((1, 0), (0, 2)), "constant"),
    "its edge repeated": lambda a: np.pad(a, ((0, 2), (1, 1)), "edge"),
}
EACH_MOVE = pytest.mark.parametrize("move", MOVES.values(), ids=MOVES)


@DTYPES
@EACH_MOVE
def test_every_value_takes_its_error_along(dtype, move):
    value, error = np.arange(1.0, 7).reshape(2, 3), np.arange(1.0, 7).reshape(2, 3) / 8
    moved = move(Bounded(value, dtype, error))
    np.testing.assert_array_equal(moved.value, move(value))
    np.testing.assert_array_equal(moved.error, move(error))
    assert moved.dtype == dtype
    assert (moved.shape, moved.ndim, moved.size) == (move(value).shape, move(value).ndim, move(value).size)


@DTYPES
@EACH_MOVE
def test_a_sum_that_was_moved_goes_on_as_one_sum(dtype, move, rng):
    x, y, z = rng.standard_normal((3, 2, 3)).astype(dtype)
    rule = gamma(2, dtype) * np.array(fractions(move(np.abs(x).astype(np.float64) + np.abs(y) + np.abs(z))))
    assert_is(rule, move(Bounded(x, dtype) + Bounded(y, dtype)) + move(Bounded(z, dtype)))


@EACH_MOVE
def test_squares_that_were_moved_are_still_positive(move):
    x = Bounded(np.zeros((2, 3)), np.float64, 1)
    assert move(x * x).positive
    assert not move(x).positive


def test_what_has_a_root_is_what_no_evaluation_makes_negative():
    x, y = Bounded([0, 1], np.float64, 0.5), Bounded([0, 1], np.float64, 0.25)
    for positive in (x * x, x * x + y * y, (x * x).sum(), (x * x) * (y * y), 2 * (x * x), Bounded(1, np.float64, 0.5)):
        assert positive.positive
        assert np.isfinite(np.sqrt(positive).error).all()
    beyond = Bounded(1, np.float64, 0.5 + 2**-40)
    for unknown in (
        x,
        x * y,
        -(x * x),
        x * x - y * y,
        x * x + y,
        y + x * x,
        (x * x) * y,
        -2 * (x * x),
        (x * y).sum(),
        beyond,
    ):
        assert not unknown.positive
        assert np.isinf(np.sqrt(unknown).error).any()


def test_a_margin_of_another_number_errs_by_the_rounding_of_that_number():
    padded: Any = np.pad(Bounded([1.0, 2], np.float32, [0.5, 0.25]), 1, "constant", constant_values=0.1)  # pyright: ignore
    np.testing.assert_array_equal(padded.value, [0.1, 1, 2, 0.1])
    rounding = abs(0.1 - float(np.float32(0.1)))
    np.testing.assert_array_equal(padded.error, [rounding, 0.5, 0.25, rounding])


def test_where_takes_each_error_from_the_operand_that_is_chosen():
    x, y = Bounded([1, 2, 3], np.float64, [1, 2, 3]), Bounded([4, 5, 6], np.float64, [4, 5, 6])
    chosen: Any = np.where(np.array([True, False, True]), x, y)  # pyright: ignore[reportCallIssue, reportArgumentType]
    np.testing.assert_array_equal(chosen.value, [1, 5, 3])
    np.testing.assert_array_equal(chosen.error, [1, 5, 3])
    with_number: Any = np.where(np.array([True, False, True]), x, 0)  # pyright: ignore[reportCallIssue, reportArgumentType]
    np.testing.assert_array_equal(with_number.value, [1, 0, 3])
    np.testing.assert_array_equal(with_number.error, [1, 0, 3])


@DTYPES
def test_zeros_like_are_exact_and_have_shape_and_dtype(dtype):
    zeros: Any = np.zeros_like(Bounded(np.ones((2, 3)), dtype, 1))  # pyright: ignore[reportArgumentType]
    np.testing.assert_array_equal(zeros.value, np.zeros((2, 3)))
    np.testing.assert_array_equal(zeros.error, np.zeros((2, 3)))
    assert zeros.dtype == dtype


def test_a_mask_leaves_or_removes_a_value_with_its_error():
    masked = Bounded([3, 5], np.float32, [1, 2]) * np.array([True, False])
    np.testing.assert_array_equal(masked.value, [3, 0])
    np.testing.assert_array_equal(masked.error, [1, 0])


def test_a_sign_does_not_change_the_error():
    np.testing.assert_array_equal((-Bounded([3, -5], np.float32, [1, 2])).error, [1, 2])


@DTYPES
def test_assigning_elements_replaces_their_errors_and_leaves_the_others(dtype):
    given = np.array([1.0, 2, 3])
    x = held = Bounded(given, dtype, given)
    x[1:] = Bounded([5, 6], dtype, [0.5, 0.25])
    np.testing.assert_array_equal(held.value, [1, 5, 6])
    np.testing.assert_array_equal(held.error, [1, 0.5, 0.25])
    x[np.array([True, False, False])] = 0.1
    np.testing.assert_array_equal(held.value, [0.1, 5, 6])
    np.testing.assert_array_equal(held.error, [abs(0.1 - float(dtype(0.1))), 0.5, 0.25])
    np.testing.assert_array_equal(given, [1, 2, 3])


@DTYPES
def test_a_sum_that_is_added_to_by_assigning_stays_open(dtype):
    terms = np.array([1, -1, 2**-12, 3], dtype=dtype)
    total: Any = Bounded(np.zeros(2), dtype)
    for term in terms:
        total[0] += term
    assert_is(gamma(len(terms), dtype) * np.abs(terms).sum(), total[0])
    total[0] = 7
    assert total.value[0] == 7
    assert not Bounded([1, 2], dtype).error.any()


@DTYPES
@pytest.mark.parametrize(
    "view",
    [lambda a: a[1:], lambda a: a[0], lambda a: a.T, lambda a: a.reshape(6), lambda a: a.transpose(1, 0)[1:].T,
     lambda a: a[:, None, ::2]],
    ids=["rows", "a row", "T", "reshape", "transpose", "slices"],
)  # fmt: skip
def test_a_step_on_a_view_is_a_step_on_the_array(view, dtype):
    a = np.arange(6, dtype=dtype).reshape(2, 3)
    bounded: Any = Bounded(a.copy(), dtype)
    seen, seen_bounded = view(a), view(bounded)
    seen += 1
    seen_bounded += 1
    np.testing.assert_array_equal(bounded.value, a)
    assert bounded.error.any()


def test_a_step_on_a_copy_is_not_a_step_on_the_array():
    bounded: Any = Bounded(np.arange(3), np.float64)
    for copied in (bounded.copy(), bounded[[0, 1]], bounded[np.array([True, False, True])], np.pad(bounded, 1, "edge")):
        copied += 1
    np.testing.assert_array_equal(bounded.value, np.arange(3))


@DTYPES
def test_what_may_overflow_has_no_bound(dtype):
    largest = np.finfo(dtype).max
    x: Any = Bounded(np.array([largest, largest, -largest], dtype=dtype), dtype)
    with np.errstate(over="ignore"):
        for possible in (x.sum(), x * x, x[:1] + x[1:2], np.exp(x[:1]), x @ np.ones(3, dtype=dtype)):
            assert np.isinf(possible.error).all()
    assert np.isfinite((x / 2).error).all()


@DTYPES
def test_equality_is_decided_or_raises(dtype):
    exact: Any = Bounded(np.array([1.0, 0.0]), dtype)
    np.testing.assert_array_equal(exact == 1, [True, False])
    np.testing.assert_array_equal(exact != 0, [True, False])
    np.testing.assert_array_equal(np.zeros(2) == exact, [False, True])
    vague: Any = Bounded(np.array([1e-30]), dtype, 1e-20)
    for decide in (lambda: vague == 0, lambda: vague != 0, lambda: bool(vague)):
        with pytest.raises(Undecided):
            decide()
