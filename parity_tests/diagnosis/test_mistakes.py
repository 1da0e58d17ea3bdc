"""A mistake in a layer, loss, optimizer or network is named; those of the catalogue are in comparison/test_bugs.py."""

from typing import Any

import numpy as np
import pytest

from manual import (
    SGD,
    Adam,
    AdamW,
    AvgPool2d,
    BCEWithLogitsLoss,
    Conv2d,
    Dropout,
    Flatten,
    HalfMSELoss,
    Linear,
    MaxPool2d,
    MSELoss,
    Network,
    ReLU,
    RMSprop,
    Sigmoid,
    Tanh,
)
from parity_tests.bugs.layers.max_pooling import keeping_the_picture
from parity_tests.comparison.against_torch import wrong
from parity_tests.diagnosis.proofs import causes
from torch_ref import compare_layer, compare_loss, compare_optimizer


def first_cause(result):
    assert result.first
    return result.first.cause


def test_the_table_has_a_column_of_causes_only_where_one_is_named(rng):
    x = rng.standard_normal((5, 4))
    right = compare_layer(Tanh(), x, rng)
    assert "likely cause" not in str(right)

    twice = wrong(Tanh, backward=lambda self, delta, a: (2 * delta * (1 - a * a), self))
    result = compare_layer(twice(), x, rng)
    header, _, row, verdict = str(result).splitlines()
    assert header.endswith("verdict  likely cause")
    assert row.endswith("differs  times 2")
    assert verdict == "1 of 2 comparisons differs; the first is Tanh(), dx: differs; likely cause: times 2"

    leaky = wrong(Tanh, backward=lambda self, delta, a: (delta * (1.01 - a * a), self))
    assert "likely cause" not in str(compare_layer(leaky(), x, rng))


# ---------------------------------------------------------------- layers


def moved(**attributes):
    """A layer's backward as it is with other attributes."""

    def backward(self, delta, cache):
        other = self.like()
        other.__dict__ |= attributes
        dx, _ = type(self).__bases__[0].backward(other, delta, cache)
        return dx, type(self).__bases__[0].backward(self, delta, cache)[1]

    return {"backward": backward}


@pytest.mark.parametrize(("expected", "layer", "methods"), [
    ("the padding is off by one: one more", Conv2d(2, 3, 3, padding=1, rng=np.random.default_rng(0)),
     moved(_padding=(2, 2))),
    ("the kernel is turned upside down", Conv2d(2, 3, 3, rng=np.random.default_rng(0)),
     {"backward": lambda self, delta, a: Conv2d.backward(
         self.like(weight=self.weight[:, :, ::-1], bias=self.bias), delta, a)}),
    ("the kernel is turned left to right", Conv2d(2, 3, 3, rng=np.random.default_rng(0)),
     {"backward": lambda self, delta, a: Conv2d.backward(
         self.like(weight=self.weight[..., ::-1], bias=self.bias), delta, a)}),
    ("the padding is off by one: one less", Conv2d(2, 3, 3, padding=1, rng=np.random.default_rng(0)),
     {"forward": lambda self, a: (Conv2d(2, 3, 3, rng=np.random.default_rng(0)).forward(np.pad(
         a, ((0, 0), (0, 0), (0, 2), (0, 2))))[0], a)}),
    ("times 1/(the number of pixels)", Conv2d(2, 3, 3, rng=np.random.default_rng(0)),
     {"gradient": lambda self, d, a: self.like(
         weight=Conv2d.gradient(self, d, a).weight, bias=d.mean(axis=(2, 3)).sum(axis=0))}),
    ("the stride is left out", MaxPool2d(3, 2), moved(_stride=(1, 1))),
    ("the stride is left out", AvgPool2d(3, 2), moved(_stride=(1, 1))),
    ("the stride is left out: the windows lie side by side", AvgPool2d(3, 2, 1), {"backward": lambda self, delta, a: (
        AvgPool2d(3).backward(delta, np.zeros((*a.shape[:2], 9, 9)))[0][:, :, 1:7, 1:7], self)}),
    ("the last column of windows is left out", MaxPool2d(2), {"backward": lambda self, delta, cache:
        MaxPool2d.backward(self, delta * [1, 1, 0], cache)}),
    ("it is not divided by the size of the window", AvgPool2d((1, 7), 1, (0, 3)),
     {"forward": lambda self, a: (7 * AvgPool2d.forward(self, a)[0], a)}),
    ("the mask is left out", Dropout(0.3, rng=np.random.default_rng(0)),
     {"forward": lambda self, a: (a / 0.7, Dropout.forward(self, a)[1])}),
    ("the scale is 1/p", Dropout(0.3, rng=np.random.default_rng(0)),
     {"backward": lambda self, delta, m: (delta * m / 0.3, self)}),
    ("the numbers are right, but in shape (2, 72) for (2, 2, 6, 6)", Flatten(),
     {"backward": lambda self, delta, a: (delta, self)}),
])  # fmt: skip
def test_a_layer_for_pictures_says_what_it_does_otherwise(expected, layer, methods, rng):
    result = compare_layer(wrong(layer, **methods), rng.standard_normal((2, 2, 6, 6)), rng)
    assert first_cause(result) == expected


@pytest.mark.parametrize(
    ("expected", "divided"), [("a tie is split equally", True), ("every pixel has the whole δ", False)]
)
def test_ties_at_a_padded_edge_are_those_of_the_picture_s_own_pixels(expected, divided, rng):
    def backward(self, delta, cache):
        a, dx = np.pad(cache[0], ((0, 0), (0, 0), (1, 1), (1, 1)), constant_values=-np.inf), np.zeros((2, 2, 7, 7))
        for i, j in np.ndindex(*delta.shape[2:]):
            window = ..., slice(2 * i, 2 * i + 3), slice(2 * j, 2 * j + 3)
            tied = a[window] == a[window].max(axis=(2, 3), keepdims=True)
            dx[window] += (
                delta[:, :, i, j, None, None] * tied / (tied.sum(axis=(2, 3), keepdims=True) if divided else 1)
            )
        return dx[:, :, 1:6, 1:6], self

    x = rng.integers(0, 2, (2, 2, 5, 5)).astype(np.float64)
    result = compare_layer(wrong(MaxPool2d, forward=keeping_the_picture, backward=backward)(3, 2, 1), x, rng)
    assert first_cause(result).startswith("a convention: ")
    assert first_cause(result).endswith(expected)


def test_windows_that_overwrite_each_other_are_seen_wherever_they_overlap(rng):
    for layer in (AvgPool2d(3, 1, 1), AvgPool2d((5, 2), (2, 1), (1, 1)), MaxPool2d(3, 2), MaxPool2d(4, 1, 2)):
        x = rng.standard_normal((2, 2, 9, 8))

        def backward(self, delta, cache):
            (k, m), (s, t), (p, q) = self._kernel, self._stride, self._padding
            dx = np.zeros((2, 2, 9 + 2 * p, 8 + 2 * q))
            for i, j in np.ndindex(*delta.shape[2:]):
                alone = np.zeros_like(delta)
                alone[:, :, i, j] = delta[:, :, i, j]
                given = np.pad(
                    type(self).__bases__[0].backward(self, alone, cache)[0], ((0, 0), (0, 0), (p, p), (q, q))
                )
                window = ..., slice(s * i, s * i + k), slice(t * j, t * j + m)
                dx[window] = given[window]
            return dx[:, :, p : p + 9, q : q + 8], self

        result = compare_layer(wrong(layer, backward=backward), x, rng)
        assert first_cause(result) == "where windows overlap, the last one overwrites the others"


@pytest.mark.parametrize("examples", [4, 5])
def test_a_bias_gradient_summed_over_the_outputs_is_seen_on_a_square_batch_too(examples, rng):
    def gradient(self, delta, a):
        return self.like(weight=delta.T @ a, bias=delta.sum(axis=1))

    result = compare_layer(wrong(Linear, gradient=gradient)(3, 4, rng=rng), rng.standard_normal((examples, 3)), rng)
    assert causes(result) == dict.fromkeys(["dbias", "dbias, by gradient()"], "δ is summed over the wrong axis")


def test_decay_in_a_layers_gradient_is_an_error_on_biases_too(rng):
    def gradient(self, delta, a):
        return self.like(weight=delta.T @ a + self.weight / 3, bias=delta.sum(axis=0) + self.bias / 3)

    named = causes(compare_layer(wrong(Linear, gradient=gradient)(3, 4, rng=rng), rng.standard_normal((5, 3)), rng))
    for quantity in ("dweight", "dbias"):
        assert named[quantity] == "the parameter itself is added, times 1/3: weight decay"


@pytest.mark.parametrize(
    ("slope", "expected"),
    [(0, "1 − a² is used: the derivative of Tanh"), (1, "")],
)
def test_another_activations_slope_is_named(slope, expected, rng):
    layer = wrong(Sigmoid, backward=lambda self, d, a: (d * (1 - a * a) * (1 + slope * a / 9), self))()
    assert first_cause(compare_layer(layer, rng.random((5, 4)), rng)) == expected


def test_a_slope_at_zero_of_neither_1_nor_a_half_is_no_convention(rng):
    x = np.array([[-1.5, 0.0, 2.0, 0.7]])
    strange = wrong(ReLU, backward=lambda self, d, on: (d * on + d * (1.0 - on) * (x == 0) * 0.7, self))
    assert first_cause(compare_layer(strange(), x, rng)) == ""


# ---------------------------------------------------------------- losses


def test_half_the_cost_and_half_its_gradient_are_a_convention(rng):
    def halved(self, prediction, target):
        return HalfMSELoss().forward(prediction, target)[0] / 3, (prediction - target, 15)

    u, v = rng.standard_normal((2, 5, 3))
    both = wrong(MSELoss, forward=halved, backward=lambda self, cache: cache[0] / cache[1])
    expected = "a convention: the cost and its gradient alike, times ½"
    assert [c.cause for c in compare_loss(both(), u, v).comparisons] == [expected] * 2

    delta_alone = wrong(MSELoss, backward=lambda self, cache: cache[0] / cache[1])
    assert [c.cause for c in compare_loss(delta_alone(), u, v).comparisons] == ["", "times ½"]


def by_the_probability(self, cache):
    p = 1 / (1 + np.exp(-cache[0]))
    return BCEWithLogitsLoss.backward(self, cache) / (p * (1 - p))


@pytest.mark.parametrize(
    ("expected", "loss"),
    [
        ("it is the gradient by the probabilities, not by the logits",
         wrong(BCEWithLogitsLoss, backward=by_the_probability)()),
        ("the target is left out", wrong(MSELoss, forward=lambda self, u, v: MSELoss.forward(self, u, 0 * v))()),
    ],
)  # fmt: skip
def test_a_loss_says_what_it_does_otherwise(expected, loss, rng):
    prediction, target = rng.standard_normal((5, 3)), rng.random((5, 3))
    assert causes(compare_loss(loss, prediction, target))["delta"] == expected


# ---------------------------------------------------------------- networks and optimizers


class Past(Network):
    """δ goes past the layers of one kind, unchanged."""

    def __init__(self, past: type, *layers: Any) -> None:
        super().__init__(*layers)
        self.past = past

    def backward(self, delta, tape):
        passed = []
        for layer, cache in zip(self.layers[::-1], tape[::-1], strict=True):
            below, gradient = layer.backward(delta, cache)
            delta = delta if isinstance(layer, self.past) else below
            passed.append(gradient)
        return delta, self._of(passed[::-1])

    def gradient(self, delta, tape):
        return self.backward(delta, tape)[1]


Past.__name__ = "Network"


def test_the_layer_of_a_network_whose_formula_is_wrong_is_named(rng):
    layers = Linear(3, 4, rng=rng), Tanh(), Linear(4, 5, rng=rng), Sigmoid(), Linear(5, 2, rng=rng)
    network = Past(Tanh, *layers)
    assert causes(compare_layer(network, rng.standard_normal((6, 3)), rng)) == dict.fromkeys(
        ["dx", "d0.weight", "d0.bias", "d0.weight, by gradient()", "d0.bias, by gradient()"],
        "σ' is left out, in layer 1",
    )


def test_a_network_whose_relus_masks_are_missing(rng):
    widths = [(3, 8, ReLU()), (8, 5, Tanh()), (5, 8, ReLU())]
    layers = [layer for i, o, sigma in widths for layer in (Linear(i, o, rng=rng), sigma)]
    network = Past(ReLU, *layers, Linear(8, 2, rng=rng))
    result = compare_layer(network, rng.standard_normal((6, 3)), rng)
    assert causes(result)["dx"] == "σ' is left out: ReLU's mask is missing"


@pytest.mark.parametrize(("expected", "optimizer", "update"), [
    ("without momentum", SGD(lr=0.1, momentum=0.9), lambda p, g, s: SGD(lr=0.1).update(p, g, s)),
    ("without nesterov", SGD(lr=0.1, momentum=0.9, nesterov=True),
     lambda p, g, s: SGD(lr=0.1, momentum=0.9).update(p, g, s)),
    ("without weight_decay", SGD(lr=0.1, weight_decay=0.1), lambda p, g, s: SGD(lr=0.1).update(p, g, s)),
    ("the sign of weight_decay", SGD(lr=0.1, weight_decay=0.1), lambda p, g, s: SGD(lr=0.1).update(p, g - p / 10, s)),
    ("the step times 3", SGD(lr=0.1, weight_decay=0.1), lambda p, g, s: SGD(lr=0.3, weight_decay=0.1).update(p, g, s)),
    ("without centered", RMSprop(lr=0.1, centered=True), lambda p, g, s: RMSprop(lr=0.1).update(p, g, s)),
    ("as in AdamW", Adam(weight_decay=0.1), lambda p, g, s: AdamW(weight_decay=0.1).update(p, g, s)),
    ("as in Adam", AdamW(weight_decay=0.1), lambda p, g, s: Adam(weight_decay=0.1).update(p, g, s)),
    ("as in Adam", Adam(weight_decay=0.1, decoupled_weight_decay=True),
     lambda p, g, s: Adam(weight_decay=0.1).update(p, g, s)),
    ("the count of steps is 3", Adam(), lambda p, g, s: Adam().update(p, g, s.update(step=2) or s)),
])  # fmt: skip
def test_a_step_says_what_it_does_otherwise(expected, optimizer, update, rng):
    kind = wrong(optimizer, update=lambda self, p, g, state: update(p, g, state))
    assert expected in causes(compare_optimizer(kind, Linear(3, 4, rng=rng), rng, steps=2))["weight"]
