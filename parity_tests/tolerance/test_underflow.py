# pyright: reportAttributeAccessIssue=false
# NumPy says of its functions that they return arrays, which here are Bounded.

"""At the ends of the range: what is flushed to 0 is not exact, what may overflow has no bound, and 0 stays exact."""

from fractions import Fraction
from typing import Any

import flint
import numpy as np
import pytest
from flint import arb
from hypothesis import given

from manual import Sigmoid
from manual.numbers.correlation import correlate
from parity_tests.tolerance.exact import DTYPES, assert_within, balls, few, roundoff, seeds, smallest_normal
from torch_ref.tolerance.bounded import Bounded


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


def test_a_product_that_underflows_or_overflows_in_some_order_says_so():
    tiny, t = Bounded([1e-200, 1e-200, 1e200, 1e100], np.float64), float(np.finfo(np.float64).smallest_normal)
    assert t * 1e300 <= np.prod(tiny).error  # pyright: ignore
    assert np.isinf(np.prod(Bounded([1e200, 1e-200, 1e200], np.float64)).error)  # pyright: ignore
    assert not np.prod(Bounded([0.0, 3, 5], np.float64)).error  # pyright: ignore
    three = [Bounded([v], np.float64) for v in (1e-200, 1e-200, 1e200)]
    assert t * 1e200 <= np.einsum("i,i,i", *three).error  # pyright: ignore


@DTYPES
def test_a_sigmoid_that_overflows_is_bounded_by_the_smallest_normal_number(dtype):
    z = np.array([-1e4, -800, -200, -95, 95, 1e4], dtype=dtype)
    a, _ = Sigmoid().forward(z)
    b: Any = Sigmoid().forward(Bounded(z, dtype))[0]  # pyright: ignore[reportArgumentType]
    with flint.ctx.workprec(30_000):
        assert_within([a], 1 / (1 + np.exp(-balls(z))), b)
    assert (b.error[z < -89] <= 1.2e-38).all() if dtype is np.float32 else (b.error[z < -709] <= 2.3e-308).all()


@DTYPES
@few
@given(seed=seeds)
def test_the_root_of_squares_that_underflow_has_a_bound_and_of_a_difference_has_none(dtype, seed):
    """g² may underflow to 0, and √g² be 0 for |g|; it is never negative. A difference may be, and its root is no
    number."""
    half = np.log10(np.sqrt(float(np.finfo(dtype).smallest_normal)))
    g = (np.random.default_rng(seed).standard_normal(8) * 10.0 ** (half + np.linspace(-3, 3, 8))).astype(dtype)
    G, B = balls(g), Bounded(g, dtype)
    assert_within([np.sqrt(g * g), np.sqrt(g * g * 2 / 2)], np.sqrt(G * G), np.sqrt(B * B))
    assert_within([np.sqrt(g * g + g * g)], np.sqrt(2 * G * G), np.sqrt(B * B + B * B))
    assert np.isinf(np.sqrt(B * B - B * B).error).any()


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


@DTYPES
def test_what_may_overflow_has_no_bound(dtype):
    largest = np.finfo(dtype).max
    x: Any = Bounded(np.array([largest, largest, -largest], dtype=dtype), dtype)
    with np.errstate(over="ignore"):
        for possible in (x.sum(), x * x, x[:1] + x[1:2], np.exp(x[:1]), x @ np.ones(3, dtype=dtype)):
            assert np.isinf(possible.error).all()
    assert np.isfinite((x / 2).error).all()
