# pyright: reportAttributeAccessIssue=false
# NumPy says of its functions that they return arrays, which here are Bounded.

"""`Bounded` has an array's manners: views, steps in place, assignments, and new arrays like it."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from parity_tests.tolerance.exact import DTYPES, assert_is, assert_same, gamma
from torch_ref.tolerance.bounded import Bounded

# -------------------------------------------------------------------- in place

VIEWS = {
    "swapaxes": lambda a: np.swapaxes(a, 0, 2), "moveaxis": lambda a: np.moveaxis(a, 0, -1),
    "flip": lambda a: np.flip(a, 1),
    "diagonal": lambda a: a[:, :2, :2].transpose(-1, 0, 1)[0], "split": lambda a: np.split(a, 2, axis=2)[1],
    "ravel": np.ravel,
    "expand_dims": lambda a: np.expand_dims(a, 1), "rot90": np.rot90, "transpose": lambda a: a.transpose((2, 0, 1)),
    "T": lambda a: a.T,
    "row": lambda a: [*a][1], "reshape": lambda a: a.reshape((-1, 4)), "squeeze": lambda a: a[:, None].squeeze(1),
}  # fmt: skip


@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS)
def test_a_step_on_a_view_is_a_step_on_the_array(view):
    a = np.arange(24.0).reshape(2, 3, 4)
    bounded: Any = Bounded(a.copy(), np.float64)
    seen, seen_bounded = view(a), view(bounded)
    seen *= 3
    seen_bounded *= 3
    np.testing.assert_array_equal(bounded.value, a)
    np.testing.assert_array_equal(bounded.error > 0, a != np.arange(24).reshape(2, 3, 4))


IN_PLACE: dict[str, Callable[[Any], Any]] = {
    "add.at": lambda a: np.add.at(a, [0, 2, 0], 1.5), "subtract.at": lambda a: np.subtract.at(a, ([1, 1], [2, 2]), 1.5),
    "put_along_axis": lambda a: np.put_along_axis(a, np.array([[1], [0], [3]]), 7.0, axis=1),
    "copyto": lambda a: np.copyto(a, 5.0), "fill_diagonal": lambda a: np.fill_diagonal(a, 2.0),
    "fill": lambda a: a.fill(3.0),
    "sort": lambda a: a.sort(axis=0), "out": lambda a: np.tanh(a, out=a),
    "out of a sum": lambda a: np.sum(2 * a, axis=0, out=a[1]),
    "a mask": lambda a: a.__setitem__(a > 0, 0), "rows": lambda a: a.__setitem__([0, 2], np.ones(4)),
    "copyto some": lambda a: np.copyto(a, 0.0, where=np.arange(4) > 2), "clip": lambda a: np.clip(a, 0, 1, out=a),
}  # fmt: skip


@pytest.mark.parametrize("step", IN_PLACE.values(), ids=IN_PLACE)
def test_what_numpy_does_in_place_is_done_in_place(step, rng):
    a = rng.standard_normal((3, 4))
    bounded: Any = Bounded(a.copy(), np.float64)
    step(a)
    step(bounded)
    assert (np.abs(bounded.value - a) <= 2 * bounded.error).all()


def test_as_many_terms_join_an_element_as_fall_on_it():
    x: Any = Bounded(np.zeros(3), np.float64)
    np.add.at(x, [0, 0, 0, 1], 1.0)
    np.testing.assert_array_equal(x.value, [3, 1, 0])
    assert_is([3 * gamma(3, np.float64), gamma(3, np.float64), 0], x)


def test_a_step_on_a_copy_is_not_a_step_on_the_array():
    bounded: Any = Bounded(np.arange(3), np.float64)
    for copied in (bounded.copy(), bounded[[0, 1]], bounded[np.array([True, False, True])], np.pad(bounded, 1, "edge")):
        copied += 1
    np.testing.assert_array_equal(bounded.value, np.arange(3))


def test_an_in_place_step_really_steps():
    p = kept = Bounded(np.array([1.0, 2.0]), np.float64)
    p -= 0.1 * Bounded(np.array([1.0, 1.0]), np.float64)
    assert kept is p
    np.testing.assert_array_equal(kept.value, np.array([1.0, 2.0]) - 0.1 * np.array([1.0, 1.0]))
    assert (kept.error > 0).all()
    p *= 2
    p += 1
    p /= 4
    np.testing.assert_array_equal(kept.value, ((np.array([1.0, 2.0]) - 0.1) * 2 + 1) / 4)
    p[0] = 5.0
    assert kept.value[0] == 5
    with pytest.raises(ValueError, match=r"in place: expected shape \(2,\), got \(3, 2\)"):
        p += Bounded(np.ones((3, 2)), np.float64)


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


# -------------------------------------------------------------------- new arrays, and an array's other manners


def test_new_arrays_are_exact_and_of_the_dtype():
    x: Any = Bounded(np.ones((2, 3)), np.float32, 0.5)
    arrays: list[Any] = [np.zeros_like(x), np.ones_like(x), np.full_like(x, 0.5), np.zeros((2, 3), like=x)]
    for made, value in zip(arrays, (0, 1, 0.5, 0), strict=True):
        np.testing.assert_array_equal(made.value, np.full((2, 3), value))
        assert not made.error.any()
    assert np.full_like(x, 0.1).error[0, 0] == abs(0.1 - float(np.float32(0.1)))
    assert np.zeros_like(x).dtype == np.ones(2, dtype=x.dtype).dtype
    assert np.zeros_like(x, dtype=bool).dtype == bool
    assert np.empty_like(x, shape=(4,)).shape == (4,)


def test_an_array_s_manners():
    x: Any = Bounded([[1.0, -2], [3, 4]], np.float32, 0.125)
    assert (np.shape(x), np.ndim(x), np.size(x), len(x), np.size(x, 1)) == ((2, 2), 2, 4, 2, 2)
    assert np.result_type(x) == np.float32
    assert [row.value.tolist() for row in x] == [[1, -2], [3, 4]]
    assert x[0, 0].item().value == 1
    assert x.item(1, 0).value == 3
    assert_same(x.astype(np.float32), x)
    assert_same(x.astype(x.dtype, copy=False), x)
    np.testing.assert_array_equal(x.astype(bool), np.ones((2, 2), dtype=bool))
    assert_same(+x, x)
    assert x.real is x.conj() is x
    assert np.asarray(x).dtype == np.asarray(x[0, 0]).dtype == object
    assert_same(np.asarray(x)[1, 0], x[1, 0])
    for wrong in (lambda: len(x[0, 0]), lambda: iter(x[0, 0])):
        with pytest.raises(TypeError):
            wrong()
    with pytest.raises(ValueError, match="size 1"):
        x.item()


def test_a_margin_of_another_number_errs_by_the_rounding_of_that_number():
    padded: Any = np.pad(Bounded([1.0, 2], np.float32, [0.5, 0.25]), 1, "constant", constant_values=0.1)  # pyright: ignore
    np.testing.assert_array_equal(padded.value, [0.1, 1, 2, 0.1])
    rounding = abs(0.1 - float(np.float32(0.1)))
    np.testing.assert_array_equal(padded.error, [rounding, 0.5, 0.25, rounding])


def test_a_mask_leaves_or_removes_a_value_with_its_error():
    masked = Bounded([3, 5], np.float32, [1, 2]) * np.array([True, False])
    np.testing.assert_array_equal(masked.value, [3, 0])
    np.testing.assert_array_equal(masked.error, [1, 0])
