"""The documents' networks against torch: one pass, then training steps with every optimizer."""

from itertools import cycle

import numpy as np
import pytest

from manual import SGD, Adam, AdamW, HalfMSELoss, Identity, MSELoss, RMSprop
from manual.documents import hand_computation, one_example, one_two_one, sine
from torch_ref import compare_end_to_end, compare_layer, compare_network, compare_training

SIGMOID, LINEAR = one_two_one(), one_two_one(activation=Identity)
PROBLEMS = {
    "2-2-1, one example": (hand_computation().network, HalfMSELoss(), *hand_computation()[1:]),
    "1-2-1 sigmoid, one example": (SIGMOID, HalfMSELoss(), *one_example()),
    "1-2-1 sigmoid, sine": (SIGMOID, MSELoss(), *sine()),
    "1-2-1 linear, one example": (LINEAR, HalfMSELoss(), *one_example()),
    "1-2-1 linear, sine": (LINEAR, MSELoss(), *sine()),
}
LONG = ("2-2-1, one example", "1-2-1 sigmoid, sine", "1-2-1 linear, sine")
# Rates at which nothing has converged after 100 steps: a move that rounding may exceed would prove nothing, and fails.
OPTIMIZERS = SGD(lr=1e-2), SGD(lr=1e-2, momentum=0.9), Adam(lr=1e-2), AdamW(lr=1e-2), RMSprop(lr=1e-3)
EACH = pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=["SGD", "SGD with momentum", "Adam", "AdamW", "RMSprop"])


@pytest.fixture(params=PROBLEMS)
def problem(request, dtype):
    network, loss, x, y = PROBLEMS[request.param]
    return network.astype(dtype), loss, x.astype(dtype), y.astype(dtype)


@pytest.fixture(params=[np.float32, np.float64])
def dtype(request):
    return request.param


def test_one_pass_agrees_layer_by_layer(problem, device, agree):
    network, loss, x, y = problem
    agree(compare_network(network, loss, x, y, device))


def test_one_pass_agrees_end_to_end(problem, device, agree):
    network, loss, x, y = problem
    agree(compare_end_to_end(network, loss, x, y, device))


def test_the_network_agrees_as_a_layer(problem, rng, device, agree):
    network, _, x, _ = problem
    agree(compare_layer(network, x, rng, device))


IN_TURN = [*zip(PROBLEMS, cycle((np.float32, np.float64)), strict=False)]


@pytest.mark.parametrize(("problem", "dtype"), IN_TURN, indirect=True)
@EACH
def test_the_first_training_steps_agree(problem, optimizer, device, agree):
    network, loss, x, y = problem
    agree(compare_training(network, loss, optimizer, x, y, 3, device))


@pytest.mark.slow
@pytest.mark.parametrize("name", LONG)
@EACH
def test_every_training_step_agrees(name, optimizer, device, agree):
    network, loss, x, y = PROBLEMS[name]
    agree(compare_training(network, loss, optimizer, x, y, 100, device))
