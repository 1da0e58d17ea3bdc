"""A sum over the wrong axes, a mean that is left in, an ε and a slope at 0: repairs that the numbers alone prove."""

import numpy as np
import pytest

from manual import MaxPool2d
from parity_tests.test_causes_of_functions import differences, drawn
from parity_tests.unlike_manual import UNKNOWN, LayerNorm, LeakyReLU, RMSNorm
from torch_ref import compare_layer
from torch_ref.diagnosis import Case, Compared, diagnose, of_layer

G = np.random.default_rng(0).standard_normal((3, 4, 5))


def cause(ours, reference, **about):
    return diagnose(Case({"dw": Compared(ours, reference, 1e-14)}, **about), "dw")


@pytest.mark.parametrize(("ours", "reference", "expected"), [
    (G, G.sum(axis=1), "the sum over axis 1 is missing"),
    (G, G.sum(axis=(0, 2)), "the sum over axes 0 and 2 is missing"),
    (G[0].sum(axis=0), G[0], "it is summed over axis 0 too"),
    (G[0].sum(axis=1, keepdims=True), G[0], "it is summed over axis 1 too"),
    (0 * G[0] + G[0].sum(axis=0), G[0], "it is summed over axis 0 too"),
    (G.sum(axis=1) + 1e-9, G.sum(axis=(1, 2)), ""),
    (0 * G[0] + G[0].sum(axis=0) + 1e-9 * G[1], G[0], ""),
])  # fmt: skip
def test_an_axis_too_many_or_too_few(ours, reference, expected):
    assert cause(ours, reference) == expected


def test_delta_summed_over_other_axes():
    square = np.random.default_rng(1).standard_normal((4, 4, 2))
    about = {"params": {"w": np.arange(4.0)}, "given": {"x": square, "delta": square}}
    expected = "δ is summed over axes 1 and 2, not over axes 0 and 2"
    assert cause(square.sum(axis=(1, 2)), square.sum(axis=(0, 2)), **about) == expected
    assert cause(square.sum(axis=(1, 2)) + 1e-9, square.sum(axis=(0, 2)), **about) == ""


def test_a_mean_that_is_left_in(rng):
    """Of a group norm, say, which is none of the normalisations that are known."""
    for axes, name in (((1,), "axis 1"), ((1, 2), "axes 1 and 2")):
        right = G - G.mean(axis=axes, keepdims=True)
        case = Case({"dx": Compared(right + G.sum(axis=axes, keepdims=True), right, 1e-14)}, {"x": G, "delta": G})
        assert diagnose(case, "dx") == f"its mean over {name} is left in: the path through the mean is missing"
        noisy = Case({"dx": Compared(right + 1e-9 * rng.standard_normal(G.shape), right, 1e-14)}, {"x": G, "delta": G})
        assert diagnose(noisy, "dx") == ""


# ---------------------------------------------------------------- a log-softmax


def log_softmax(x):
    return x - np.log(np.exp(x).sum(axis=1, keepdims=True))


@pytest.mark.parametrize(
    ("backward", "expected"),
    [
        (lambda d, p: d - p * d.sum(axis=1, keepdims=True), None),
        (lambda d, p: d - p, "the sum of δ is left out"),
        (lambda d, p: d - p * d.sum(axis=0), "the sum runs over axis 0, not over axis 1"),
        (lambda d, p: d - p * p * d.sum(axis=1, keepdims=True), ""),
    ],
)
def test_a_log_softmax(backward, expected):
    found = differences(log_softmax, lambda d, x: (backward(d, np.exp(log_softmax(x))),), drawn(x=(4, 3)))
    assert found == ({} if expected is None else {"dx": expected})


def test_an_epsilon_inside_a_logarithm_is_a_convention():
    x, delta = drawn(x=(4, 3), delta=(4, 3)).values()
    y = log_softmax(x)
    for e, expected in ((1e-8, "a convention: 1e-08 is added inside the logarithm"), (3e-8, "")):
        case = Case({"y": Compared(np.log(np.exp(y) + e), y, 1e-15)}, {"x": x, "delta": delta})
        assert diagnose(case, "y") == expected


# ---------------------------------------------------------------- another ε, and another layer


@pytest.mark.parametrize(("layer", "epsilon"), [(RMSNorm(5), 1e-3), (LayerNorm(5), 1e-8)])
def test_an_epsilon_that_the_reference_shows_is_told_from_another(layer, epsilon, rng):
    x, delta = rng.standard_normal((2, 4, 5))

    def of(e):
        u = x - x.mean(axis=1, keepdims=True) * (not isinstance(layer, RMSNorm))
        r = 1 / np.sqrt((u * u).mean(axis=1, keepdims=True) + e)
        h, g = u * r, delta * layer.weight
        mean = g.mean(axis=1, keepdims=True) * (not isinstance(layer, RMSNorm))
        return {
            "y": h * layer.weight + layer.params.get("bias", 0),
            "dx": r * (g - mean - h * (g * h).mean(axis=1, keepdims=True)),
        }

    def named(ours, right):
        compared = {q: Compared(ours[q], right[q], 1e-14) for q in ("y", "dx")}
        case = Case(compared, {"x": x, "delta": delta}, layer.params)
        return {q: diagnose(case, q) for q in compared}

    assert named(of(epsilon), of(1e-5)) == dict.fromkeys(["y", "dx"], f"ε is {epsilon:g}")
    # where the reference has no ε that shows, an ε in the output too is another layer's own
    assert named(of(epsilon), of(0)) == {"y": "", "dx": ""}
    backward_alone = named({"y": of(0)["y"], "dx": of(epsilon)["dx"]}, of(0))
    assert backward_alone["dx"] == f"ε is {epsilon:g}"


def test_epsilons_that_the_numbers_do_not_tell_apart_are_another(rng):
    x, delta = rng.standard_normal((2, 4, 5))
    u = x - x.mean(axis=1, keepdims=True)

    def dx(epsilon):
        r = 1 / np.sqrt((u * u).mean(axis=1, keepdims=True) + epsilon)
        h = u * r
        return r * (delta - delta.mean(axis=1, keepdims=True) - h * (delta * h).mean(axis=1, keepdims=True))

    case = Case({"dx": Compared(dx(1e-8), dx(1e-3), 1e-6)}, {"x": x, "delta": delta})
    assert diagnose(case, "dx") == "ε is 1e-08"
    ours, right, x, delta = (a.astype(np.float32) for a in (dx(1e-8), dx(1e-3), x, delta))
    case = Case({"dx": Compared(ours, right, 1e-6)}, {"x": x, "delta": delta})
    assert diagnose(case, "dx") == "another ε"


def test_an_epsilon_that_shows_in_one_number_alone_may_be_anything():
    z = np.array([0.1, 1e4, 2e4, 3e4])
    for rows, expected in ((z, ""), (z / 1e4, "1e-12 is added in a denominator")):
        assert cause(1 / (rows + 1e-12), 1 / rows) == expected


# ---------------------------------------------------------------- choices


@pytest.mark.parametrize(
    ("slope", "expected"),
    [
        (1.0, "a convention: only where z = 0, with a slope of 1 there"),
        (0.505, "a convention: only where z = 0, with a slope of 0.505 there"),
        (0.3, ""),
    ],
)
def test_at_0_either_slope_beside_it_is_a_choice_and_their_mean(slope, expected, rng):
    x = rng.standard_normal((4, 5))
    x[1, 2] = x[3, 3] = 0

    class Chosen(LeakyReLU):
        def backward(self, delta, factor):
            return delta * np.where(x == 0, slope, factor), self

    Chosen.__name__ = "LeakyReLU"
    layer, right = Chosen(), LeakyReLU()
    _, factor = right.forward(x)
    delta = rng.standard_normal(x.shape)
    compared = {"dx": Compared(layer.backward(delta, factor)[0], right.backward(delta, factor)[0], 1e-15)}
    assert diagnose(of_layer(layer, x, delta, compared), "dx") == expected


def test_where_a_whole_picture_ties_nothing_is_proved(rng):
    delta = rng.standard_normal((1, 1, 2, 2))
    right = np.kron(delta, [[[[1.0, 0], [0, 0]]]])
    ours = np.full_like(right, delta.sum() / 16)
    case = of_layer(MaxPool2d(2), np.ones((1, 1, 4, 4)), delta, {"dx": Compared(ours, right, 1e-15)})
    assert diagnose(case, "dx") == ""


def test_a_constant_is_no_multiple_of_a_parameter_that_is_as_it_began():
    assert cause(np.array([1.5, 2.5, 4.5]), np.array([1.0, 2, 4]), params={"w": np.ones(3)}) == ""


def test_only_the_last_row_is_no_place_where_there_is_but_one():
    assert cause(np.array([[1.0, 2, 7]]), np.array([[3.0, 4, 5]])) == ""


def test_a_layer_of_ours_under_another_name_is_known_by_its_numbers():
    found = differences(lambda x: np.tanh(x), lambda d, x: (d * (1 - x * x),), drawn(x=(4, 3)))
    assert found == {"dx": "the input stands where the output belongs in σ'"}


def test_right_layers_stay_right(rng):
    assert all(compare_layer(layer, rng.standard_normal((4, 5)), rng).agrees for layer in UNKNOWN.values())
