"""A number with its bound in plain floats is what an array of one element is."""

import operator
from functools import reduce
from itertools import product

import numpy as np
import pytest

from manual import Undecided
from torch_ref.tolerance.bounded import Bounded
from torch_ref.truth.rounded import Rounded

VALUES = (0.0, 1.0, -3.0, 0.1, 2.5e-8, -1e200, 1e300, 5e-310, np.inf, -np.inf)
OPERATORS = {"sum": operator.add, "difference": operator.sub, "product": operator.mul, "quotient": operator.truediv}


def operands(rng):
    """Numbers that are exact, carry an error, are an open sum, and cannot be negative."""
    for value in VALUES:
        exact, carried = Bounded(value, np.float64), Bounded(value, np.float64, abs(rng.standard_normal()) * 1e-12)
        for number in (exact, carried, carried * carried):
            yield number, Rounded.of(number)
        yield exact + 0.3 + carried, Rounded(value) + 0.3 + Rounded.of(carried)


def same(one, other):
    """Up to the errors of computing in floats themselves."""
    return np.array_equal(one, other, equal_nan=True) or np.isclose(one, other, rtol=1e-14, atol=0)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("name", OPERATORS)
def test_each_operation_gives_the_value_and_the_error_of_an_array_s(name, rng):
    for (x, a), (y, b) in product(operands(rng), repeat=2):
        whole, plain = OPERATORS[name](x, y), OPERATORS[name](a, b)
        assert same(whole.value, plain.value), (x, y)
        assert same(whole.error, plain.error), (x, y)
        if np.isfinite(plain.error):
            assert same(whole.most, plain.most), (x, y)
            assert bool(whole.positive) == plain.positive, (x, y)


@pytest.mark.parametrize("function", ["exp", "tanh", "log1p", "sqrt", "arctan", "erf"])
def test_a_function_is_an_array_s(function):
    number = Bounded(0.3, np.float64, 1e-13)
    whole, plain = getattr(number, function)(), getattr(Rounded.of(number), function)()
    assert (plain.value, plain.error) == (whole.value, whole.error)


def test_a_long_sum_is_one_sum():
    whole, plain = (reduce(operator.add, [0.1] * 49, number) for number in (Bounded(0.1, np.float64), Rounded(0.1)))
    assert same(whole.error, plain.error)
    assert plain.error < 50 * 2.0**-53 * 5.0 * 1.01


def test_a_sum_of_more_roundings_than_the_precision_has_has_no_bound():
    for start in (Bounded(1.0, np.float64), Rounded(1.0)):
        assert reduce(lambda total, _: total + total, range(60), start).error == np.inf


def test_infinities_are_equal_to_themselves():
    assert Rounded(np.inf) == np.inf
    assert Rounded(-np.inf) < np.inf


@pytest.mark.parametrize("compare", [operator.gt, operator.lt, operator.eq])
def test_a_comparison_is_decided_where_the_errors_let_it(compare):
    low, high = Rounded(1.0, 0.1), Rounded(2.0, 0.1)
    assert compare(low, high) == compare(1.0, 2.0)
    assert compare(Rounded(1.0), 1.0) == compare(1.0, 1.0)
    with pytest.raises(Undecided):
        compare(low, Rounded(1.2, 0.1))
