# pyright: reportAttributeAccessIssue=false
# NumPy says of its functions that they return arrays, which here are Bounded.

"""What NumPy code calls on `Bounded`: every function is evaluated by NumPy and by torch, and neither errs by more
than it says.

The truth is NumPy's own function on balls, in an object array, or the formula beside it in `numpy_cases.py`. The
value that `Bounded` is given, and the numbers that NumPy and torch are given, all lie within the error of the exact
number.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from parity_tests.for_each import for_each
from parity_tests.tolerance.exact import DTYPES, assert_is, assert_same, balls, distance, fractions, gamma, roundoff
from parity_tests.tolerance.numpy_cases import KINDS, MOVES
from torch_ref.tolerance.bounded import Bounded
from torch_ref.tolerance.numpy_functions import RULES


def drawn(case, dtype, rng, spread):
    """For each array: what `Bounded` is given, its error, the exact numbers, and what NumPy and torch are given."""
    for _ in range(case.arrays):
        value = rng.uniform(case.low, case.high, (3, 4)).astype(dtype)
        if not spread:
            yield value, 0, balls(value), value
            continue
        error = (spread * rng.uniform(0.1, 1, value.shape)).astype(dtype).astype(np.float64)
        truth = balls(value) + balls(error) * rng.choice([-1, 1, 0.5], value.shape)
        other = (np.vectorize(float)(truth) + error * rng.choice([-0.99, 0.99, 0.5], value.shape)).astype(dtype)
        yield value, error, truth, other


def in_turn():
    """Every function in each dtype, on exact numbers and on others; every second is quick: the one in a dtype, the
    other in the other."""
    for kind, functions in KINDS.items():
        for place, (name, case) in enumerate(functions.items()):
            for dtype, first in ((np.float32, place % 2), (np.float64, 1 - place % 2)):
                for exact in (first, not first):
                    about = f"{kind}: {name}, {dtype.__name__}, {'exact' if exact else 'with errors'}"
                    yield about, (case, dtype, 0 if exact else 1e-3)


@for_each("setting", in_turn(), lambda about: about.partition(":")[0], every=2)
def test_numpy_and_torch_lie_within_the_error_and_it_is_not_far_from_the_worst(setting, rng):
    case, dtype, spread = setting
    worst, bounds, scale = 0, [], 0
    for _ in range(10):
        values, errors, truths, others = zip(*drawn(case, dtype, rng, spread), strict=True)
        bounded = case.numpy(*(Bounded(v, dtype, e) for v, e in zip(values, errors, strict=True)))
        truth = (case.exact or case.numpy)(*truths)
        evaluations = [case.numpy(*values), case.numpy(*others), bounded.value]
        if case.torch is not None:
            evaluations += [case.torch(*map(torch.tensor, arrays)).numpy() for arrays in (values, others)]
        assert bounded.dtype == dtype
        assert np.isfinite(bounded.error).all()
        for evaluation in evaluations:
            assert np.shape(evaluation) == bounded.shape == np.shape(truth)
            assert np.asarray(evaluation).dtype in (dtype, np.float64)
            gap = distance(evaluation, truth)
            assert (gap <= bounded.error).all()
            worst = max(worst, gap.max())
        bounds.append(bounded.error.max())
        scale = max(scale, np.abs(bounded.value).max(), *(np.abs(v).max() for v in values))
    assert max(bounds) <= 12 * worst + 100 * roundoff(dtype) * scale**2


# -------------------------------------------------------------------- moving data about

NOT_MOVED = {"rows", "products with eye", "pad with numbers"}
ONE = {name: case.numpy for name, case in MOVES.items() if case.arrays == 1 and name not in NOT_MOVED}
EACH_MOVE = for_each("move", ONE.items())


@DTYPES
@EACH_MOVE
def test_every_value_takes_its_error_along(dtype, move):
    value, error = np.arange(1.0, 13).reshape(3, 4), np.arange(1.0, 13).reshape(3, 4) / 8
    moved = move(Bounded(value, dtype, error))
    np.testing.assert_array_equal(moved.value, move(value))
    np.testing.assert_array_equal(moved.error, move(error))
    assert moved.dtype == dtype
    assert (moved.shape, moved.ndim, moved.size) == (move(value).shape, move(value).ndim, move(value).size)


@DTYPES
@EACH_MOVE
def test_a_sum_that_was_moved_goes_on_as_one_sum(dtype, move, rng):
    x, y, z = rng.standard_normal((3, 3, 4)).astype(dtype)
    rule = gamma(2, dtype) * np.array(fractions(move(np.abs(x).astype(np.float64) + np.abs(y) + np.abs(z))))
    assert_is(rule, move(Bounded(x, dtype) + Bounded(y, dtype)) + move(Bounded(z, dtype)))


@EACH_MOVE
def test_squares_that_were_moved_are_still_positive(move):
    x = Bounded(np.zeros((3, 4)), np.float64, 1)
    assert move(x * x).positive
    assert not move(x).positive


# -------------------------------------------------------------------- the surface

METHODS = {
    "sum": {"axis": 1}, "mean": {"axis": 0, "keepdims": True}, "var": {"ddof": 1}, "std": {"axis": 1},
    "prod": {"axis": 1},
    "cumsum": {"axis": 1}, "cumprod": {"axis": 0}, "max": {"axis": 1}, "min": {"axis": 0}, "argmax": {"axis": 1},
    "argmin": {},
    "argsort": {"axis": 0}, "any": {"axis": 1}, "all": {}, "ravel": {}, "squeeze": {}, "diagonal": {}, "trace": {},
    "nonzero": {}, "copy": {}, "transpose": {},
}  # fmt: skip


WITH_ARGUMENTS = {
    "clip": (-1, 1),
    "swapaxes": (0, 1),
    "reshape": ((4, 3),),
    "take": ([1, 0],),
    "repeat": (2,),
    "dot": (np.ones(4),),
}


@DTYPES
@for_each("name", [*METHODS, *WITH_ARGUMENTS])
def test_a_method_is_numpy_s_function(dtype, name, rng):
    x = Bounded(rng.standard_normal((3, 4)).astype(dtype), dtype, 1e-4)
    how, options = WITH_ARGUMENTS.get(name, ()), METHODS.get(name, {})
    assert_same(getattr(x, name)(*how, **options), getattr(np, name)(x, *how, **options))


COMMON = [
    "sum", "mean", "var", "std", "average", "prod", "cumsum", "cumprod", "max", "min", "amax", "amin", "ptp",
    "argmax", "argmin", "sort", "argsort", "median", "concatenate", "stack", "hstack", "vstack", "dstack",
    "column_stack", "append", "split", "array_split", "hsplit", "vsplit", "clip", "minimum", "maximum", "einsum",
    "tensordot", "inner", "outer", "matmul", "dot", "vdot", "trace", "swapaxes", "moveaxis", "transpose",
    "expand_dims", "squeeze", "ravel", "reshape", "broadcast_to", "broadcast_arrays", "tile", "repeat", "roll",
    "flip", "fliplr", "flipud", "rot90", "take", "take_along_axis", "put_along_axis", "pad", "where", "abs", "sign",
    "square", "reciprocal", "power", "sqrt", "cbrt", "exp", "exp2", "log", "log2", "log10", "logaddexp", "expm1",
    "log1p", "sin", "cos", "tan", "sinh", "cosh", "tanh", "arcsin", "arccos", "arctan", "arcsinh", "arccosh",
    "arctanh", "arctan2", "hypot", "negative", "positive", "zeros_like", "ones_like", "full_like", "empty_like",
    "copy", "isnan", "isfinite", "isinf", "any", "all", "count_nonzero", "nonzero", "nan_to_num", "triu", "tril",
    "diagonal", "diag", "size", "shape", "ndim", "add", "subtract", "multiply", "divide", "true_divide", "greater",
    "greater_equal", "less", "less_equal", "equal", "not_equal", "logical_not", "logical_and", "logical_or",
    "isclose", "allclose", "array_equal", "diff", "floor", "ceil", "rint", "trunc", "round", "copysign",
    "heaviside", "fabs", "select", "meshgrid", "delete", "atleast_1d", "atleast_2d", "copyto", "fill_diagonal",
    "real", "conjugate", "correlate", "convolve",
]  # fmt: skip


def test_what_numpy_code_calls_has_a_rule():
    assert [name for name in COMMON if getattr(np, name) not in RULES] == []
    assert np.linalg.norm in RULES


REFUSED: dict[str, Callable[[Any], Any]] = {
    "inv": np.linalg.inv, "fft": np.fft.fft, "floor_divide": lambda x: np.floor_divide(x, 2),
    "percentile": lambda x: np.percentile(x, 3), "reduceat": lambda x: np.add.reduceat(x, [0, 1]),
    "divide.reduce": np.divide.reduce, "pad by means": lambda x: np.pad(x, 1, mode="mean"),
    "another dtype": lambda x: np.mean(x, dtype=np.float64), "sum where": lambda x: np.sum(x, where=np.eye(2) > 0),
    "initial": lambda x: np.max(x, initial=0), "add where": lambda x: np.add(x, 1, where=np.eye(2) > 0),
    "out of floats": lambda x: np.add(x, 1, out=np.zeros((2, 2))), "mean out": lambda x: np.mean(x, 0, out=np.zeros(2)),
    "at floats": lambda x: np.add.at(np.zeros(2), [0], x), "float": lambda x: float(x[0, 0]),
    "an element of floats": lambda x: np.zeros(3).__setitem__(0, x[0, 0]),
    "copyto floats": lambda x: np.copyto(np.zeros((2, 2)), x),
    "a row of floats": lambda x: np.zeros((3, 2)).__setitem__(0, x[0]),
    "asarray": lambda x: np.asarray(x, dtype=np.float64),
    "in place on floats": lambda x: np.zeros((2, 2)).__iadd__(x), "astype": lambda x: x.astype(np.float64),
    "a spectral norm": lambda x: np.linalg.norm(x, ord=2), "decimals": lambda x: np.round(x, 2),
}  # fmt: skip


@for_each("call", REFUSED.items())
def test_what_has_no_rule_is_refused(call):
    with pytest.raises((TypeError, ValueError)):  # NumPy's own is a ValueError, where one element is assigned
        call(Bounded(np.eye(2), np.float32))


def test_the_error_names_the_function_and_where_a_rule_belongs():
    x: Any = Bounded(np.eye(2), np.float32)
    with pytest.raises(TypeError, match=r"numpy\.linalg\.inv .* torch_ref/tolerance/sums\.py"):
        np.linalg.inv(x)
    with pytest.raises(TypeError, match=r"numpy\.add\.reduceat"):
        np.add.reduceat(x, [0, 1])
