"""A cause that the numbers alone prove: a repair that makes every one of them pass, and that little else would."""

from typing import Any

import numpy as np
import pytest
import torch

from manual import HalfMSELoss, Linear, MaxPool2d, Network, Tanh
from parity_tests.diagnosis.proofs import cause, drawn
from torch_ref.diagnosis import Case, Compared, diagnose, of_layer

R = np.array([[0.3, -1.7, 0.2], [2.6, 0.9, -0.4]])
G = drawn(g=(3, 4, 5))["g"]
SQUARE = drawn(1, g=(4, 4, 2))["g"]
X, DELTA = drawn(x=(5, 4), delta=(5, 3)).values()
GIVEN = {"given": {"x": X, "delta": DELTA}}
OF_SQUARE = {"quantity": "dw", "params": {"w": np.arange(4.0)}, "given": {"x": SQUARE, "delta": SQUARE}}
MEAN_1, MEAN_12 = (G - G.mean(axis=axes, keepdims=True) for axes in (1, (1, 2)))
WAVES = 1e-9 * np.cos(np.arange(60)).reshape(3, 4, 5)
ROWS = drawn(rows=(5, 3))["rows"]
WORDS = {"quantity": "dw", "given": {"x": np.array([0, 1, 0, 2, 0]), "delta": ROWS}, "params": {"w": SQUARE[:3, 0, :3]}}
Z = np.array([0.1, 1e4, 2e4, 3e4])


def sizes(*named):
    return {"sizes": dict(zip(("N", "the number of outputs"), named, strict=False))}


def delta_of(*shape):
    return {"given": drawn(x=(shape[0], 4), delta=shape)}


NAMED = [
    # a factor, by every size that it may be
    (2 * R, R, {}, "times 2"),
    (0.3 * R, R, sizes(3), "times 0.3"),
    (R / 7, R, sizes(3), "times 1/7"),
    (R * 2.0001, R, sizes(3), "times 2.0001"),
    (R * 2, R, sizes(2, 3), "times 2 or N"),
    (R / 2, R, sizes(2, 3), "times ½ or 1/N"),
    (5 * R, R, delta_of(5, 3), "times N"),
    (5 * R, R, delta_of(3, 5), "times the number of outputs"),
    (5 * R, R, delta_of(5, 5), "times N or the number of outputs"),
    (10 * X, X, GIVEN, "times 2·N"),
    (0.1 * X, X, GIVEN, "times ½/N"),
    (1.5 * X, X, GIVEN, "times ½·(the number of outputs)"),
    # examples in columns are counted along the columns
    (7 * R, R, {"given": drawn(x=(4, 7), delta=(3, 7)), **sizes(3, 7)}, "times N"),
    # numbers in other places, or left out
    (R[:, [1, 0, 2]], R, {}, "it is permuted: the right numbers in other places"),
    (R.T, R, {}, "it is transposed"),
    (R[:, :, None], R, {}, "the numbers are right, but in shape (2, 3, 1) for (2, 3)"),
    (R * [1, 1, 0], R, {}, "only in the last column, which is left at 0"),
    (R * [[1], [7]], R, {}, "only in the last row"),
    (R + np.outer([0, 1], [0, 0, 1]), R, {}, "only in the last column or only in the last row"),
    (np.array([0.3, 2, 0.5, 0]), np.array([2, 0.3, 0, 0.5]), {}, "it is permuted: the right numbers in other places"),
    (np.array([1.5, 1.5]), np.array([2.0, 3]), {"params": {"x": np.full(2, 1.5)}}, "the parameter itself is returned"),
    # an axis too many or too few, and other axes
    (np.stack([R / 4, R / 4, R / 2]), R, sizes(3), "it is not summed over the batch"),
    (G, G.sum(axis=1), {}, "the sum over axis 1 is missing"),
    (G, G.sum(axis=(0, 2)), {}, "the sum over axes 0 and 2 is missing"),
    (G[0].sum(axis=0), G[0], {}, "it is summed over axis 0 too"),
    (G[0].sum(axis=1, keepdims=True), G[0], {}, "it is summed over axis 1 too"),
    (0 * G[0] + G[0].sum(axis=0), G[0], {}, "it is summed over axis 0 too"),
    (
        SQUARE.sum(axis=(1, 2)), SQUARE.sum(axis=(0, 2)), OF_SQUARE,
        "δ is summed over axes 1 and 2, not over axes 0 and 2",
    ),
    # of a group norm, say, which is none of the normalisations that are known
    (MEAN_1 + G.sum(axis=1, keepdims=True), MEAN_1, {"given": {"x": G, "delta": G}},
     "its mean over axis 1 is left in: the path through the mean is missing"),
    (MEAN_12 + G.sum(axis=(1, 2), keepdims=True), MEAN_12, {"given": {"x": G, "delta": G}},
     "its mean over axes 1 and 2 is left in: the path through the mean is missing"),
    (1 / (Z / 1e4 + 1e-12), 1 / (Z / 1e4), {}, "1e-12 is added in a denominator"),
    # what is lost, or comes too late
    (np.maximum(R, 0), R, {}, "the negative numbers are set to 0"),
    (R.sum(), R.reshape(6, 1), {}, "it is summed over everything: one number for all"),
    (ROWS[[4, 1, 3]], ROWS[[0, 1, 3]] + np.outer([1, 0, 0], ROWS[2] + ROWS[4]), WORDS,
     "where an index occurs again, its earlier gradients are lost: += by indices adds only once"),
]  # fmt: skip
IDS = [f"{i}: {row[-1]}" for i, row in enumerate(NAMED)]

NOT_NAMED = {
    "one number that is off beside a factor": (2 * R + 1e-12 * (R > 2), R, {}),
    "one number that is off beside a sum": (G.sum(axis=1) + 1e-9, G.sum(axis=(1, 2)), {}),
    "one number that is off beside a sum too many": (0 * G[0] + G[0].sum(axis=0) + 1e-9 * G[1], G[0], {}),
    "one number that is off beside δ's sum": (SQUARE.sum(axis=(1, 2)) + 1e-9, SQUARE.sum(axis=(0, 2)), OF_SQUARE),
    "noise beside a mean": (MEAN_1 + WAVES, MEAN_1, {"given": {"x": G, "delta": G}}),
    "a tolerance of infinity": (2 * R, R, {"allowed": np.inf}),
    "a tolerance that anything passes": (2 * R, R, {"allowed": 10.0}),
    "a reference of zeros": (R, np.zeros((2, 3)), {}),
    # sorted, the two agree by the tolerance of the largest number; but so they do as they stand
    "what agrees as it stands": (
        np.array([1 + 1e-12, 1e6]), np.array([1.0, 1e6]), {"allowed": np.array([1e-15, 1e-9])},
    ),
    "no number": (np.full((2, 3), np.nan), R, {}),
    "another dtype": (2 * R.astype(np.float32), R, {}),
    "nothing": (None, R, {}),
    "a factor that is read off one number": (np.array([0.37]), np.array([1.0]), {}),
    "a factor that is read off one magnitude": (np.array([[0.37, -0.37]]), np.array([[1.0, -1.0]]), {}),
    "a multiple of a parameter of one number": (np.array([1.7]), np.array([1.2]), {"params": {"x": np.array([0.3])}}),
    "a multiple of a parameter, of which one counts": (
        np.array([1.7, 0.5]), np.array([1.2, 0.5]), {"params": {"x": np.array([0.3, 0.0])}},
    ),
    "a multiple of ones": (
        np.array([1.5, 2.5, 4.5]), np.array([1.0, 2, 4]), {"quantity": "dw", "params": {"w": np.ones(3)}},
    ),
    "zeros and ones in other places": (np.array([1.0, 0, 1, 0, 0]), np.array([0.0, 1, 1, 0, 0]), {}),
    "ones, as is a parameter": (np.ones(3), np.array([2.0, 3, 5]), {"params": {"x": np.ones(3)}}),
    "the last row, of one": (np.array([[1.0, 2, 7]]), np.array([[3.0, 4, 5]]), {}),
    "one negative number at 0": (np.array([1.0, 0, 2]), np.array([1.0, -3, 2]), {}),
    "one number that is off beside a sum of all": (np.array(R.sum() + 1e-9), R, {}),
    "an ε that shows in one number alone": (1 / (Z + 1e-12), 1 / Z, {}),
}  # fmt: skip


@pytest.mark.parametrize(("ours", "reference", "about", "expected"), NAMED, ids=IDS)
def test_a_repair_names_what_it_undoes(ours, reference, about, expected):
    assert cause(ours, reference, **about) == expected


@pytest.mark.parametrize(("ours", "reference", "about"), NOT_NAMED.values(), ids=NOT_NAMED)
def test_what_the_numbers_do_not_prove_is_not_named(ours, reference, about):
    assert cause(ours, reference, **about) == ""


def test_what_is_off_by_its_tolerance_alone_is_told_from_what_is_permuted():
    reference, allowed = np.array([1.0, 1e6]), np.array([1e-15, 1e-9])
    assert cause(reference[::-1], reference, allowed) == "it is permuted: the right numbers in other places"
    assert cause(np.array([0.37, 0.74, 1.11]), np.array([1.0, 2.0, 3.0]), 1e-15) == "times 0.37"


@pytest.mark.parametrize(
    "shape", [(), (0,), (2,), (3,), (1, 3), (3, 2), (0, 3), (2, 3, 1), (2, 0, 3), (1, 1), (2, 1, 1, 1), (1,) * 5]
)
def test_any_shape_is_taken(shape):
    a = np.ones(shape)
    assert cause(a, R) == cause(a, np.zeros(shape)) == cause(R, 1 + a) == ""
    for x, delta, params in ((a, a, {}), (a, np.ones(2), {"w": a}), (np.ones((2, 3)), a, {"w": a, "b": a})):
        about = {"given": {"x": x, "delta": delta}, "params": params}
        assert cause(np.array([2.0, 4.1]), np.array([1.0, 2.0]), 1e-15, **about) == ""


# ---------------------------------------------------------------- a factor that the cost leaves open is a convention


def test_a_factor_of_a_network_s_gradients_is_a_convention_if_every_one_has_it(rng):
    network = Network(Linear(3, 4, rng=rng), Tanh(), Linear(4, 2, rng=rng))
    x, y = rng.standard_normal((5, 3)), rng.standard_normal((5, 2))
    prediction, tape = network.forward(x)
    loss = HalfMSELoss()
    delta = loss.backward(loss.forward(prediction, y)[1])
    right = network.gradient(delta, tape).params

    def named(factors, **output):
        compared = {f"d{n}": Compared(c * g, g, 1e-14) for (n, g), c in zip(right.items(), factors, strict=True)}
        return diagnose(of_layer(network, x, delta, compared | output), "d0.weight")

    assert named([5, 5, 5, 5]) == "a convention: every gradient alike, times N"
    assert named([5, 5, 5, 1]) == "times N"
    assert named([-1, -1, -1, -1]) == "times −1"
    assert named([0.3, 0.3, 0.3, 0.3]) == "times 0.3"
    assert named([5, 5, 5, 5], y=Compared(prediction, prediction, 1e-14)) == "times N"


@pytest.mark.parametrize(
    ("cost", "delta", "expected"),
    [
        (0.5, 0.5, ["a convention: the cost and its gradient alike, times ½"] * 2),
        (2, 0.5, ["times 2", "times ½"]),
        (-1, -1, ["times −1"] * 2),
    ],
)
def test_a_factor_that_the_cost_contradicts_is_no_convention(cost, delta, expected):
    compared = {
        "cost": Compared(np.array(cost * 2.0), np.array(2.0), 1e-15),
        "delta": Compared(delta * DELTA, DELTA, 1e-15),
    }
    assert [diagnose(Case(compared, sizes={"N": 5}), quantity) for quantity in compared] == expected


# ---------------------------------------------------------------- ties


def test_where_values_tie_in_a_window_another_may_have_the_delta():
    x = np.array([[[1.0, 3, 3, 2]], [[5, 5, 0, 4]]])
    z, delta = torch.tensor(x, requires_grad=True), np.array([[[0.7, -0.4]], [[1.3, 0.6]]])
    (dx,) = torch.autograd.grad(torch.nn.MaxPool1d(3, stride=1)(z), z, torch.tensor(delta))
    last = np.zeros_like(x)
    for n, i in np.ndindex(2, 2):
        window = x[n, 0, i : i + 3]
        last[n, 0, i + 2 - np.argmax(window[::-1])] += delta[n, 0, i]
    about: dict[str, Any] = {"given": {"x": x, "delta": delta}}
    assert cause(last, dx.numpy(), **about) == ""
    named = cause(last, dx.numpy(), pooled=True, **about)
    assert named == "a convention: only where values tie, of which another has the δ"
    last[0, 0, 0] += 1e-9
    assert cause(last, dx.numpy(), pooled=True, **about) == ""


def test_where_a_whole_picture_ties_nothing_is_proved(rng):
    delta = rng.standard_normal((1, 1, 2, 2))
    right = np.kron(delta, [[[[1.0, 0], [0, 0]]]])
    ours = np.full_like(right, delta.sum() / 16)
    case = of_layer(MaxPool2d(2), np.ones((1, 1, 4, 4)), delta, {"dx": Compared(ours, right, 1e-15)})
    assert diagnose(case, "dx") == ""


@pytest.mark.parametrize(("moved", "expected"), [
    (lambda w, dw: w - 0.3 * dw, "the parameters are updated before δ goes back through them"),
    (lambda w, dw: w - 0.3 * dw**2, ""),
], ids=["by a multiple of its gradient", "by something else"])  # fmt: skip
def test_in_columns_too_a_weight_is_seen_to_be_updated_before_it_is_used(moved, expected, rng):
    x, w, delta = (rng.standard_normal(shape) for shape in ((4, 5), (3, 4), (3, 5)))
    dw = delta @ x.T
    compared = {"dx": Compared(moved(w, dw).T @ delta, w.T @ delta, 1e-14), "dw": Compared(dw, dw, 1e-14)}
    assert diagnose(Case(compared, {"x": x, "delta": delta}, {"w": w}), "dx") == expected
