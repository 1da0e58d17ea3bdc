"""A failed comparison names its cause where that is certain, and is silent where it is not."""

from copy import deepcopy
from typing import Any

import numpy as np
import pytest
import torch

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
from parity_tests.bugs import keeping_the_picture
from parity_tests.subtle_bugs import BUGS
from parity_tests.test_bugs import around, cases, each, hold, misused, of
from parity_tests.unusual import UNUSUAL
from torch_ref import Parity, compare_layer, compare_loss, compare_network, compare_optimizer
from torch_ref.diagnosis import Case, Compared, diagnose

FLOAT32_ONLY = {
    "A float64 scalar takes part, and float32 in is float64 out",
    "The one-hot targets are float64, and so the gradient of a float32 network",
}
NOT_NAMED = {
    # a layer that is its own measure: its bound has the wrong shape, too
    "The gradient of γ is not summed over the batch",
    "The decay drives the weights away from 0",  # it grows by 1 + 2ηλ and shrinks by 1 − ηλ: not quite 1 + ηλ
}
NAMED_OTHERWISE = {
    # at the first step there is no velocity; later on, it is also an SGD that forgets its dampening
    "Nesterov looks ahead along the old velocity instead of the new one": "it is computed without",
    # a square one is not changed by the reshape, and so not transposed
    "The weight gradient comes out as (in, out) and is reshaped where it should be transposed": "it is transposed",
}


@pytest.fixture(scope="session")
def failures():
    """The failed comparisons of each mistake in float64, a list an example; an error that it raises is a list of
    one."""
    found = {}
    for bug in BUGS:
        found[bug] = []
        for example in cases(bug.right):
            right, *data = deepcopy(example)
            wrong = of(bug.wrong, right)
            try:
                comparisons = hold(wrong, data, np.float64, np.random.default_rng(0)).comparisons
                found[bug].append([c for c in comparisons if not c.agrees])
            except ValueError as error:
                found[bug].append([error])
    return found


def causes(bug, failures):
    """What is said of the quantity on which the mistake shows, where it first fails, of each example."""
    for comparisons in failures[bug]:
        yield from [c.cause for c in comparisons if not isinstance(c, ValueError) and c.quantity == bug.shows][:1]


def test_at_least_40_mistakes_and_every_one_is_caught_in_float64(failures, rng):
    caught = {bug.name for bug, examples in failures.items() if any(examples)}
    for bug in BUGS:
        for right, *data in cases(bug.right):
            caught |= (
                {bug.name for _ in misused(of(bug.wrong, right), data, rng)} if bug.shows.startswith("a ") else set()
            )
    assert {bug.name for bug in BUGS} - caught == FLOAT32_ONLY
    assert len(caught) >= 40


@each([bug for bug in BUGS if bug.cause and bug.name not in NOT_NAMED])
def test_the_cause_of_a_mistake_is_named(bug, failures):
    assert any(bug.cause in cause for cause in causes(bug, failures))


@each(BUGS)
def test_no_other_cause_is_named_alone(bug, failures):
    """Two causes may give the same numbers (the learning rate is 1 − μ, the batch is 1): then both are named."""
    right = [name for name in (bug.cause, NAMED_OTHERWISE.get(bug.name)) if name]
    for cause in causes(bug, failures):
        assert not cause or any(name in cause for name in right)


def test_at_least_25_mistakes_are_named_rightly(failures):
    named = {bug for bug in BUGS if bug.cause and any(bug.cause in cause for cause in causes(bug, failures))}
    assert len(named) >= 25


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("usual", "other"), [pytest.param(u, o, id=f"{u.__name__}: {name}") for name, u, o in UNUSUAL])
def test_a_right_implementation_is_accepted_however_unusual(usual, other, dtype):
    for seed in range(3):
        for example in cases(usual):
            piece, *data = deepcopy(example)
            result = hold(of(other, piece), data, dtype, np.random.default_rng(seed))
            assert result.agrees, f"\n{result}"


def test_at_least_ten_right_implementations_are_unusual():
    assert len(UNUSUAL) >= 10


def wrong(right, **methods):
    """The class with other methods, under its own name."""
    return type(right.__name__, (right,), methods)


def first(result: Parity):
    assert result.first
    return result.first


def test_the_table_has_a_column_of_causes_only_where_one_is_named(rng):
    x = rng.standard_normal((5, 4))
    right = compare_layer(Tanh(), x, rng)
    assert "likely cause" not in str(right)

    twice = wrong(Tanh, backward=lambda self, delta, a: (2 * delta * (1 - a * a), self))
    result = compare_layer(twice(), x, rng)
    header, _, row, verdict = str(result).splitlines()
    assert header.endswith("verdict  likely cause")
    assert row.endswith("differs  times 2")
    assert verdict == "1 of 2 comparisons fail; the first is Tanh(), dx: differs; likely cause: times 2"

    leaky = wrong(Tanh, backward=lambda self, delta, a: (delta * (1.01 - a * a), self))
    assert "likely cause" not in str(compare_layer(leaky(), x, rng))


def test_nothing_is_diagnosed_where_nothing_fails(rng, monkeypatch):
    def never(*_):
        raise AssertionError("diagnosed")

    monkeypatch.setattr("torch_ref.comparison.parity.diagnose", never)
    network, x, y = around(Sigmoid(), rng)
    assert compare_network(network, MSELoss(), x, y).agrees
    assert compare_optimizer(Adam(), network, rng).agrees


# ---------------------------------------------------------------- when a cause is certain

REFERENCE = np.array([[0.3, -1.7, 0.2], [2.6, 0.9, -0.4]])


def cause(ours, reference=REFERENCE, allowed: Any = 1e-14, **about):
    return diagnose(Case({"dx": Compared(ours, reference, allowed)}, **about), "dx")


def test_a_repair_must_make_every_number_pass():
    ours = 2 * REFERENCE
    assert cause(ours) == "times 2"
    ours[1, 2] += 1e-12
    assert cause(ours) == ""


def test_a_tolerance_that_anything_passes_proves_nothing():
    assert cause(2 * REFERENCE, allowed=np.inf) == ""
    assert cause(2 * REFERENCE, allowed=10.0) == ""
    assert cause(REFERENCE, np.zeros((2, 3))) == ""


def test_a_tolerance_that_does_not_tell_ours_from_the_reference_proves_nothing():
    """Sorted, the two agree by the tolerance of the largest number; but so they do as they stand, and nothing is
    permuted."""
    reference, allowed = np.array([1.0, 1e6]), np.array([1e-15, 1e-9])
    assert cause(reference + np.array([1e-12, 0]), reference, allowed) == ""
    assert cause(reference[::-1], reference, allowed) == "it is permuted: the right numbers in other places"


def test_numbers_that_are_not_finite_or_of_another_dtype_have_no_named_cause():
    assert cause(np.full((2, 3), np.nan)) == ""
    assert cause(2 * REFERENCE.astype(np.float32)) == ""
    assert cause(None) == ""


@pytest.mark.parametrize("shape", [(), (0,), (3,), (1, 3), (3, 2), (2, 3, 1), (0, 3), (2, 2, 3)])
def test_any_shape_is_taken(shape):
    ours = np.ones(shape)
    assert cause(ours) == ""
    assert cause(ours, np.zeros(shape)) == ""
    assert cause(REFERENCE, 1 + ours) == ""


def test_causes_that_the_numbers_do_not_tell_apart_are_all_named():
    assert cause(REFERENCE * 2, sizes={"N": 2, "the number of outputs": 3}) == "times 2 or N"
    assert cause(REFERENCE / 2, sizes={"N": 2, "the number of outputs": 3}) == "times ½ or 1/N"


@pytest.mark.parametrize(("ours", "expected"), [
    (REFERENCE * 0.3, "times 0.3"),
    (REFERENCE / 7, "times 1/7"),
    (REFERENCE * 2.0001, "times 2.0001"),
    (REFERENCE[:, [1, 0, 2]], "it is permuted: the right numbers in other places"),
    (REFERENCE.T, "it is transposed"),
    (REFERENCE[:, :, None], "the numbers are right, but in shape (2, 3, 1) for (2, 3)"),
    (np.stack([REFERENCE / 4, REFERENCE / 4, REFERENCE / 2]), "it is not summed over the batch"),
    (REFERENCE * [1, 1, 0], "only in the last column, which is left at 0"),
    (REFERENCE * [[1], [7]], "only in the last row"),
    (REFERENCE + np.outer([0, 1], [0, 0, 1]), "only in the last column or only in the last row"),
])  # fmt: skip
def test_a_repair_names_what_it_undoes(ours, expected):
    assert cause(ours, sizes={"N": 3}) == expected


def test_where_values_tie_in_a_window_another_may_have_the_delta():
    x = np.array([[[1.0, 3, 3, 2]], [[5, 5, 0, 4]]])
    z, delta = torch.tensor(x, requires_grad=True), np.array([[[0.7, -0.4]], [[1.3, 0.6]]])
    (dx,) = torch.autograd.grad(torch.nn.MaxPool1d(3, stride=1)(z), z, torch.tensor(delta))
    last = np.zeros_like(x)
    for n, i in np.ndindex(2, 2):
        window = x[n, 0, i : i + 3]
        last[n, 0, i + 2 - np.argmax(window[::-1])] += delta[n, 0, i]
    assert not np.array_equal(last, dx.numpy())
    given = {"x": x, "delta": delta}
    assert cause(last, dx.numpy(), given=given) == ""
    named = cause(last, dx.numpy(), given=given, pooled=True)
    assert named == "a convention: only where values tie, of which another has the δ"
    last[0, 0, 0] += 1e-9
    assert cause(last, dx.numpy(), given=given, pooled=True) == ""


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
    result = compare_layer(of(wrong(type(layer), **methods), layer), rng.standard_normal((2, 2, 6, 6)), rng)
    assert first(result).cause == expected


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
    assert first(result).cause.startswith("a convention: ")
    assert first(result).cause.endswith(expected)


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

        result = compare_layer(of(wrong(type(layer), backward=backward), layer), x, rng)
        assert first(result).cause == "where windows overlap, the last one overwrites the others"


def test_decay_in_a_layers_gradient_is_an_error_on_biases_too(rng):
    def gradient(self, delta, a):
        return self.like(weight=delta.T @ a + self.weight / 3, bias=delta.sum(axis=0) + self.bias / 3)

    result = compare_layer(wrong(Linear, gradient=gradient)(3, 4, rng=rng), rng.standard_normal((5, 3)), rng)
    named = {c.quantity: c.cause for c in result.comparisons}
    assert named["dweight"] == "the parameter itself is added, times 1/3: weight decay"
    assert named["dbias"] == "the parameter itself is added, times 1/3: weight decay"


def test_a_bias_gradient_summed_over_the_outputs_is_seen_on_a_square_batch_too(rng):
    def gradient(self, delta, a):
        return self.like(weight=delta.T @ a, bias=delta.sum(axis=1))

    for examples in (4, 5):
        result = compare_layer(wrong(Linear, gradient=gradient)(3, 4, rng=rng), rng.standard_normal((examples, 3)), rng)
        assert (first(result).quantity, first(result).cause) == ("dbias", "δ is summed over the wrong axis")


def test_half_the_cost_and_half_its_gradient_are_a_convention(rng):
    def halved(self, prediction, target):
        return HalfMSELoss().forward(prediction, target)[0] / 3, (prediction - target, 15)

    u, v = rng.standard_normal((2, 5, 3))
    both = wrong(MSELoss, forward=halved, backward=lambda self, cache: cache[0] / cache[1])
    expected = "a convention: the cost and its gradient alike, times ½"
    assert [c.cause for c in compare_loss(both(), u, v).comparisons] == [expected] * 2

    delta_alone = wrong(MSELoss, backward=lambda self, cache: cache[0] / cache[1])
    assert [c.cause for c in compare_loss(delta_alone(), u, v).comparisons] == ["", "times ½"]


def test_a_gradient_by_the_probability_is_told_from_one_by_the_logit(rng):
    def backward(self, cache):
        p = 1 / (1 + np.exp(-cache[0]))
        return BCEWithLogitsLoss.backward(self, cache) / (p * (1 - p))

    z, t = rng.standard_normal((5, 3)), rng.random((5, 3))
    result = compare_loss(wrong(BCEWithLogitsLoss, backward=backward)(), z, t)
    assert first(result).cause == "it is the gradient by the probabilities, not by the logits"


def test_a_loss_that_never_looks_at_its_target_says_so(rng):
    u, v = rng.standard_normal((2, 5, 3))
    result = compare_loss(wrong(MSELoss, forward=lambda self, u, v: MSELoss.forward(self, u, 0 * v))(), u, v)
    assert [c.cause for c in result.comparisons] == ["", "the target is left out"]


def test_another_activations_slope_is_named(rng):
    result = compare_layer(
        wrong(Sigmoid, backward=lambda self, d, a: (d * (1 - a * a), self))(), rng.random((5, 4)), rng
    )
    assert first(result).cause == "1 − a² is used: the derivative of Tanh"


def test_the_layer_of_a_network_whose_formula_is_wrong_is_named(rng):
    class Wrong(Network):
        def backward(self, delta, tape):
            passed = []
            for layer, cache in zip(self.layers[::-1], tape[::-1], strict=True):
                below, gradient = layer.backward(delta, cache)
                delta = delta if layer is self.layers[1] else below
                passed.append(gradient)
            return delta, self._of(passed[::-1])

        def gradient(self, delta, tape):
            return self.backward(delta, tape)[1]

    Wrong.__name__ = "Network"
    layers = Linear(3, 4, rng=rng), Tanh(), Linear(4, 5, rng=rng), Sigmoid(), Linear(5, 2, rng=rng)
    result = compare_layer(of(Wrong, Network(*layers)), rng.standard_normal((6, 3)), rng)
    named = {c.quantity: c.cause for c in result.comparisons if not c.agrees}
    assert named == dict.fromkeys(
        ["dx", "d0.weight", "d0.bias", "d0.weight, by gradient()", "d0.bias, by gradient()"],
        "σ' is left out, in layer 1",
    )


@pytest.mark.parametrize(("expected", "optimizer", "update"), [
    ("without momentum", SGD(lr=0.1, momentum=0.9), lambda p, g, s: SGD(lr=0.1).update(p, g, s)),
    ("without nesterov", SGD(lr=0.1, momentum=0.9, nesterov=True),
     lambda p, g, s: SGD(lr=0.1, momentum=0.9).update(p, g, s)),
    ("without weight_decay", SGD(lr=0.1, weight_decay=0.1), lambda p, g, s: SGD(lr=0.1).update(p, g, s)),
    ("the sign of weight_decay", SGD(lr=0.1, weight_decay=0.1), lambda p, g, s: SGD(lr=0.1).update(p, g - p / 10, s)),
    ("the step times 3", SGD(lr=0.1, weight_decay=0.1), lambda p, g, s: SGD(lr=0.3, weight_decay=0.1).update(p, g, s)),
    ("without centered", RMSprop(lr=0.1, centered=True), lambda p, g, s: RMSprop(lr=0.1).update(p, g, s)),
    ("as in AdamW", Adam(weight_decay=0.1), lambda p, g, s: AdamW(weight_decay=0.1).update(p, g, s)),
    ("the count of steps is 3", Adam(), lambda p, g, s: Adam().update(p, g, s.update(step=2) or s)),
])  # fmt: skip
def test_a_step_says_what_it_does_otherwise(expected, optimizer, update, rng):
    kind = wrong(type(optimizer), update=lambda self, p, g, state: update(p, g, state))
    result = compare_optimizer(of(kind, optimizer), Linear(3, 4, rng=rng), rng, steps=2)
    assert expected in {c.quantity: c.cause for c in result.comparisons}["weight"]


def test_a_slope_at_zero_of_neither_1_nor_a_half_is_no_convention(rng):
    x = np.array([[-1.5, 0.0, 2.0, 0.7]])
    strange = wrong(ReLU, backward=lambda self, d, on: (d * on + d * (1.0 - on) * (x == 0) * 0.7, self))
    assert first(compare_layer(strange(), x, rng)).cause == ""
