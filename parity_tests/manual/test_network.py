"""Networks of one's own, and the loop around them."""

import copy
import math

import numpy as np
import pytest

from manual import SGD, InputError, Layer, Linear, MSELoss, Network, ReLU, RMSprop, Softmax, parameter, train
from manual.documents import claims, sine
from torch_ref import compare_optimizer


def test_a_gradient_whose_parameters_come_in_another_order_moves_nothing(rng):
    """By position, the bias's gradient would move the shift, which has its shape."""

    class Shifted(Layer):
        bias: np.ndarray = parameter()
        shift: np.ndarray = parameter()

        def __post_init__(self):
            self.bias, self.shift = np.zeros(3), np.zeros(3)

    class Reversed(Shifted):
        @property
        def params(self):
            return dict(reversed(super().params.items()))

    layer = Shifted()
    with pytest.raises(InputError, match="the gradient is of another network"):
        SGD(lr=1).step(layer, Reversed().like(bias=np.ones(3), shift=np.full(3, 2.0)))
    assert not layer.bias.any()
    assert not layer.shift.any()


def test_the_tape_of_another_network_is_refused(rng):
    short, long = Network(Linear(3, 3, rng=rng)), Network(Linear(3, 3, rng=rng), ReLU())
    y, tape = long.forward(rng.standard_normal((5, 3)))
    for use in (
        lambda: short.backward(y, tape),
        lambda: short.commit(tape),
        lambda: Network(*long.layers, ReLU()).gradient(y, tape),
    ):
        with pytest.raises(ValueError):
            use()


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


def test_without_a_seed_the_order_is_that_of_seed_0(rng):
    network = Network(Linear(3, 2, rng=rng))
    x, y = rng.standard_normal((7, 3)), rng.standard_normal((7, 2))
    with_seed = {
        seed: [*train(copy.deepcopy(network), MSELoss(), SGD(), x, y, epochs=1, batch_size=2, seed=seed)]
        for seed in (0, 1)
    }
    steps = [*train(copy.deepcopy(network), MSELoss(), SGD(), x, y, epochs=1, batch_size=2)]
    assert steps == with_seed[0] != with_seed[1]


def test_the_sine_is_half_a_sine_at_64_points_from_minus_1_to_1():
    x, y = sine()
    assert x.shape == y.shape == (64, 1)
    assert x[0, 0] == -1
    assert x[-1, 0] == 1
    assert np.ptp(np.diff(x[:, 0])) < 1e-15
    assert [v.item() for v in (2 * y)] == [math.sin(math.pi * v.item()) for v in x]
    assert len(sine(9)[0]) == 9


def test_a_softmax_may_run_along_the_first_axis(rng):
    z = rng.standard_normal((4, 3))
    assert np.array_equal(Softmax(dim=-2).forward(z)[0], Softmax(dim=0).forward(z)[0])


def test_the_index_of_claims_is_read_from_beside_the_code():
    assert {*claims()} >= {"A1", "A13.4", "B13", "E18"}


def test_a_threshold_of_zero_never_stops_a_training_that_stands_still(rng):
    network = Network(Linear(3, 2, rng=rng))
    steps = list(
        train(network, MSELoss(), SGD(lr=0), rng.standard_normal((7, 3)), rng.standard_normal((7, 2)), epochs=3)
    )
    assert [step.moved for step in steps] == [0, 0, 0]


def test_a_root_of_what_may_be_negative_is_not_judged_even_where_it_is_no_number(rng):
    parity = compare_optimizer(RMSprop(centered=True, alpha=0), Linear(3, 4, rng=rng), rng)
    weights = {c.said for c in parity.comparisons if c.quantity in ("weight", "bias")}
    assert weights == {"not judged: rounding may exceed the value"}
