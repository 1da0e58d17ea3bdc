"""Document A, that the step of part 4 is repeated: the cost falls, the path ends where the gradient vanishes, and a
network with a nonlinearity fits what no line can.
"""

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest

from manual import SGD, Adam, HalfMSELoss, Identity, Linear, MSELoss, Network, ReLU, Sigmoid, lift, train
from manual.documents import LEARNING_RATE, hand_computation
from parity_tests.derived import alike, numbers, step
from torch_ref import compare_training, to_numpy, to_torch, twin, twin_optimizer


def steps_by_scalars(below: float) -> int:
    """How many steps the live part of the network takes until its cost is below: five numbers, the second neuron is
    off."""
    w, u, b, v, c, x1, x2, y, eta = 0.4, 0.2, 0.1, 0.6, 0.2, 0.5, 0.1, 0.8, 0.1
    steps = 0
    while True:
        a = w * x1 + u * x2 + b
        delta = v * a + c - y
        if delta * delta / 2 < below:
            return steps
        hidden = v * delta
        v, c = v - eta * delta * a, c - eta * delta
        w, u, b = w - eta * hidden * x1, u - eta * hidden * x2, b - eta * hidden
        steps += 1


def costs_by_torch(lr: float, steps: int) -> list[float]:
    network, x, y = hand_computation()
    module = twin(network)
    optimizer, loss = twin_optimizer(SGD(lr=lr), module), twin(HalfMSELoss())
    costs = []
    for _ in range(steps):
        optimizer.zero_grad()
        cost = loss(module(to_torch(x)), to_torch(y))
        cost.backward()
        optimizer.step()
        costs.append(cost.item())
    return costs


@pytest.mark.ledger("A14")
def test_the_cost_falls_at_every_step():
    network, x, y = hand_computation()
    steps = steps_by_scalars(1e-12)
    ours = [step.cost for step in train(network, HalfMSELoss(), SGD(lr=float(LEARNING_RATE)), x, y, epochs=steps + 1)]
    for costs in (ours, costs_by_torch(float(LEARNING_RATE), steps + 1)):
        assert all(later < earlier for earlier, later in pairwise(costs))
        assert costs[-1] < 1e-12 <= costs[-2]


@pytest.mark.ledger("A14")
def test_the_cost_rises_with_a_large_learning_rate():
    network, x, y = hand_computation()
    ours = [step.cost for step in train(network, HalfMSELoss(), SGD(lr=2.0), x, y, epochs=2)]
    for first, second in (ours, costs_by_torch(2.0, 2)):
        assert second > first


@pytest.mark.ledger("A15")
def test_the_path_of_gradient_descent_ends_where_the_gradient_vanishes(device, agree):
    def flat(arrays):
        return np.concatenate([a.ravel() for a in arrays])

    network, x, y = hand_computation()
    agree(compare_training(network, HalfMSELoss(), SGD(lr=0.1), x, y, steps_by_scalars(1e-9), device))

    lr, threshold = float(LEARNING_RATE), 1e-9
    path = [flat(network.params.values())]
    for _ in train(network, HalfMSELoss(), SGD(lr=lr), x, y, epochs=1000, threshold=threshold):
        path.append(flat(network.params.values()))
    module = twin(hand_computation().network, device)
    optimizer, loss = twin_optimizer(SGD(lr=lr), module), twin(HalfMSELoss(), device)
    within, inputs, target = map(numbers, hand_computation())  # the same path with its rounding errors
    for ours in path:
        assert alike(ours, flat(map(to_numpy, module.parameters())), flat(p.error for p in within.params.values()))
        optimizer.zero_grad()
        loss(module(to_torch(x, device)), to_torch(y, device)).backward()
        optimizer.step()
        step(within, HalfMSELoss(), SGD(lr=lr), inputs, target)

    end = twin(network)
    twin(HalfMSELoss())(end(to_torch(x)), to_torch(y)).backward()
    gradient = flat(to_numpy(p.grad) for p in end.parameters() if p.grad is not None)
    assert np.linalg.norm(gradient) < threshold / lr
    dead = [2, 3, 5, 7]  # second row of W1, its bias, and the weight that leads on from it
    assert all((place[dead] == path[0][dead]).all() for place in path)
    assert not np.any(np.delete(path[-1], dead) == np.delete(path[0], dead))


XOR = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]), np.array([[0.0], [1.0], [1.0], [0.0]])
BEST_LINE = Fraction(1, 4)
"""The cost of the line that is level at ½."""


def test_the_best_line_is_level():
    x, y = XOR
    assert not (np.column_stack([x, np.ones(4)]).T @ (0.5 - y)).any()  # the normal equations
    assert ((0.5 - y) ** 2).mean() == BEST_LINE


@pytest.mark.parametrize("activation", [ReLU, Sigmoid])
@pytest.mark.ledger("A16")
def test_a_nonlinear_network_fits_what_no_linear_one_can(activation, rng):
    x, y = XOR
    network = Network(Linear(2, 4, rng=rng), activation(), Linear(4, 1, rng=rng))
    *_, last = train(network, MSELoss(), Adam(lr=0.05), x, y, epochs=1000)
    assert last.cost < BEST_LINE / 1000
    assert [*(network.forward(x)[0] > 0.5)] == [*(y > 0.5)]


@pytest.mark.ledger("A16")
def test_without_a_nonlinearity_it_comes_to_the_best_line(rng):
    x, y = XOR
    collapsed = Network(Linear(2, 4, rng=rng), Identity(), Linear(4, 1, rng=rng))
    list(train(collapsed, MSELoss(), Adam(lr=0.05), x, y, epochs=1000))
    exactly, _ = collapsed.astype(Fraction).forward(lift(x, Fraction))
    cost, _ = MSELoss().forward(exactly, lift(y, Fraction))
    assert 0 <= cost - BEST_LINE < BEST_LINE / 1000
