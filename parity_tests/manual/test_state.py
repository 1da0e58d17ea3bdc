"""What `astype` and the starts of init.py do to state and to parameters of one dimension."""

from typing import Any

import flint
import numpy as np
import pytest
import torch

from manual import Block, Layer, Linear, Network, init, lift, parameter, state


class Norm(Layer):
    """Takes off a running mean, and scales."""

    weight: Any = parameter()
    bias: Any = parameter()
    running_mean: Any = state()
    num_batches: Any = state()

    def __post_init__(self):
        self.weight, self.bias = np.full(3, 2.0), np.full(3, 5.0)
        self.running_mean, self.num_batches = np.array([1 / 4, 0, 2]), np.array(7)

    def forward(self, x, /):
        return (x - self.running_mean) * self.weight + self.bias, x

    def backward(self, delta, x, /):
        return delta * self.weight, self


@pytest.mark.parametrize("network", [Norm(), Network(Norm())], ids=["a layer", "a network"])
def test_astype_takes_state_along_and_leaves_counts_whole(network):
    single = network.astype(np.float32)
    assert {name.split(".")[-1]: s.dtype for name, s in single.state.items()} == {
        "running_mean": np.float32,
        "num_batches": np.int64,
    }
    assert single.forward(np.ones((2, 3), np.float32))[0].dtype == np.float32
    exact = single.astype(lambda p, q: (p, q))
    mean, count = exact.state.values()
    assert mean[0] == (1, 4)
    assert count == 7
    back = single.astype(flint.fmpq).astype(np.float64)
    assert [s.dtype for s in back.state.values()] == [np.float64, np.int64]


def test_astype_converts_the_state_of_a_layer_without_parameters():
    class Centre(Layer):
        mean: Any = state()

        def __post_init__(self):
            self.mean = np.zeros(2)

    assert Centre().astype(np.float32).mean.dtype == np.float32
    assert lift(Centre().mean, np.float32).dtype == np.float32


@pytest.mark.parametrize("start", [init.xavier_uniform, init.xavier_normal, init.kaiming_uniform, init.kaiming_normal])
def test_a_start_sets_biases_to_0_and_keeps_a_factor_of_one_dimension_which_torch_refuses(start, rng):
    network = Network(Linear(3, 3, rng=rng), Norm())
    started = start(network, rng).params
    np.testing.assert_array_equal(started["1.weight"], network.params["1.weight"])
    assert started["1.weight"] is not network.params["1.weight"]
    assert not started["0.bias"].any()
    assert not started["1.bias"].any()
    with pytest.raises(ValueError, match="fewer than 2 dimensions"):
        torch.nn.init.kaiming_normal_(torch.ones(3))


def test_a_bias_of_two_dimensions_is_a_bias(rng):
    class Rows(Layer):
        in_proj_bias: Any = parameter()

        def __post_init__(self):
            self.in_proj_bias = np.ones((2, 3))

    assert not init.kaiming_normal(Network(Rows()), rng).params["0.in_proj_bias"].any()


def test_a_bias_is_what_is_called_so_last_whatever_the_layers_are_called(rng):
    class Biased(Block):
        def __init__(self):
            self.parts = {"biased": Linear(3, 3, rng=rng)}

    for network, name in ((Linear(3, 3, rng=rng), ""), (Biased(), "biased."), (Network(Biased()), "0.biased.")):
        started = init.kaiming_normal(network, rng).params
        assert started[f"{name}weight"].any()
        assert not started[f"{name}bias"].any()
