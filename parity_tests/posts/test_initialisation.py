"""Document B, that the weights should not all start at 0: what comes of a start in which the neurons are equal."""

import pytest
from flint import fmpq

from manual import SGD, Adam, HalfMSELoss, Identity, MSELoss, Network, ReLU, Sigmoid, Tanh, init, lift, train
from manual.documents import THETA, in_theta_order, one_example, one_two_one, sine
from parity_tests.derived import gradient, torch_gradient
from torch_ref import params_of, to_torch, twin, twin_optimizer


def shifted_sine():
    """Data whose mean is not 0, so that a constant has something to learn."""
    x, y = sine()
    return x, y + 0.25


def pairs(params):
    """(θ0, θ2, θ5) and (θ1, θ3, θ6): the two hidden neurons."""
    t0, t1, t2, t3, _, t5, t6 = in_theta_order(params)
    return (t0, t2, t5), (t1, t3, t6)


@pytest.mark.ledger("B8")
def test_at_zero_hidden_outputs_are_a_half_and_only_the_last_layer_has_a_gradient():
    network, (x, y) = init.constant(one_two_one(), 0), one_example()
    hidden, _ = Network(*network.layers[:2]).forward(x)
    assert hidden.tolist() == [[0.5, 0.5]]
    assert network.forward(x)[0].tolist() == twin(network)(to_torch(x)).tolist() == [[0]]
    delta = -y.item()
    written = [0, 0, 0, 0, delta, delta / 2, delta / 2]
    assert in_theta_order(gradient(network, HalfMSELoss(), x, y)) == written
    assert in_theta_order(torch_gradient(network, HalfMSELoss(), x, y)) == written


@pytest.mark.ledger("B8")
@pytest.mark.parametrize("activation", [Identity, ReLU, Sigmoid, Tanh])
@pytest.mark.parametrize("value", [0, 0.3, 1, -0.7])
def test_from_an_equal_start_the_neurons_never_part(value, activation):
    x, y = shifted_sine()
    network = init.constant(one_two_one(activation=activation), value)
    module = twin(network)
    torch_optimizer = twin_optimizer(SGD(lr=0.1), module)
    for _ in train(network, MSELoss(), SGD(lr=0.1), x, y, epochs=25):
        torch_optimizer.zero_grad()
        twin(MSELoss())(module(to_torch(x)), to_torch(y)).backward()
        torch_optimizer.step()
        for params in (network.params, params_of(module)):
            one, other = pairs(params)
            assert one == other
    assert network.params["2.bias"] != value


@pytest.mark.ledger("B8")
@pytest.mark.parametrize("activation", [Identity, ReLU])
def test_from_an_equal_start_the_neurons_never_part_in_exact_numbers(activation):
    network = init.constant(one_two_one(fmpq, activation), fmpq(1, 2))  # pyright: ignore[reportArgumentType]
    x, y = lift([["-1"], ["0.5"], ["1"]], fmpq), lift([["0"], ["0.75"], ["0.25"]], fmpq)
    for _ in train(network, MSELoss(), SGD(lr=fmpq(1, 10)), x, y, epochs=4):
        one, other = pairs(network.params)
        assert one == other
        assert fmpq(1, 2) not in one


@pytest.mark.ledger("B8")
def test_from_zero_the_parameters_leave_zero_with_sigmoid():
    network = init.constant(one_two_one(), 0)
    list(train(network, MSELoss(), SGD(lr=0.1), *shifted_sine(), epochs=2))
    assert all(t != 0 for t in in_theta_order(network.params))


@pytest.mark.ledger("B8")
def test_from_zero_only_the_last_bias_moves_with_relu():
    x, y = shifted_sine()
    network = init.constant(one_two_one(activation=ReLU), 0)
    module = twin(network)
    torch_optimizer = twin_optimizer(SGD(lr=0.1), module)
    for _ in train(network, HalfMSELoss(), SGD(lr=0.1), x, y, epochs=20):
        torch_optimizer.zero_grad()
        twin(HalfMSELoss())(module(to_torch(x)), to_torch(y)).backward()
        torch_optimizer.step()
        for params in (network.params, params_of(module)):
            *others, last, t5, t6 = in_theta_order(params)
            assert [*others, t5, t6] == [0] * 6
            assert last > 0


@pytest.mark.ledger("B8")
def test_biases_of_zero_alone_are_harmless():
    x, y = sine()
    _, _, t2, t3, _, t5, t6 = THETA
    free, equal = one_two_one(theta=(0, 0, t2, t3, 0, t5, t6)), init.constant(one_two_one(), 0.5)
    costs = [[step.cost for step in train(n, MSELoss(), Adam(lr=0.05), x, y, epochs=500)] for n in (free, equal)]
    one, other = pairs(free.params)
    assert all(a != b for a, b in zip(one, other, strict=True))
    assert costs[0][-1] < costs[1][-1] / 2
