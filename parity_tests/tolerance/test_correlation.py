# pyright: reportAttributeAccessIssue=false
# NumPy says of its functions that they return arrays, which here are Bounded.

"""The bound of a convolution and of the gradient of its kernel: of as many terms as meet in a window."""

from fractions import Fraction
from functools import reduce
from itertools import product
from typing import Any

import numpy as np
import torch
from flint import arb
from hypothesis import given
from hypothesis import strategies as st

from manual.numbers.correlation import correlate, correlate_pictures
from parity_tests.tolerance.exact import DTYPES, assert_is, assert_within, balls, draw, few, fractions, gamma, seeds
from parity_tests.tolerance.test_rules import Operand
from torch_ref.tolerance.bounded import Bounded


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
@few
@given(seed=seeds, kernel=st.integers(1, 3), stride=st.integers(1, 3), padding=st.integers(0, 2))
def test_a_correlation_in_any_order_lies_within_its_bound(dtype, seed, kernel, stride, padding):
    """Both kinds, forward and by way of the kernels: ours, torch's, and a loop over the terms, the last ones first."""
    x, k = draw(seed, (2, 2, 4, 5), dtype), draw(seed + 1, (3, 2, kernel, kernel), dtype)
    size = (4 + 2 * padding - kernel) // stride + 1, (5 + 2 * padding - kernel) // stride + 1
    geometry = size, (stride, stride), (padding, padding)
    delta = draw(seed + 2, (2, 3, *size), dtype)
    field, backwards = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding))), np.zeros_like(delta)
    met = np.zeros_like(k)
    for u, v, c in [*np.ndindex(kernel, kernel, 2)][::-1]:
        window = field[:, None, c, u : u + stride * size[0] : stride, v : v + stride * size[1] : stride]
        backwards += window[:, :, : size[0], : size[1]] * k[:, c, u, v, None, None]
    for n, i, j in [*np.ndindex(2, *size)][::-1]:
        rows, columns = slice(stride * i, stride * i + kernel), slice(stride * j, stride * j + kernel)
        met += delta[n, :, i, j, None, None, None] * field[n, :, rows, columns]
    x_, k_ = (torch.tensor(a, requires_grad=True) for a in (x, k))
    y_ = torch.nn.functional.conv2d(x_, k_, stride=stride, padding=padding)
    (met_,) = torch.autograd.grad(y_, k_, torch.tensor(delta))

    bounded = correlate(Bounded(x, dtype), Bounded(k, dtype), *geometry)  # pyright: ignore[reportArgumentType]
    evaluations = [correlate(x, k, *geometry), y_.detach().numpy(), backwards]
    assert_within(evaluations, correlate(balls(x), balls(k), *geometry), bounded)

    how = (kernel, kernel), *geometry[1:]
    bounded = correlate_pictures(Bounded(x, dtype), Bounded(delta, dtype), *how)  # pyright: ignore[reportArgumentType]
    evaluations = [correlate_pictures(x, delta, *how), met_.numpy(), met]
    assert_within(evaluations, correlate_pictures(balls(x), balls(delta), *how), bounded)
