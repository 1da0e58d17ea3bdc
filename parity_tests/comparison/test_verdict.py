"""Two arrays and what they may differ by: they agree, they differ, or rounding leaves it open."""

import numpy as np
import pytest
import torch

from manual import Softmax
from parity_tests.comparison.against_torch import wrong
from torch_ref import Parity, compare, compare_layer
from torch_ref.comparison.verdict import ROUNDING, ZERO_REFERENCE
from torch_ref.tolerance.bounds import layer_bounds

ONES, NAN, INF = np.ones(2), np.array([np.nan, 2.0]), np.array([1.0, np.inf])
SMALL, ZEROS, TINY = np.full(3, 1e-16), np.zeros((2, 3)), np.array([1e-15, 1e-15])


@pytest.mark.parametrize(
    ("ours", "reference", "reason"),
    [
        # shape and dtype are compared before any value
        (np.ones((3, 1)), np.ones(3), "shape (3, 1), expected (3,)"),
        (np.ones((3, 1)), np.ones((1, 3)), "shape (3, 1), expected (1, 3)"),
        (np.ones(3), np.ones(3, np.float32), "dtype float64, expected float32"),
        (np.ones(3, np.float32), np.ones((1, 3)), "shape (3,), expected (1, 3)"),
        (np.array([1, np.nan]), ONES, "nan, expected 1.0, at index (1,)"),
        (ONES, np.array([np.nan, 1]), "1.0, expected nan, at index (0,)"),
        (None, ONES, "missing"),
    ],
)
def test_a_difference_that_is_none_of_numbers_has_a_reason(ours, reference, reason):
    found = compare("here", "y", ours, reference, 1e-15)
    assert (found.verdict, found.reason) == ("differs", reason)


@pytest.mark.parametrize(
    ("ours", "reference", "allowed", "said"),
    [
        (NAN, NAN, 1e-15, "agrees"),
        (NAN, NAN + 1e-9, 1e-15, "differs"),
        (INF, INF, TINY, "agrees"),
        (-INF, INF, TINY, "differs"),
        (np.array([1.0, np.nan]), INF, TINY, "differs"),
        (np.array([1.0, 1e300]), INF, TINY, "differs"),
        (ONES * 1e300, ONES, 1e-300, "differs"),
        (INF, INF, np.array([1e-15, np.nan]), "agrees"),
        (ONES, ONES, np.array([1e-15, np.inf]), f"not judged: {ROUNDING}"),
        (SMALL, SMALL, 1e-15, f"not judged: {ROUNDING}"),
        (SMALL, SMALL, np.inf, f"not judged: {ROUNDING}"),
        (ZEROS, ZEROS, 1e-15, f"not judged: {ZERO_REFERENCE}"),
    ],
)
def test_a_comparison_says(ours, reference, allowed, said):
    found = compare("here", "y", ours, reference, allowed)
    assert said in (found.said, found.verdict)


def test_parameters_that_were_never_updated_fail_however_little_they_should_have_moved():
    before = np.array([1.0, -2.0])
    moved = np.array([1e-12, 0])
    assert not compare("step 1", "weight", before, before + moved, 1e-9, moved=moved).agrees
    assert compare("step 1", "weight", before + moved, before + moved, 1e-15, moved=moved).agrees


def test_an_empty_result_does_not_agree():
    assert not Parity("cpu").agrees


@pytest.mark.parametrize("factor", [-1, 1000])
def test_an_upstream_gradient_of_ones_says_nothing_of_a_softmax_and_a_random_one_does(factor, rng):
    """Its outputs sum to 1 whatever z is: with ones the gradient is 0, a sign flip too, and what is left is
    rounding."""
    x = rng.standard_normal((5, 4))
    z = torch.tensor(x, requires_grad=True)
    a = torch.softmax(z, dim=-1)
    (dz,) = torch.autograd.grad(a, z, torch.ones_like(a))
    allowed = 2 * layer_bounds(Softmax(), x, np.ones_like(x))["dx"].error
    dx, _ = Softmax().backward(np.ones_like(x), Softmax().forward(x)[1])
    assert compare("Softmax", "dx", dx, dz, allowed).reason == ROUNDING

    scaled = wrong(Softmax, backward=lambda self, delta, a: (factor * Softmax.backward(self, delta, a)[0], self))
    first = compare_layer(scaled(), x, rng).first
    assert first
    assert (first.quantity, first.verdict) == ("dx", "differs")
