"""Dropout: what it does while training and in inference, and one mask for both implementations."""

from copy import deepcopy

import flint
import numpy as np
import pytest
import torch

from manual import SGD, Dropout, InputError, Linear, MSELoss, Network, lift, train
from torch_ref import buffers_of, commit, compare_network, compare_training, embed, params_of, to_numpy, to_torch, twin

N = 40_000


@pytest.fixture
def network(rng):
    return Network(Linear(3, 8, rng=rng), Dropout(0.3, rng=rng), Linear(8, 2, rng=rng), Dropout(0.5, rng=rng))


@pytest.fixture
def data(rng):
    return rng.standard_normal((6, 3)), rng.standard_normal((6, 2))


@pytest.mark.ledger("B6")
@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_neurons_are_off_at_random_and_the_expectation_is_kept(p, rng):
    y, _ = Dropout(p, rng=rng).forward(np.ones((N // 4, 4)))
    off = y == 0
    np.testing.assert_array_equal(y[~off], 1 / (1 - p))
    six_sigma = 6 * (p * (1 - p) / N) ** 0.5
    assert abs(off.mean() - p) < six_sigma
    assert abs(y.mean() - 1) < six_sigma / (1 - p)
    together = (off[:, 0] & off[:, 1]).mean()  # independent of each other
    assert abs(together - p * p) < 6 * (p * p * (1 - p * p) / (N // 4)) ** 0.5


@pytest.mark.ledger("B6")
def test_what_was_off_gets_no_gradient(rng):
    layer, x = Dropout(rng=rng), np.ones((50, 4))
    y, cache = layer.forward(x)
    dx, _ = layer.backward(np.full_like(x, 3), cache)
    np.testing.assert_array_equal(dx, 3 * y)


@pytest.mark.ledger("B6")
def test_in_inference_nothing_is_off_and_nothing_is_counted(rng, network, data):
    x, _ = data
    still, state = network.evaluated(), deepcopy(network.state)
    y, tape = still.forward(x)
    first, _, second, _ = network.layers
    np.testing.assert_array_equal(y, second.forward(first.forward(x)[0])[0])
    still.commit(tape)
    assert not still.layers[1].training
    assert repr(still) == repr(network)
    assert state == network.state


def test_the_mask_changes_when_a_step_is_committed_and_not_before(network, data):
    x, _ = data
    y, tape = network.forward(x)
    np.testing.assert_array_equal(network.forward(x)[0], y)
    network.commit(tape)
    assert not np.array_equal(network.forward(x)[0], y)
    assert {name: int(s) for name, s in network.state.items() if name.endswith("count")} == {"1.count": 1, "3.count": 1}


def test_no_two_steps_have_the_same_mask(rng):
    layer, x, seen = Dropout(rng=rng), np.ones((8, 8)), set()
    for _ in range(50):
        _, mask = layer.forward(x)
        layer.commit(mask)
        seen.add(mask.tobytes())
    assert len(seen) == 50


def test_two_layers_have_different_masks(rng):
    x = np.ones((20, 20))
    assert not np.array_equal(Dropout(rng=rng).forward(x)[1], Dropout(rng=rng).forward(x)[1])


def test_every_number_type_has_the_same_mask(rng):
    layer, x = Dropout(0.25, rng=rng), rng.integers(1, 9, (6, 4))
    floats, _ = layer.forward(x.astype(np.float32))
    exact, _ = Dropout(flint.fmpq(1, 4), rng=rng).like(**layer.state).forward(lift(x, flint.fmpq))
    assert floats.dtype == np.float32
    np.testing.assert_array_equal(exact == 0, floats == 0)
    assert set((exact / lift(x, flint.fmpq)).ravel()) == {flint.fmpq(0), flint.fmpq(4, 3)}


@pytest.mark.ledger("B6")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_one_mask_is_shared_with_torch_at_every_step(dtype, network, data, device, agree):
    network, (x, y) = network.astype(dtype), (values.astype(dtype) for values in data)
    before = deepcopy(network.state)
    agree(compare_network(network, MSELoss(), x, y, device))
    parity = compare_training(network, MSELoss(), SGD(lr=0.1), x, y, 3, device)
    agree(parity)
    assert max(parity.distance) < 100 * np.finfo(dtype).eps  # with another mask it would be of the size of a step
    assert before == network.state


def test_where_no_mask_is_drawn_no_step_is_counted_in_either_implementation(rng, data):
    x, _ = data
    network = Network(Linear(3, 2, rng=rng), Dropout(0, rng=rng), Dropout(0.5, rng=rng))
    module = twin(network)
    for _ in range(3):
        _, tape = network.forward(x)
        network.commit(tape)
        commit(module)
    counts = {"1.count": 0, "2.count": 3}
    assert {name: int(network.state[name]) for name in counts} == counts
    assert {name: int(buffers_of(module)[name]) for name in counts} == counts


def test_a_mask_of_torch_s_own_is_seen(network, data):
    x, _ = data
    module = twin(network)
    commit(module)
    here = network.forward(x)[0]
    there = to_numpy(module(to_torch(x)))
    assert not np.array_equal(here == 0, there == 0)
    np.testing.assert_array_equal(to_numpy(twin(network)(to_torch(x))) == 0, here == 0)


def test_embedded_it_counts_its_passes_and_rests_in_eval(network, data):
    x, _ = data
    module, inputs = embed(network), to_torch(x)
    np.testing.assert_array_equal(to_numpy(module(inputs)), network.forward(x)[0])
    assert {name: int(b) for name, b in module.named_buffers() if name.endswith("count")} == {
        "1.count": 1,
        "3.count": 1,
    }
    assert int(network.state["1.count"]) == 0
    module.eval()
    np.testing.assert_array_equal(to_numpy(module(inputs)), network.evaluated().forward(x)[0])
    assert int(module.state_dict()["1.count"]) == 1
    other = twin(network)
    other.load_state_dict(module.state_dict())
    assert int(buffers_of(other)["1.count"]) == 1


def test_a_network_that_is_read_back_goes_on_with_the_masks(network, data):
    x, y = data
    list(train(network, MSELoss(), SGD(lr=0.1), x, y, epochs=2))
    kept = params_of(twin(network)) | buffers_of(twin(network))
    read = network.like(**{name: array.copy() for name, array in kept.items()})
    for each in (network, read):
        list(train(each, MSELoss(), SGD(lr=0.1), x, y, epochs=2))
    for name, p in network.params.items():
        np.testing.assert_array_equal(p, read.params[name])


@pytest.mark.parametrize("p", [1, -0.1, 1.5, float("nan"), "0.5", None])
def test_a_probability_that_cannot_be_is_refused(p, rng):
    with pytest.raises(InputError, match="Dropout: p must be"):
        Dropout(p, rng=rng)


def test_its_twin_scales_as_torch_s_own_dropout_does(rng):
    torch.manual_seed(0)
    x = torch.ones(200, 5)
    assert set(torch.nn.Dropout(0.2)(x).unique().tolist()) == set(twin(Dropout(0.2, rng=rng))(x).unique().tolist())
