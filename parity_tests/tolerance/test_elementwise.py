# pyright: reportAttributeAccessIssue=false
# NumPy says of its functions that they return arrays, which here are Bounded.

"""Functions that have no ball of their name: 4 ulp is what they err by at most, and an error grows by at most their
slope.

Like test_bounds_edges.py, for the functions whose truth is a formula in balls.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from flint import arb, ctx

from torch_ref.tolerance.bounded import Bounded

DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])


@pytest.fixture(autouse=True)
def precision():
    with ctx.workprec(300):
        yield


class Function(NamedTuple):
    """The truth; where it is tried, from wide and from small numbers; and a value with an error, inside the domain."""

    truth: Callable[[arb], arb]
    points: Callable[[Any, Any], list[Any]]
    value: float
    error: float


FUNCTIONS = {
    "exp2": Function(lambda v: (v * arb(2).log()).exp(), lambda wide, small: [wide / np.log(2), small], 0.5, 0.25),
    "log2": Function(lambda v: v.log() / arb(2).log(), lambda wide, small: [np.exp(wide), 1 + small / 2], 1.25, 0.25),
    "log10": Function(lambda v: v.log() / arb(10).log(), lambda wide, small: [np.exp(wide), 1 + small / 2], 1.25, 0.25),
    "tan": Function(arb.tan, lambda wide, small: [wide, np.exp(wide[:1000]), small], 0.75, 0.125),
    "arcsin": Function(arb.asin, lambda wide, small: [wide / np.abs(wide).max(), small], 0.5, 0.125),
    "arccos": Function(
        arb.acos, lambda wide, small: [wide / np.abs(wide).max(), small, 1 - np.abs(small)], -0.5, 0.125
    ),
    "arcsinh": Function(arb.asinh, lambda wide, small: [wide, np.exp(wide), small], 0, 2**-10),
    "arccosh": Function(arb.acosh, lambda wide, small: [np.exp(np.abs(wide)), 1 + np.abs(small)], 2, 0.25),
    "arctanh": Function(arb.atanh, lambda wide, small: [0.99999 * wide / np.abs(wide).max(), small], 0.5, 0.125),
    "cbrt": Function(
        lambda v: v.root(3) if v > 0 else -(-v).root(3), lambda wide, small: [np.exp(wide), small], -1, 0.25
    ),
}
EACH = pytest.mark.parametrize(("name", "function"), FUNCTIONS.items(), ids=FUNCTIONS)


@DTYPES
@EACH
def test_numpy_and_torch_stay_below_4_ulp(name, function, dtype, rng):
    wide = rng.uniform(-0.98, 0.98, 10_000) * np.log(float(np.finfo(dtype).max))
    small = rng.choice([-1, 1], 10_000) * np.exp(rng.uniform(-40, 0, 10_000))
    x = np.concatenate(function.points(wide, small)).astype(dtype)
    with ctx.workprec(1200 if name == "tan" else ctx.prec):  # to a fraction of a turn, for the largest angle
        truths = [function.truth(arb(v)) for v in x.tolist()]
    leading = np.array([float(t) for t in truths])
    trailing = np.array([float(t - arb(v)) for t, v in zip(truths, leading.tolist(), strict=True)])
    evaluations = [
        getattr(np, name)(x),
        *([getattr(torch, name)(torch.from_numpy(x)).numpy()] if hasattr(torch, name) else []),
    ]
    for evaluation in evaluations:
        assert evaluation.dtype == dtype
        assert (np.abs((evaluation - leading) - trailing) <= 4 * float(np.finfo(dtype).eps) * np.abs(leading)).all()


@DTYPES
@EACH
def test_the_error_is_the_rule_s_for_exact_numbers_and_covers_the_worst_of_others(name, function, dtype):
    eps = float(np.finfo(dtype).eps)
    exact: Any = getattr(np, name)(Bounded(function.value or 0.3, dtype))
    truth = abs(function.truth(arb(function.value or 0.3)))
    assert abs(arb(float(exact.error)) - 4 * eps * truth) <= 1e-14 * 4 * eps * truth
    bounded: Any = getattr(np, name)(Bounded(function.value, dtype, function.error))
    v, e = arb(function.value), arb(function.error)
    worst = max(abs(function.truth(v + s * e + t * e) - function.truth(v + s * e)) for s in (-1, 1) for t in (-1, 1))
    assert worst <= arb(float(bounded.error)) <= 2 * worst + 8 * eps * abs(float(bounded.value)) + 1e-30


def test_where_a_function_may_leave_its_domain_or_meet_a_pole_nothing_is_bounded():
    half: Any = Bounded(0.5, np.float64, 0.25)
    for unbounded in (
        np.log2(half),
        np.log10(half),
        np.arcsin(half),
        np.arctanh(half),
        np.arccosh(half + 1),
        np.tan(half + 1),
        (half - 0.25) ** half,
    ):
        assert np.isinf(unbounded.error)
    assert np.isfinite(np.cbrt(Bounded(0.0, np.float64, 0.25)).error)
    jump: Any = np.arctan2(Bounded(0.0, np.float64, 0.1), Bounded(-1.0, np.float64))  # pyright: ignore
    assert np.isinf(jump.error)
    for zero in (np.arcsin, np.tan, np.arctanh, np.arcsinh, np.cbrt):
        assert not zero(Bounded(0.0, np.float64)).error
    for one in (np.log2, np.log10, np.arccos, np.arccosh):
        assert not one(Bounded(1.0, np.float64)).error
