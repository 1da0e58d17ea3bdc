"""No cause is named that changes nothing, or whose repair does not make the comparison pass."""

from copy import copy
from typing import Any

import numpy as np
import pytest

from manual import SGD, Adam, Layer, Linear, Loss, Network, Optimizer, ReLU, Tanh, parameter, positive
from parity_tests.unlike_manual import UNKNOWN, LeakyReLU, RMSNorm
from torch_ref import compare_layer, compare_loss, compare_optimizer
from torch_ref.diagnosis import Case, Compared, diagnose, of_layer

NOISES = {
    "a millionth": lambda dx, d, x: dx * (1 + 1e-6 * np.sin(1 + np.arange(dx.size)).reshape(dx.shape)),
    "a term": lambda dx, d, x: dx + 1e-3 * d * x * x,
    "a term without δ": lambda dx, d, x: dx + 1e-3 * np.cos(x),
    "a term of δ": lambda dx, d, x: dx + 1e-3 * d,
    "δ's square": lambda dx, d, x: dx * d * d,
    "one element": lambda dx, d, x: dx + 1e-3 * (np.arange(dx.size).reshape(dx.shape) == 3),
    "a row": lambda dx, d, x: dx * (1 + (np.arange(len(dx)) == 1))[:, None],
    "another input": lambda dx, d, x: dx * np.exp(x / 10),
    "nothing of it": lambda dx, d, x: 0 * dx + np.random.default_rng(5).standard_normal(dx.shape),
}


def perturbed(layer: Layer, noise: Any) -> Layer:
    """The layer with another backward, under its own name."""
    kind = type(layer)

    def backward(self: Any, delta: Any, cache: Any) -> Any:
        dx, gradient = kind.backward(self, delta, cache)
        return noise(dx, delta, self.seen), gradient

    def forward(self: Any, x: Any) -> Any:
        self.seen = x
        return kind.forward(self, x)

    wrong = copy(layer)
    wrong.__class__ = type(kind.__name__, (kind,), {"backward": backward, "forward": forward})
    return wrong


@pytest.mark.parametrize("name", UNKNOWN)
def test_the_right_layer_that_manual_lacks_agrees(name, rng):
    assert compare_layer(UNKNOWN[name], rng.standard_normal((4, 5)), rng).agrees


@pytest.mark.parametrize("noise", NOISES)
@pytest.mark.parametrize("name", UNKNOWN)
def test_a_layer_that_manual_lacks_has_no_cause_that_is_none(name, noise, rng):
    for shape in ((4, 5), (5, 5)):
        result = compare_layer(perturbed(UNKNOWN[name], NOISES[noise]), rng.standard_normal(shape), rng)
        wrong = [c for c in result.comparisons if not c.agrees]
        assert [c.quantity for c in wrong] == ["dx"]
        assert [c.cause for c in wrong] == [""]


@pytest.mark.parametrize(
    ("repair", "expected"),
    [
        (lambda dx, d, x: dx / 3, "times 1/3"),
        (lambda dx, d, x: -dx, "times −1"),
        (lambda dx, d, x: d, "σ' is left out"),
        (lambda dx, d, x: 4 * dx, "times N"),
    ],
)
def test_a_layer_that_manual_lacks_has_the_causes_that_its_numbers_prove(repair, expected, rng):
    result = compare_layer(perturbed(UNKNOWN["SiLU"], repair), rng.standard_normal((4, 5)), rng)
    assert result.first
    assert result.first.cause == expected


def test_of_its_own_measure_a_mistake_counts_that_undoes_itself(rng):
    class InPlace(RMSNorm):
        def backward(self, delta, cache):
            gradient = super().backward(delta, cache)[1]
            self.weight -= 0.05 * gradient.weight
            return super().backward(delta, cache)[0], gradient

    InPlace.__name__ = "RMSNorm"
    causes = {c.quantity: c.cause for c in compare_layer(InPlace(5), rng.standard_normal((4, 5)), rng).comparisons}
    assert causes["dx"] == "the parameters are updated before δ goes back through them, with a learning rate of 0.05"


def test_a_transposed_weight_is_proved_by_its_repair_where_nothing_else_measures(rng):
    class Wavy(Layer):
        """a Wᵀ + sin a, which is no layer of ours."""

        weight: Any = parameter()

        def __post_init__(self):
            self.weight = np.arange(9.0).reshape(3, 3) / 7 - 0.4

        def forward(self, a, /):
            return a @ self.weight.T + np.sin(a), a

        def backward(self, delta, a, /):
            return delta @ self.weight.T + delta * np.cos(a) * self.wave, self.like(weight=delta.T @ a)

        wave = 1

    x, delta = rng.standard_normal((4, 3)), rng.standard_normal((4, 3))
    right = delta @ Wavy().weight + delta * np.cos(x)
    for wave, expected in ((1, "the weight is transposed"), (2, "")):
        layer = Wavy()
        layer.wave = wave
        case = of_layer(layer, x, delta, {"dx": Compared(layer.backward(delta, x)[0], right, 1e-14)})
        assert diagnose(case, "dx") == expected


def test_a_mistake_that_changes_nothing_in_one_layer_does_not_explain_another_s(rng):
    """Where all is positive the slope of a ReLU is 1, and to leave it out is no mistake."""

    class Cubed(Layer):
        def forward(self, z, /):
            return z * z * z, z

        def backward(self, delta, z, /):
            return 2 * delta * z * z, self  # in place of 3

    x, delta = rng.random((4, 5)) + 1, rng.standard_normal((4, 5))
    compared = {"y": Compared(x**3, x**3, 1e-13), "dx": Compared(2 * delta * x * x, 3 * delta * x * x, 1e-13)}
    case = of_layer(Network(Cubed(), LeakyReLU()), x, delta, compared)
    assert diagnose(case, "dx") == "times 2/3"


# ---------------------------------------------------------------- losses and optimizers that manual lacks


class L1Loss(Loss):
    """Σ|ŷ − y|/n, whose gradient forgets the outputs."""

    def forward(self, prediction, target, /):
        u = prediction - target
        sign = np.where(positive(u), 1, -1)
        return (u * sign).sum() / u.size, (u, sign)

    def backward(self, cache, /):
        u, sign = cache
        return (0 * u + sign) / len(u)


class SmoothL1Loss(Loss):
    """Σ u²/2 where |u| < 1 and |u| − ½ elsewhere, whose gradient is wrong."""

    def forward(self, prediction, target, /):
        u = prediction - target
        sign, on = np.where(positive(u), 1, -1), positive(1 - u * u)
        return (u * u / 2 * on + (u * sign - 1 / 2) * ~on).sum() / u.size, u

    def backward(self, u, /):
        return u / (u.size + u * u)


class Adagrad(Optimizer):
    """With another step than it should make."""

    lr: float = 1e-2
    mistake = ""

    def update(self, p, g, state, /):
        state["step"] = int(state.get("step", 0)) + 1
        s = state["sum"] = state.get("sum", 0) + g * g
        if self.mistake == "inside":
            p -= self.lr * g / np.sqrt(s + 1e-10)
        elif self.mistake == "power":
            p -= self.lr * g / (np.sqrt(s) * (1 + 1e-6 * g * g) + 1e-10)
        elif self.mistake == "half":
            p -= self.lr / 2 * g / (np.sqrt(s) + 1e-10)
        elif self.mistake != "still":
            p -= self.lr * g / (np.sqrt(s) + 1e-10)


def causes(result):
    return {c.cause for c in result.comparisons if not c.agrees}


def test_a_loss_that_manual_lacks(rng):
    prediction, target = rng.standard_normal((2, 4, 3))
    assert causes(compare_loss(L1Loss(), prediction, target)) == {"times the number of outputs"}
    assert causes(compare_loss(SmoothL1Loss(), prediction, target)) == {""}


@pytest.mark.parametrize(
    ("mistake", "expected"),
    [
        ("", set()),
        ("inside", {"a convention: ε is inside the root"}),
        ("power", {""}),
        ("half", {"the step times ½"}),
        ("still", {"the parameter is not moved"}),
    ],
)
def test_an_optimizer_that_manual_lacks(mistake, expected, rng):
    optimizer = Adagrad(lr=0.1)
    optimizer.mistake = mistake
    assert causes(compare_optimizer(optimizer, Linear(3, 2, rng=rng), rng)) == expected


# ---------------------------------------------------------------- what few numbers bear out


def of(ours, reference, **about):
    return diagnose(Case({"dx": Compared(np.array(ours), np.array(reference), 1e-15)}, **about), "dx")


def test_a_number_that_is_read_off_ours_needs_more_numbers_than_itself():
    assert of([0.37], [1.0]) == ""
    assert of([[0.37, -0.37]], [[1.0, -1.0]]) == ""
    assert of([0.37, 0.74, 1.11], [1.0, 2.0, 3.0]) == "times 0.37"
    assert of([1.7], [1.2], params={"x": np.array([0.3])}) == ""
    assert of([1.7, 0.5], [1.2, 0.5], params={"x": np.array([0.3, 0.0])}) == ""


def test_zeros_and_ones_in_other_places_prove_no_permutation():
    assert of([1.0, 0, 1, 0, 0], [0.0, 1, 1, 0, 0]) == ""
    assert of([0.3, 2.0, 0.5, 0], [2.0, 0.3, 0, 0.5]) == "it is permuted: the right numbers in other places"


def test_a_parameter_of_ones_is_no_proof_that_it_is_returned():
    assert of([1.0, 1, 1], [2.0, 3, 5], params={"x": np.ones(3)}) == ""
    assert of([1.5, 1.5], [2.0, 3], params={"x": np.full(2, 1.5)}) == "the parameter itself is returned"


def test_a_network_whose_relus_masks_are_missing(rng):
    class Wrong(Network):
        def backward(self, delta, tape):
            passed = []
            for layer, cache in zip(self.layers[::-1], tape[::-1], strict=True):
                below, gradient = layer.backward(delta, cache)
                delta = delta if isinstance(layer, ReLU) else below
                passed.append(gradient)
            return delta, self._of(passed[::-1])

        def gradient(self, delta, tape):
            return self.backward(delta, tape)[1]

    Wrong.__name__ = "Network"
    widths = [(3, 8, ReLU()), (8, 5, Tanh()), (5, 8, ReLU())]
    layers = [layer for i, o, sigma in widths for layer in (Linear(i, o, rng=rng), sigma)]
    network = Network(*layers, Linear(8, 2, rng=rng))
    network.__class__ = Wrong
    result = compare_layer(network, rng.standard_normal((6, 3)), rng)
    assert {c.quantity: c.cause for c in result.comparisons}["dx"] == "σ' is left out: ReLU's mask is missing"


@pytest.mark.parametrize("optimizer", [SGD(lr=0.1, momentum=0.9), Adam(weight_decay=0.1)])
def test_an_optimizer_s_mistake_that_changes_nothing_is_not_named(optimizer, rng):
    """A parameter that is off by noise: no option that is off, and none that has no effect, explains it."""
    kind = type(optimizer)

    def update(self, p, g, state):
        kind.update(self, p, g, state)
        p *= 1 + 1e-9 * np.sin(g)

    wrong = copy(optimizer)
    wrong.__class__ = type(kind.__name__, (kind,), {"update": update})
    assert causes(compare_optimizer(wrong, Linear(3, 4, rng=rng), rng)) == {""}


@pytest.mark.parametrize("shape", [(), (0,), (2,), (0, 3), (2, 0, 3), (1, 1), (2, 1, 1, 1), (1,) * 5])
def test_x_and_delta_may_have_any_shape(shape):
    a = np.ones(shape)
    for x, delta, params in ((a, a, {}), (a, np.ones(2), {"w": a}), (np.ones((2, 3)), a, {"w": a, "b": a})):
        assert of([2.0, 4.1], [1.0, 2.0], given={"x": x, "delta": delta}, params=params) == ""
