# pyright: reportAttributeAccessIssue=false
# NumPy says of its functions that they return arrays, which here are Bounded.

"""What depends on how numbers compare is decided where no evaluation could decide otherwise, and raises elsewhere."""

from operator import ge, gt, le, lt
from typing import Any

import numpy as np
import pytest

from manual import Undecided
from parity_tests.tolerance.exact import DTYPES
from torch_ref.tolerance.bounded import Bounded


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


@DTYPES
def test_equality_is_decided_or_raises(dtype):
    exact: Any = Bounded(np.array([1.0, 0.0]), dtype)
    np.testing.assert_array_equal(exact == 1, [True, False])
    np.testing.assert_array_equal(exact != 0, [True, False])
    np.testing.assert_array_equal(np.zeros(2) == exact, [False, True])
    np.testing.assert_array_equal(np.isclose(exact, np.array([1 + 1e-6, 0.1], dtype)), [True, False])
    vague: Any = Bounded(np.array([1e-30]), dtype, 1e-20)
    for decide in (lambda: vague == 0, lambda: vague != 0, lambda: bool(vague)):
        with pytest.raises(Undecided):
            decide()


def test_an_index_is_decided_or_raises():
    x: Any = Bounded([[1.0, 3, 2], [5, 4, 6]], np.float64, 0.1)
    near: Any = Bounded([1.0, 1.1], np.float64, 0.1)
    np.testing.assert_array_equal(x.argmax(axis=1), [1, 2])
    np.testing.assert_array_equal(x.argmin(axis=0, keepdims=True), [[0, 0, 0]])
    assert np.argmax(x) == 5
    np.testing.assert_array_equal(np.argsort(x), [[0, 2, 1], [1, 0, 2]])
    for decide in (np.argmax, np.argmin, np.argsort):
        with pytest.raises(Undecided):
            decide(near)
    tie: Any = Bounded([2.0, 1, 2], np.float64)
    assert tie.argmax() == 0
    np.testing.assert_array_equal(np.argsort(tie, kind="stable"), [1, 0, 2])
    with pytest.raises(Undecided):
        np.argsort(tie)


def test_a_sorted_array_whose_order_is_open_takes_the_largest_error():
    x: Any = Bounded([3.0, 1, 2], np.float64, [0.1, 0.2, 0.01])
    np.testing.assert_array_equal(np.sort(x).error, [0.2, 0.01, 0.1])  # pyright: ignore
    near: Any = Bounded([1.2, 1, 2], np.float64, [0.1, 0.2, 0.01])
    np.testing.assert_array_equal(np.sort(near).value, [1, 1.2, 2])  # pyright: ignore
    np.testing.assert_array_equal(np.sort(near).error, [0.2, 0.2, 0.2])  # pyright: ignore
    near.sort()
    np.testing.assert_array_equal(near.value, [1, 1.2, 2])


@pytest.mark.parametrize("f", [np.sign, np.floor, np.ceil, np.rint, np.trunc], ids=lambda f: f.__name__)
def test_a_jump_is_decided_or_raises(f):
    values = np.array([-2.3, -0.2, 0.2, 1.7])
    found: Any = f(Bounded(values, np.float64, 0.05))
    np.testing.assert_array_equal(found.value, f(values))
    assert not found.error.any()
    with pytest.raises(Undecided):
        f(Bounded([-0.01, 0.49, 0.99], np.float64, 0.05))


def test_truths_are_decided_or_raise():
    parts: Any = [Bounded([[1.0, 0], [0, 0]], np.float64), Bounded([[2.0, -3]], np.float64, 0.1)]
    sure: Any = np.concatenate(parts)
    open_: Any = Bounded([1e-9], np.float64, 1e-8)
    np.testing.assert_array_equal(np.any(sure, axis=1), [True, False, True])
    np.testing.assert_array_equal(sure.all(axis=1), [False, False, True])
    assert np.count_nonzero(sure) == 3
    np.testing.assert_array_equal(np.logical_not(sure)[0], [False, True])
    np.testing.assert_array_equal(np.where(sure)[0], [0, 2, 2])
    np.testing.assert_array_equal(np.where(sure, sure, 7).value, [[1, 7], [7, 7], [2, -3]])  # pyright: ignore
    np.testing.assert_array_equal(sure[sure > 0].value, [1, 2])
    for decide in (np.any, np.all, np.count_nonzero, np.logical_not, np.nonzero, lambda x: np.where(x, 1.0, 0.0)):
        with pytest.raises(Undecided):
            decide(open_)


def test_what_may_overflow_is_neither_finite_nor_not():
    largest = float(np.finfo(np.float64).max)
    x: Any = Bounded([1.0, np.inf, np.nan], np.float64)
    for f in (np.isfinite, np.isinf, np.isnan):
        np.testing.assert_array_equal(f(x), f(x.value))
        with np.errstate(over="ignore"), pytest.raises(Undecided):
            f(Bounded([largest], np.float64) * 2)
    assert np.isfinite(x[:1] * 3).all()


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


def test_the_largest_element_may_err_by_the_largest_error():
    """5 ± 0.01 and 4.5 ± 1: exactly 5.5 and 5, evaluated as 6.5."""
    bounded = Bounded([[5, 4.5], [4.5, 5]], np.float64, [[0.01, 1], [1, 0.01]])
    np.testing.assert_array_equal(bounded.max(axis=1).error, [1, 1])
    np.testing.assert_array_equal(bounded.max(axis=0, keepdims=True).error, [[1, 1]])


def test_where_takes_each_error_from_the_operand_that_is_chosen():
    x, y = Bounded([1, 2, 3], np.float64, [1, 2, 3]), Bounded([4, 5, 6], np.float64, [4, 5, 6])
    chosen: Any = np.where(np.array([True, False, True]), x, y)  # pyright: ignore[reportCallIssue, reportArgumentType]
    np.testing.assert_array_equal(chosen.value, [1, 5, 3])
    np.testing.assert_array_equal(chosen.error, [1, 5, 3])
    with_number: Any = np.where(np.array([True, False, True]), x, 0)  # pyright: ignore[reportCallIssue, reportArgumentType]
    np.testing.assert_array_equal(with_number.value, [1, 0, 3])
    np.testing.assert_array_equal(with_number.error, [1, 0, 3])
