"""Document B's steps for training: the loop, its batches, inference, and when it has converged."""

import pickle
from fractions import Fraction

import numpy as np
import pytest
from flint import fmpq

from manual import SGD, Adam, HalfMSELoss, MSELoss, Network, batches, lift, train
from manual.documents import linear, one_two_one, sine


def loop(network, loss, optimizer, x, y, epochs, batch_size, seed):
    """Document B's steps, written out."""
    for epoch in range(epochs):
        order = np.random.default_rng((seed, epoch)).permutation(len(x))
        for start in range(0, len(x), batch_size):
            rows = order[start : start + batch_size]
            prediction, tape = network.forward(x[rows])
            cost, cache = loss.forward(prediction, y[rows])
            _, gradient = network.backward(loss.backward(cache), tape)
            optimizer.step(network, gradient)
            yield epoch, cost, pickle.dumps(network.params)


@pytest.mark.ledger("B7")
def test_training_is_the_loop_step_for_step():
    x, y = sine(64)
    ours, theirs = one_two_one(), one_two_one()
    written = loop(theirs, MSELoss(), Adam(lr=0.1), x, y, epochs=3, batch_size=10, seed=7)
    steps = train(ours, MSELoss(), Adam(lr=0.1), x, y, epochs=3, batch_size=10, seed=7)
    for number, (step, (epoch, cost, params)) in enumerate(zip(steps, written, strict=True)):
        assert (step.step, step.epoch, step.cost) == (number, epoch, cost)
        assert pickle.dumps(ours.params) == params


@pytest.mark.ledger("B7")
def test_an_epoch_uses_every_example_once_and_the_last_partial_batch():
    for epoch in range(3):
        rows = [*batches(64, 10, seed=0, epoch=epoch)]
        assert [len(r) for r in rows] == [10, 10, 10, 10, 10, 10, 4]
        assert sorted(np.concatenate(rows)) == [*range(64)]


@pytest.mark.ledger("B7")
def test_the_order_is_a_function_of_seed_and_epoch_alone():
    def order(seed, epoch, batch_size=10):
        return np.concatenate([*batches(64, batch_size, seed, epoch)]).tolist()

    first = order(0, 0)
    np.random.default_rng(5).random(100)
    order(0, 1)
    assert order(0, 0) == order(0, 0, batch_size=7) == first
    orders = [order(seed, epoch) for seed in range(3) for epoch in range(3)]
    assert all(a != b for i, a in enumerate(orders) for b in orders[:i])


@pytest.mark.ledger("B7")
def test_inference_is_forward_only_and_changes_nothing():
    x, y = sine()
    network, optimizer = one_two_one(), Adam()
    list(train(network, MSELoss(), optimizer, x, y, epochs=2, batch_size=10))
    prediction, tape = network.forward(x)

    def everything():
        return pickle.dumps((network.params, network.state, optimizer.state, tape, x))

    before = everything()
    inferred, _ = network.evaluated().forward(x)
    network.evaluated().forward(x[::-1] / 2)
    assert everything() == before
    assert pickle.dumps(inferred) == pickle.dumps(prediction)


@pytest.mark.ledger("B14")
def test_training_stops_by_the_norm_of_the_move_and_not_by_its_sign():
    """One neuron, f above y, so that both parameters fall at every step; x = 3/4, so that the norms are rational: 3,
    4, 5."""
    x, y, rate, threshold = Fraction(3, 4), Fraction(-1, 4), Fraction(1, 4), Fraction(1, 10**6)
    w, b, moves = Fraction(1), Fraction(1), []
    while not moves or moves[-1] >= threshold:
        u = w * x + b - y
        differences = -rate * u * x, -rate * u
        assert all(d < threshold for d in differences)  # as printed: converged, at every step
        w, b = w + differences[0], b + differences[1]
        moves.append(rate * u * Fraction(5, 4))

    network = Network(linear([["1"]], ["1"], fmpq))
    steps = [
        *train(
            network,
            HalfMSELoss(),
            SGD(lr=fmpq(1, 4)),
            lift([["0.75"]], fmpq),
            lift([["-0.25"]], fmpq),
            threshold=float(threshold),
        )
    ]
    assert len(steps) == len(moves) > 20
    assert steps[0].moved == moves[0] == Fraction(5, 8)
    assert network.params["0.weight"].item() == fmpq(*w.as_integer_ratio())
    assert all(step.moved >= threshold for step in steps[:-1])
    assert steps[-1].moved < threshold
