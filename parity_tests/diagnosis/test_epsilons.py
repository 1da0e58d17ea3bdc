"""An ε too much, too little or elsewhere is named where the numbers tell it from others, and so is a slope at 0."""

import numpy as np
import pytest

from parity_tests.bugs.unusual.not_in_manual import LayerNorm, LeakyReLU, RMSNorm
from parity_tests.diagnosis.proofs import cause, differences, drawn
from torch_ref.diagnosis import Case, Compared, diagnose, of_layer


@pytest.mark.parametrize(
    ("forward", "backward", "expected"),
    [
        (np.log, lambda d, x: d / (x + 1e-8), "1e-08 is added in a denominator"),
        (lambda x: np.log(x + 1e-5), lambda d, x: d / x, "1e-05 is missing in a denominator"),
        (np.log, lambda d, x: d / (x + 3e-8), ""),
        (np.log, lambda d, x: d / x * (1 + 1e-8), "times 1.00000001"),
        (
            lambda x: 2 * np.sqrt(x),
            lambda d, x: d / np.sqrt(x + 1e-10),
            "1e-10 is added inside a root in a denominator",
        ),
    ],
)
def test_an_epsilon_on_one_side(forward, backward, expected):
    x = np.abs(drawn(x=(5, 3))["x"]) + 0.1
    found = differences(forward, lambda d, x: (backward(d, x),), {"x": x})
    assert found == {"dx": expected}


@pytest.mark.parametrize(
    ("epsilon", "expected"), [(1e-8, "a convention: 1e-08 is added inside the logarithm"), (3e-8, "")]
)
def test_an_epsilon_inside_a_logarithm_is_a_convention(epsilon, expected):
    given = drawn(x=(4, 3), delta=(4, 3))
    p = np.exp(given["x"])
    y = np.log(p / p.sum(axis=1, keepdims=True))
    assert cause(np.log(np.exp(y) + epsilon), y, 1e-15, "y", given=given) == expected


def normalised(layer, x, delta, epsilon):
    """A layer norm, or RMS norm, and its derivative, with this ε."""
    centred = not isinstance(layer, RMSNorm)
    u = x - x.mean(axis=1, keepdims=True) * centred
    r = 1 / np.sqrt((u * u).mean(axis=1, keepdims=True) + epsilon)
    h, g = u * r, delta * layer.weight
    mean = g.mean(axis=1, keepdims=True) * centred
    return {
        "y": h * layer.weight + layer.params.get("bias", 0),
        "dx": r * (g - mean - h * (g * h).mean(axis=1, keepdims=True)),
    }


@pytest.mark.parametrize(("layer", "epsilon"), [(RMSNorm(5), 1e-3), (LayerNorm(5), 1e-8)])
def test_an_epsilon_that_the_reference_shows_is_told_from_another(layer, epsilon, rng):
    x, delta = rng.standard_normal((2, 4, 5))
    ours, usual, bare = (normalised(layer, x, delta, e) for e in (epsilon, 1e-5, 0))

    def named(ours, right):
        compared = {q: Compared(ours[q], right[q], 1e-14) for q in ("y", "dx")}
        case = Case(compared, {"x": x, "delta": delta}, layer.params)
        return {q: diagnose(case, q) for q in compared}

    assert named(ours, usual) == dict.fromkeys(["y", "dx"], f"ε is {epsilon:g}")
    # where the reference has no ε that shows, an ε in the output too is another layer's own
    assert named(ours, bare) == {"y": "", "dx": ""}
    assert named({"y": bare["y"], "dx": ours["dx"]}, bare)["dx"] == f"ε is {epsilon:g}"


@pytest.mark.parametrize(("dtype", "expected"), [(np.float64, "ε is 1e-08"), (np.float32, "another ε")])
def test_epsilons_that_the_numbers_do_not_tell_apart_are_another(dtype, expected, rng):
    layer = LayerNorm(5)
    layer = layer.like(weight=np.ones(5), bias=np.zeros(5))
    x, delta = rng.standard_normal((2, 4, 5))
    ours, right, x, delta = (
        a.astype(dtype) for a in (*(normalised(layer, x, delta, e)["dx"] for e in (1e-8, 1e-3)), x, delta)
    )
    assert cause(ours, right, 1e-6, given={"x": x, "delta": delta}) == expected


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
