"""A factor is named by every size that it may be, and is a convention where the cost leaves it open."""

import numpy as np
import pytest

from manual import HalfMSELoss, Linear, Network, Tanh
from torch_ref.diagnosis import Case, Compared, diagnose, of_layer


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((5, 3), "times N"),
        ((3, 5), "times the number of outputs"),
        ((5, 5), "times N or the number of outputs"),
    ],
)
def test_every_size_that_a_factor_may_be_is_named(shape, expected, rng):
    x = rng.standard_normal((shape[0], 4))
    case = Case({"dw": Compared(5 * x, x, 1e-15)}, {"x": x, "delta": rng.standard_normal(shape)})
    assert diagnose(case, "dw") == expected


def test_examples_in_columns_are_counted_along_the_columns(rng):
    x, delta = rng.standard_normal((4, 7)), rng.standard_normal((3, 7))
    case = Case({"dx": Compared(7 * x, x, 1e-15)}, {"x": x, "delta": delta}, sizes={"N": 3, "the number of outputs": 7})
    assert diagnose(case, "dx") == "times N"


def test_a_product_of_a_size_and_2_is_named_where_no_plain_one_fits(rng):
    x, delta = rng.standard_normal((5, 4)), rng.standard_normal((5, 3))
    for c, expected in ((10, "times 2·N"), (0.1, "times ½/N"), (1.5, "times ½·(the number of outputs)")):
        assert diagnose(Case({"dx": Compared(c * x, x, 1e-14)}, {"x": x, "delta": delta}), "dx") == expected


# ---------------------------------------------------------------- a factor is a convention where the cost leaves it
# open


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


def test_a_factor_that_the_cost_contradicts_is_no_convention(rng):
    u = rng.standard_normal((5, 3))

    def of(cost, delta):
        compared = {
            "cost": Compared(np.array(cost * 2.0), np.array(2.0), 1e-15),
            "delta": Compared(delta * u, u, 1e-15),
        }
        return [
            diagnose(Case(compared, sizes={"N": 5}), q)
            for q in compared
            if compared[q].ours is not compared[q].reference
        ]

    assert of(0.5, 0.5) == ["a convention: the cost and its gradient alike, times ½"] * 2
    assert of(2, 0.5) == ["times 2", "times ½"]
    assert of(-1, -1) == ["times −1"] * 2
