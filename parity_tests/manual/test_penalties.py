"""Penalties: each against autograd, against the certified derivative, and that they hold overfitting back."""

import flint
import numpy as np
import pytest
import torch

import manual.penalties
from manual import L1, L2, SGD, ElasticNet, InputError, Linear, MSELoss, Network, Penalty, Tanh, lift, train
from torch_ref import NoTwin, compare_penalty, penalty_of, twin
from torch_ref.examples import examples
from torch_ref.truth.certify import derivative

DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])
CASES = dict(examples(manual.penalties))
EACH = pytest.mark.parametrize("name", CASES)


@pytest.fixture
def network(rng):
    return Network(Linear(3, 4, rng=rng), Tanh(), Linear(4, 2, bias=False, rng=rng))


@DTYPES
@EACH
@pytest.mark.ledger("B5")
def test_a_penalty_agrees_with_torch(name, dtype, network, device, agree):
    agree(compare_penalty(CASES[name](), network.astype(dtype), device))


@EACH
def test_its_gradient_is_the_certified_derivative_of_its_cost(name, network):
    penalty, rational = CASES[name](), network.astype(flint.fmpq)
    penalty = type(penalty)(*lift([*penalty.hyper.values()], flint.fmpq))
    _, truth = derivative(lambda **params: penalty.forward(network.like(**params))[0], rational.params)
    gradient = penalty.backward(penalty.forward(rational)[1])
    for parameter, slope in truth.items():
        assert (gradient.params[parameter] == slope).all()


def test_a_weight_of_0_is_left_alone_as_torch_does(network, device):
    network = network.like(**{name: np.zeros_like(p) for name, p in network.params.items()})
    for make in CASES.values():
        module = twin(network, device)
        penalty_of(make(), module).backward()
        assert not any(p.grad is not None and p.grad.any() for p in module.parameters())
        assert not any(g.any() for g in make().backward(network).params.values())


@pytest.mark.ledger("B5")
def test_a_small_data_set_is_overfitted_without_a_penalty_and_less_with_one(rng):
    """A line with noise, twelve points for sixty parameters: the gap between new points and those trained on
    shrinks."""
    x, new = rng.uniform(-1, 1, (12, 1)), rng.uniform(-1, 1, (200, 1))
    y, wanted = (a + rng.standard_normal(a.shape) / 2 for a in (x, new))
    start = Network(Linear(1, 20, rng=rng), Tanh(), Linear(20, 1, rng=rng))
    start = start.like(**{name: p * 3 for name, p in start.params.items()})

    def gap(penalty):
        network = start.like(**{name: p.copy() for name, p in start.params.items()})
        list(train(network, MSELoss(), SGD(lr=0.05, momentum=0.9), x, y, epochs=1000, penalty=penalty))
        on = [MSELoss().forward(network.forward(a)[0], b)[0] for a, b in ((new, wanted), (x, y))]
        return on[0] - on[1], on[0]

    without = gap(None)
    for penalty in (L1(0.05), L2(0.05), ElasticNet(0.05)):
        with_it = gap(penalty)
        assert with_it[0] < without[0] / 2
        assert with_it[1] < without[1]


def test_the_loop_adds_its_cost_and_its_gradient(network, rng):
    x, y = rng.standard_normal((5, 3)), rng.standard_normal((5, 2))
    module = twin(network)
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    for step in train(network, MSELoss(), SGD(lr=0.1), x, y, epochs=3, penalty=ElasticNet(0.3)):
        cost = torch.nn.MSELoss()(module(torch.tensor(x)), torch.tensor(y)) + penalty_of(ElasticNet(0.3), module)
        optimizer.zero_grad()
        cost.backward()
        optimizer.step()
        assert abs(step.cost - cost.item()) < 1e-13
    for name, p in module.named_parameters():
        assert np.abs(network.params[name] - p.detach().numpy()).max() < 1e-14


@pytest.mark.parametrize(
    ("penalty", "arguments"), [(L1, [-1]), (L2, ["1"]), (ElasticNet, [1, 1.5]), (ElasticNet, [np.nan])]
)
def test_hyperparameters_that_cannot_be_are_refused(penalty, arguments):
    with pytest.raises(InputError, match=rf"^{penalty.__name__}: (alpha|l1_ratio) must be"):
        penalty(*arguments)


@pytest.mark.parametrize(("share", "other"), [(1, L1), (0, L2)])
def test_at_either_end_an_elastic_net_is_one_of_the_two(share, other, network):
    mixed, pure = ElasticNet(0.3, share), other(0.3)
    (cost, cache), (expected, own) = mixed.forward(network), pure.forward(network)
    assert abs(cost - expected) <= 4 * np.finfo(float).eps * expected
    gradient = mixed.backward(cache).params
    for name, g in pure.backward(own).params.items():
        np.testing.assert_array_equal(gradient[name], g)


def test_one_that_torch_ref_has_not_is_named(network):
    class Own(Penalty):
        pass

    with pytest.raises(NoTwin, match="torch_ref has no Own"):
        compare_penalty(Own(), network)
