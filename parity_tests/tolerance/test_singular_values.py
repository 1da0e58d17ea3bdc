"""The bound of a matrix whose singular values are brought near 1: it holds, and does not grow as a number's would."""

from typing import Any

import numpy as np
import pytest

from manual.numbers import special
from torch_ref.tolerance.bounded import Bounded

MUON = (3.4445, -4.775, 2.0315)


newton_schulz: Any = special.newton_schulz  # of arrays and of arrays with a bound


@pytest.mark.parametrize("coefficients", [MUON, (2, -1.5, 0.5), (1.5, -0.5, 0), (0, 0, 1)])
@pytest.mark.parametrize("shape", [(1, 1), (2, 5), (8, 8), (20, 30)])
def test_no_evaluation_lies_beyond_it(shape, coefficients, rng):
    for error in (0, 1e-7, 1e-4):
        X = rng.standard_normal(shape)
        X /= np.linalg.norm(X)
        moved = (X + error * rng.choice([-1, 1], shape)).astype(np.float32)
        bound = Bounded(X, np.float32, np.abs(X - moved))
        for steps in (1, 5):
            evaluated, exact = (newton_schulz(Y, *coefficients, steps) for Y in (moved, X))
            assert np.all(np.abs(evaluated - exact) <= newton_schulz(bound, *coefficients, steps).error)


def test_a_small_error_grows_by_the_steepest_slope_and_not_by_the_number_of_products():
    """Of 3X the slope is 3, whatever X: three steps take an error to 27 times itself, and add roundings."""
    grown = newton_schulz(Bounded(np.full((3, 4), 0.1), np.float64, np.full((3, 4), 1e-3)), 3, 0, 0, 3).error
    assert np.allclose(grown, 27e-3 * 12**0.5)  # the norm of twelve


def test_the_steepest_slope_may_lie_between_both_ends():
    """f' = a − 32σ² + 128σ⁴ is a at 0 and at ½, and a − 2 between them, where σ² is 1/8."""
    X, error = np.full((1, 1), 0.5), np.full((1, 1), 1e-9)
    grown = newton_schulz(Bounded(X, np.float64, error), 1.9, -32 / 3, 128 / 5, 1).error.item()
    assert grown >= 1.9e-9
    grown = newton_schulz(Bounded(X, np.float64, error), 0.1, -32 / 3, 128 / 5, 1).error.item()
    assert grown >= 1.9e-9


@pytest.mark.filterwarnings("ignore:(invalid value|overflow)")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("value", "coefficients", "steps"), [
    (np.inf, MUON, 5), (np.nan, MUON, 5), (0.5, MUON, 40), (0.5, (3, 3, 3), 20), (0.5, (1e300, 0, 0), 2),
])  # fmt: skip
def test_what_may_overflow_has_no_bound(value, coefficients, steps, dtype):
    X = Bounded(np.full((2, 2), value), dtype, np.full((2, 2), 1e-7))
    assert np.isinf(newton_schulz(X, *coefficients, steps).error).all()
