"""A network is judged as what it is: by its own forward and backward, whatever its wiring."""

# pyright: reportIncompatibleMethodOverride=false, reportCallIssue=false, reportArgumentType=false

from typing import Any

import numpy as np
import pytest
import torch

import manual
import torch_ref.comparison.wiring
from manual import SGD, InputError, Layer, Linear, MSELoss, Network, ReLU, Sigmoid, Tanh
from torch_ref import (
    NoTwin,
    certify,
    compare_end_to_end,
    compare_layer,
    compare_network,
    compare_training,
    embed,
    to_numpy,
    to_torch,
    twin,
)
from torch_ref.comparison.verdict import DIFFERS, NOT_JUDGED


class Wrong(Network):
    """A chain by its looks, whose forward doubles and whose gradients are nonsense."""

    def forward(self, x, /):
        y, tape = super().forward(x)
        return 2 * y, tape

    def backward(self, delta, tape, /):
        dx, gradient = super().backward(delta, tape)
        return 7 * dx, gradient.like(**{name: -3 * g for name, g in gradient.params.items()})

    def gradient(self, delta, tape, /):
        return self.backward(delta, tape)[1]


class Residual(Network):
    """y = x + f(x)"""

    def forward(self, x, /):
        y, tape = super().forward(x)
        return x + y, tape

    def backward(self, delta, tape, /):
        dx, gradient = super().backward(delta, tape)
        return delta + dx, gradient


class Forgets(Residual):
    """A residual block that forgets the way past its layers."""

    def backward(self, delta, tape, /):
        return Network.backward(self, delta, tape)


class Scaled(Network):
    """A chain whose own backward is right, and rounds otherwise."""

    def backward(self, delta, tape, /):
        dx, gradient = super().backward(3 * delta, tape)
        return dx / 3, gradient.like(**{name: g / 3 for name, g in gradient.params.items()})

    def gradient(self, delta, tape, /):
        return self.backward(delta, tape)[1]


def data(rng, rows=5):
    return rng.standard_normal((rows, 3)), rng.standard_normal((rows, 2))


def around(kind, rng):
    """A network of that kind, and one inside a chain."""
    return [
        kind(Linear(3, 3, rng=rng), Tanh()),
        Network(Linear(3, 4, rng=rng), kind(Linear(4, 4, rng=rng), Sigmoid()), Linear(4, 2, rng=rng)),
    ]


def comparisons(network, rng):
    """All the ways to compare a network."""
    x, y = data(rng)
    y = network.forward(x)[0] + 1 if y.shape != network.forward(x)[0].shape else y
    yield compare_layer(network, x, rng)
    yield compare_network(network, MSELoss(), x, y)
    yield compare_end_to_end(network, MSELoss(), x, y)
    yield compare_training(network, MSELoss(), SGD(0.1), x, y, steps=2)


@pytest.mark.parametrize("kind", [Network, Residual, Scaled], ids=lambda kind: kind.__name__)
def test_right_networks_agree_whatever_their_wiring(kind, rng, agree):
    for network in around(kind, rng):
        for parity in comparisons(network, rng):
            agree(parity)


@pytest.mark.parametrize("kind", [Wrong, Forgets], ids=lambda kind: kind.__name__)
def test_wrong_networks_differ_however_they_are_compared(kind, rng):
    for network in around(kind, rng):
        for parity in comparisons(network, rng):
            assert DIFFERS in {c.verdict for c in parity.comparisons}, f"\n{parity}"


def test_a_network_of_single_precision_is_judged_too(rng, agree):
    x = rng.standard_normal((4, 3)).astype(np.float32)
    agree(compare_layer(Residual(Linear(3, 3, rng=rng), Tanh()).astype(np.float32), x, rng))


def test_a_method_that_is_set_on_one_network_counts_too(rng):
    network = Network(Linear(3, 3, rng=rng), Tanh())
    network.forward = lambda x, /: (2 * Network.forward(network, x)[0], Network.forward(network, x)[1])
    with pytest.raises(NoTwin, match="it is not a chain of its layers"):
        twin(network)


def test_torch_has_no_twin_of_a_wiring_of_ones_own_but_it_can_be_embedded_and_certified(rng):
    for network in around(Residual, rng):
        with pytest.raises(NoTwin, match=r"it is not a chain of its layers"):
            twin(network)
    block, x = Residual(Linear(3, 3, rng=rng), Tanh()), rng.standard_normal((4, 3))
    np.testing.assert_array_equal(to_numpy(embed(block)(to_torch(x))), block.forward(x)[0])
    assert max(certify(block, x, x).values()) < 1e-20
    assert certify(Forgets(*block.layers), x, x)["dx"] > 1e-3


def test_what_is_too_large_to_certify_or_does_not_run_on_balls_is_refused(rng, monkeypatch):
    class Rounded(Residual):
        def forward(self, x, /):
            y, tape = super().forward(x)
            return np.nextafter(y, y) + x, tape

    x, block = rng.standard_normal((4, 3)), Residual(Linear(3, 3, rng=rng))
    with pytest.raises(NoTwin, match="does not run on balls"):
        compare_layer(Rounded(*block.layers), x, rng)
    monkeypatch.setattr(torch_ref.comparison.wiring, "MOST", 23)
    with pytest.raises(NoTwin, match="too large, 24 numbers"):
        compare_layer(block, x, rng)
    with pytest.raises(NoTwin, match="on the CPU alone"):
        torch_ref.comparison.wiring.reference(block, "meta")


def test_a_decision_on_the_edge_is_not_judged(rng):
    block = Residual(ReLU(), Linear(3, 3, rng=rng))
    x = np.zeros((2, 3))
    found = (
        compare_layer(block, x, rng),
        compare_network(block, MSELoss(), x, x),
        compare_end_to_end(block, MSELoss(), x, x),
    )
    for parity in found:
        assert {c.verdict for c in parity.comparisons} == {NOT_JUDGED}
    assert not compare_training(block, MSELoss(), SGD(), x, x, steps=2).agrees


# ---------------------------------------------------------------- a layer inside a layer


def test_a_layer_that_holds_an_untrained_one_is_refused_everywhere(rng):
    class Holds(Layer):
        inner: Any

        def forward(self, x, /):
            return self.inner.forward(x)

        def backward(self, delta, cache, /):
            return self.inner.backward(delta, cache)[0], self

    class Gated(Network):
        def __init__(self, *layers):
            super().__init__(*layers)
            self.gate = Linear(3, 3, rng=rng)

    x = rng.standard_normal((2, 3))
    for layer in (Holds(Linear(3, 3, rng=rng)), Gated(ReLU())):
        for use in (
            lambda layer=layer: twin(layer), lambda layer=layer: embed(layer), lambda layer=layer: certify(layer, x, x),
            lambda layer=layer: compare_layer(layer, x, rng), lambda layer=layer: Network(layer),
            lambda layer=layer: next(manual.train(layer, MSELoss(), SGD(), x, x)),
        ):  # fmt: skip
            with pytest.raises(InputError, match="would not be trained"):
                use()


# ---------------------------------------------------------------- what torch does otherwise


def test_an_optimizer_may_be_compared_on_a_layer_that_torch_lacks(rng, agree):
    agree(torch_ref.compare_optimizer(SGD(0.1), Residual(Linear(3, 3, rng=rng)), rng))


def test_a_layer_whose_code_does_not_run_on_bounds_is_not_judged(rng):
    class Softshrink(Layer):
        def forward(self, x, /):
            return np.frombuffer(x.tobytes()).reshape(x.shape), None

        def backward(self, delta, cache, /):
            return delta, self

    parity = compare_layer(Softshrink(), rng.standard_normal((2, 3)), rng)
    assert [(c.verdict, c.reason.split(",")[0]) for c in parity.comparisons] == [
        (NOT_JUDGED, "no tolerance can be derived")
    ]


def test_a_layer_that_sends_nothing_back_differs(rng):
    class ReLU(manual.ReLU):
        def backward(self, delta, cache, /):
            return None, self

    for parity in (
        compare_layer(ReLU(), rng.standard_normal((5, 3)), rng),
        compare_network(Network(Linear(3, 4, rng=rng), ReLU()), MSELoss(), rng.random((5, 3)), rng.random((5, 4))),
    ):
        [wrong] = [c for c in parity.comparisons if not c.agrees]
        assert (wrong.quantity, wrong.verdict, wrong.reason) == ("dx", DIFFERS, "missing")


def test_torch_is_not_asked_to_broadcast_a_target(rng):
    x, _ = data(rng)
    with pytest.raises(InputError, match=r"MSELoss.*expected an array of shape \(5, 1\)"):
        compare_network(Network(Linear(3, 1, rng=rng)), MSELoss(), x, np.zeros(5))
    with pytest.raises(InputError, match="layer 0 of 1, Linear"):
        compare_network(Network(Linear(4, 1, rng=rng)), MSELoss(), x, np.zeros((5, 1)))
    assert torch.is_tensor(to_torch(x))
