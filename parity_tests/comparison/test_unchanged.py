"""What a layer was given or has handed on is unchanged afterwards; a layer that works in place is named."""

# pyright: reportIncompatibleMethodOverride=false, reportCallIssue=false, reportArgumentType=false

import numpy as np
import pytest

import manual
import torch_ref.comparison.wiring
from manual import Linear, MSELoss, Network, Sigmoid, Tanh
from parity_tests.comparison.test_judged_as_it_is import Residual, data
from torch_ref import (
    compare_end_to_end,
    compare_layer,
    compare_network,
)
from torch_ref.comparison.verdict import DIFFERS


class InPlaceTanh(manual.Tanh):
    def forward(self, z, /):
        if not isinstance(z, np.ndarray) or z.dtype == object:
            return super().forward(z)
        a = np.tanh(z, out=z)
        return a, a


InPlaceTanh.__name__ = "Tanh"


class InPlaceReLU(manual.ReLU):
    def forward(self, z, /):
        z[z < 0] = 0
        return z, z > 0


InPlaceReLU.__name__ = "ReLU"


class InPlaceDelta(manual.Sigmoid):
    def backward(self, delta, a, /):
        delta *= a * (1 - a)
        return delta, self


InPlaceDelta.__name__ = "Sigmoid"


class AddsInPlace(Residual):
    """Writes x + y into the memory that its last layer keeps."""

    def forward(self, x, /):
        y, tape = Network.forward(self, x)
        if isinstance(y, np.ndarray) and y.dtype != object:
            y += x
            return y, tape
        return x + y, tape


@pytest.mark.parametrize(
    ("layer", "says"),
    [
        (InPlaceTanh(), "forward of layer 2, Tanh changes the input of layer 2, Tanh"),
        (InPlaceReLU(), "forward of layer 2, ReLU changes the input of layer 2, ReLU"),
        (InPlaceDelta(), "backward of layer 2, Sigmoid changes the δ of layer 2, Sigmoid"),
    ],
    ids=["a Tanh", "a ReLU", "a delta"],
)
def test_a_layer_that_works_in_place_is_found_and_named(layer, says, rng):
    network = Network(Linear(3, 4, rng=rng), Tanh(), layer, Linear(4, 2, rng=rng))
    x, y = data(rng)
    wrong = [c for c in compare_network(network, MSELoss(), x, y).comparisons if not c.agrees]
    assert (wrong[0].verdict, wrong[0].reason) == (DIFFERS, says)
    assert {c.place for c in wrong} == {f"layer 2, {type(layer).__name__}"}
    assert not compare_layer(layer, x, rng).agrees


def test_the_array_is_named_by_the_layer_that_handed_it_on(rng):
    x, y = data(rng)
    network = Network(Linear(3, 4, rng=rng), Sigmoid(), InPlaceTanh(), Linear(4, 2, rng=rng))
    found = {c.reason for c in compare_end_to_end(network, MSELoss(), x, y).comparisons}
    assert "forward of layer 2, Tanh changes the output of layer 1, Sigmoid" in found
    found = {c.reason for c in compare_layer(AddsInPlace(Linear(3, 3, rng=rng), Tanh()), x, rng).comparisons}
    assert any(reason.endswith("changes the output of layer 1, Tanh") for reason in found)


def test_a_loss_an_optimizer_and_a_parameter_are_watched_too(rng):
    class InPlaceMSE(manual.MSELoss):
        def forward(self, prediction, target, /):
            if isinstance(prediction, np.ndarray):
                target -= prediction
                target += prediction * 1.0000001
            return super().forward(prediction, target)

    InPlaceMSE.__name__ = "MSELoss"

    class Moves(manual.Linear):
        def forward(self, a, /):
            z = super().forward(a)
            if isinstance(self.weight, np.ndarray):
                self.weight += 1
            return z

    Moves.__name__ = "Linear"

    class Scales(manual.SGD):
        def update(self, p, g, state, /):
            super().update(p, g, state)
            if isinstance(g, np.ndarray):
                g *= 2

    Scales.__name__ = "SGD"
    x, y = data(rng)
    reasons = {c.reason for c in torch_ref.compare_loss(InPlaceMSE(), y, y + 1).comparisons}
    assert "forward of MSELoss(reduction='mean') changes the target" in reasons
    reasons = {c.reason for c in compare_layer(Moves(3, 2, rng=rng), x, rng).comparisons}
    assert any(reason.endswith("changes the parameter weight") for reason in reasons)
    reasons = {c.reason for c in torch_ref.compare_optimizer(Scales(0.1), Linear(3, 2, rng=rng), rng).comparisons}
    assert any(reason.endswith("changes the gradient dbias") for reason in reasons)


def test_a_layer_may_use_its_own_cache_up(rng, agree):
    class Scratch(manual.Tanh):
        """Keeps room in its cache, to compute in."""

        def forward(self, z, /):
            a, _ = super().forward(z)
            return a, (a, np.empty(3))

        def backward(self, delta, cache, /):
            a, room = cache
            room[:] = 1
            return super().backward(delta, a)

    Scratch.__name__ = "Tanh"
    agree(compare_layer(Scratch(), rng.standard_normal((4, 3)), rng))
