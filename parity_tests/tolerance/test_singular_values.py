"""The bound of a matrix whose singular values are brought near 1: it holds, and does not grow as a number's would."""

from typing import Any

import numpy as np
import pytest

from manual.numbers import special
from torch_ref.tolerance.bounded import Bounded

MUON = (3.4445, -4.775, 2.0315)


newton_schulz: Any = special.newton_schulz  # of arrays and of arrays with a bound


def in_float32(X: np.ndarray, coefficients: tuple[float, float, float], steps: int) -> np.ndarray:
    """Every number rounded to float32 after every operation."""
    return newton_schulz(X.astype(np.float32), *coefficients, steps).astype(np.float64)


@pytest.mark.parametrize("coefficients", [MUON, (2, -1.5, 0.5), (1.5, -0.5, 0), (0, 0, 1)])
@pytest.mark.parametrize("shape", [(1, 1), (2, 5), (8, 8), (20, 30)])
def test_no_evaluation_lies_beyond_it(shape, coefficients, rng):
    for error in (0, 1e-7, 1e-4):
        X = rng.standard_normal(shape)
        X /= np.linalg.norm(X)
        bound = Bounded(X, np.float32, error * np.ones(shape))
        for steps in (1, 5):
            allowed = newton_schulz(bound, *coefficients, steps).error
            moved = X + error * rng.choice([-1, 1], shape)
            exact = newton_schulz(X, *coefficients, steps)
            assert np.all(np.abs(in_float32(moved, coefficients, steps) - exact) <= allowed + 1e-7 * np.abs(moved))


def test_a_small_error_grows_by_the_steepest_slope_and_not_by_the_number_of_products():
    X = np.full((1, 1), 1e-3)  # whose f' is a, all but exactly
    for coefficients in (MUON, (3, 0, 0)):
        grown = newton_schulz(Bounded(X, np.float64, np.full((1, 1), 1e-9)), *coefficients, 3).error
        assert coefficients[0] ** 3 * 0.99e-9 < grown.item() < coefficients[0] ** 3 * 1.01e-9


def test_the_steepest_slope_may_lie_between_both_ends():
    """f' is 1 at 0 and at ½, and −1 where σ² is 1/8: a + 3bσ² + 5cσ⁴ with 5c = 128, 3b = −32."""
    X, error = np.full((1, 1), 0.5), np.full((1, 1), 1e-9)
    grown = newton_schulz(Bounded(X, np.float64, error), 1.9, -32 / 3, 128 / 5, 1).error.item()
    assert grown >= 1.9e-9
    grown = newton_schulz(Bounded(X, np.float64, error), 0.1, -32 / 3, 128 / 5, 1).error.item()
    assert grown >= 1.9e-9


@pytest.mark.filterwarnings("ignore:invalid value")
def test_an_infinity_has_no_bound():
    assert np.isinf(newton_schulz(Bounded(np.full((2, 2), np.inf), np.float64), *MUON, 5).error).all()
