"""Of layers, losses and optimizers that `manual` lacks the causes are named that their numbers prove, and no others."""

from typing import Any

import numpy as np
import pytest

from manual import SGD, Adam, Layer, Linear, Loss, Network, Optimizer, parameter, positive
from parity_tests.bugs.unusual.not_in_manual import UNKNOWN, LeakyReLU, RMSNorm
from parity_tests.comparison.against_torch import wrong
from parity_tests.conftest import few
from parity_tests.diagnosis.proofs import causes
from torch_ref import compare_layer, compare_loss, compare_optimizer
from torch_ref.diagnosis import Compared, diagnose, of_layer

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


def perturbed(layer, noise):
    """The layer with another backward, under its own name."""
    kind = type(layer)

    def backward(self, delta, cache):
        dx, gradient = kind.backward(self, delta, cache)
        return noise(dx, delta, self.seen), gradient

    def forward(self, x):
        self.seen = x
        return kind.forward(self, x)

    return wrong(layer, backward=backward, forward=forward)


@pytest.mark.parametrize("name", UNKNOWN)
def test_the_right_layer_that_manual_lacks_agrees(name, rng):
    assert compare_layer(UNKNOWN[name], rng.standard_normal((4, 5)), rng).agrees


@pytest.mark.parametrize("noise", few(NOISES))
@pytest.mark.parametrize("name", UNKNOWN)
def test_a_layer_that_manual_lacks_has_no_cause_that_is_none(name, noise, rng):
    for shape in ((4, 5), (5, 5)):
        result = compare_layer(perturbed(UNKNOWN[name], NOISES[noise]), rng.standard_normal(shape), rng)
        assert causes(result) == {"dx": ""}


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
    assert causes(result) == {"dx": expected}


def test_of_its_own_measure_a_mistake_counts_that_undoes_itself(rng):
    class InPlace(RMSNorm):
        def backward(self, delta, cache):
            gradient = super().backward(delta, cache)[1]
            self.weight -= 0.05 * gradient.weight
            return super().backward(delta, cache)[0], gradient

    InPlace.__name__ = "RMSNorm"
    named = causes(compare_layer(InPlace(5), rng.standard_normal((4, 5)), rng))
    assert named["dx"] == "the parameters are updated before δ goes back through them, with a learning rate of 0.05"


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

    def backward(self, cache, /):  # pyright: ignore[reportIncompatibleMethodOverride]
        u, sign = cache
        return (0 * u + sign) / len(u)


class SmoothL1Loss(Loss):
    """Σ u²/2 where |u| < 1 and |u| − ½ elsewhere, whose gradient is wrong."""

    def forward(self, prediction, target, /):
        u = prediction - target
        sign, on = np.where(positive(u), 1, -1), positive(1 - u * u)
        return (u * u / 2 * on + (u * sign - 1 / 2) * ~on).sum() / u.size, u

    def backward(self, u, /):  # pyright: ignore[reportIncompatibleMethodOverride]
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


def test_a_loss_that_manual_lacks(rng):
    prediction, target = rng.standard_normal((2, 4, 3))
    assert causes(compare_loss(L1Loss(), prediction, target)) == {"delta": "times the number of outputs"}
    assert causes(compare_loss(SmoothL1Loss(), prediction, target)) == {"delta": ""}


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
    assert {*causes(compare_optimizer(optimizer, Linear(3, 2, rng=rng), rng)).values()} == expected


@pytest.mark.parametrize("optimizer", [SGD(lr=0.1, momentum=0.9), Adam(weight_decay=0.1)])
def test_an_optimizer_s_mistake_that_changes_nothing_is_not_named(optimizer, rng):
    """A parameter that is off by noise: no option that is off, and none that has no effect, explains it."""
    kind = type(optimizer)

    def update(self, p, g, state):
        kind.update(self, p, g, state)
        p *= 1 + 1e-9 * np.sin(g)

    result = compare_optimizer(wrong(optimizer, update=update), Linear(3, 4, rng=rng), rng)
    assert {*causes(result).values()} == {""}
