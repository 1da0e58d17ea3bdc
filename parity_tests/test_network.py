"""Networks of one's own, and the loop around them."""

import numpy as np

from manual import SGD, Layer, Linear, MSELoss, Network, ReLU, RMSprop, train
from torch_ref import compare_optimizer


class Scaled(Network):
    """A network with a number of its own."""

    def __init__(self, *layers, factor):
        super().__init__(*layers)
        self.factor = factor

    def forward(self, x, /):
        y, tape = super().forward(x)
        return self.factor * y, tape


def test_a_network_of_ones_own_keeps_what_is_its_own(rng):
    network = Scaled(Linear(3, 4, rng=rng), ReLU(), factor=2)
    for other in (network.like(), network.astype(np.float32), network.evaluated(), Network(network).like().layers[0]):
        assert type(other) is Scaled
        assert other.factor == 2


def test_like_takes_none_for_an_absent_parameter_in_a_network_too(rng):
    network = Network(Linear(3, 4, bias=False, rng=rng))
    weight = 2 * network.params["0.weight"]
    assert network.like(**{"0.weight": weight, "0.bias": None}).params["0.weight"] is weight


def test_training_commits_every_pass_and_inference_none(rng):
    class Counted(Layer):
        passes: int = 0

        def forward(self, x, /):
            return x, None

        def backward(self, delta, cache, /):
            return delta, self

        def commit(self, cache, /):
            self.passes += 1

    counted = Counted()
    network = Network(counted, Linear(3, 2, rng=rng))
    x, y = rng.standard_normal((7, 3)), rng.standard_normal((7, 2))
    assert len(list(train(network, MSELoss(), SGD(), x, y, epochs=2, batch_size=3))) == 6
    assert counted.passes == 6
    network.forward(x)
    assert counted.passes == 6


def test_a_threshold_of_zero_never_stops_a_training_that_stands_still(rng):
    network = Network(Linear(3, 2, rng=rng))
    steps = list(train(network, MSELoss(), SGD(lr=0), rng.standard_normal((7, 3)), rng.standard_normal((7, 2)), epochs=3))
    assert [step.moved for step in steps] == [0, 0, 0]


def test_a_root_of_what_may_be_negative_is_undetermined_even_where_it_is_no_number(rng):
    parity = compare_optimizer(RMSprop(centered=True, alpha=0), Linear(3, 4, rng=rng), rng)
    weights = {c.verdict for c in parity.comparisons if c.quantity in ("weight", "bias")}
    assert weights == {"undetermined: rounding may exceed the value"}
