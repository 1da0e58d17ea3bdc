"""What a bound is held against: exact rationals and balls, and the constants of Higham, *Accuracy and Stability of
Numerical Algorithms*."""

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from flint import arb
from hypothesis import settings
from hypothesis import strategies as st

DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])
few = settings(deadline=None, max_examples=25, derandomize=True)
seeds = st.integers(0, 2**32 - 1)
ACCURACY = Fraction(1, 10**14)
"""To which part of itself an error is computed, in float64."""


def roundoff(dtype: Any) -> Fraction:
    """u, half of the distance between 1 and the next number."""
    return Fraction(1, 2**24 if dtype is np.float32 else 2**53)


def smallest_normal(dtype: Any) -> Fraction:
    """The smallest number of full precision."""
    return Fraction(1, 2**126 if dtype is np.float32 else 2**1022)


def gamma(m: int, dtype: Any) -> Fraction:
    """γ_m = m·u/(1 − m·u), lemma 3.1."""
    return m * roundoff(dtype) / (1 - m * roundoff(dtype))


def fractions(values: Any) -> list[Fraction]:
    """Floats as they are."""
    return [Fraction(float(v)) for v in np.ravel(values)]


def ball(number: Fraction) -> arb:
    """A rational."""
    return arb(number.numerator) / number.denominator


def balls(array: Any) -> Any:
    """An array of floats as an object array of balls."""
    return np.vectorize(lambda v: arb(float(v)), otypes=[object])(array)


def distance(evaluation: Any, truth: Any) -> Any:
    """|evaluation − truth|, as floats that are not too small."""
    pairs = zip(np.ravel(evaluation), np.ravel(truth), strict=True)
    gaps = [float(abs(arb(float(value)) - exact).upper()) for value, exact in pairs]
    return np.array(gaps).reshape(np.shape(evaluation))


def assert_is(rule: Any, bounded: Any) -> None:
    """Every error is what the rule says."""
    for error, said in zip(fractions(bounded.error), np.ravel(rule), strict=True):
        assert abs(error - said) <= ACCURACY * said


def assert_within(evaluations: Any, truth: Any, bounded: Any) -> None:
    """Every evaluation lies within the bound of the truth; and the bound is finite."""
    assert np.isfinite(bounded.error).all()
    for evaluation in evaluations:
        assert np.shape(evaluation) == np.shape(truth) == bounded.shape
        assert (distance(evaluation, truth) <= bounded.error).all()


def assert_same(x: Any, y: Any) -> None:
    """Equal values, and equal errors."""
    for part in ("value", "error"):
        a, b = (np.asarray(getattr(v, part, v)) for v in (x, y))
        np.testing.assert_array_equal(a, b)


def draw(seed: int, shape: Any, dtype: Any, spread: int = 3) -> Any:
    """Numbers of either sign over some orders of magnitude, so that sums cancel and terms differ in size."""
    rng = np.random.default_rng(seed)
    return (rng.standard_normal(shape) * 10.0 ** rng.uniform(-spread, spread, shape)).astype(dtype)
