"""Passes and steps of the documents' networks, once by the hand-written code and once by torch alone."""

from typing import NamedTuple

import numpy as np
import torch
from torch.nn import functional as F
from torch.nn.utils import parameters_to_vector

from manual import SGD, HalfMSELoss, Loss, Network, train
from manual.documents import LEARNING_RATE, hand_computation, in_theta_order
from manual.numbers.number_types import Array
from torch_ref import to_numpy, to_torch, twin

LR = float(LEARNING_RATE)


class Pass(NamedTuple):
    """One pass: every layer's output, the derivative of the cost by each of them, and by each parameter."""

    cost: Array
    outputs: list[Array]
    deltas: list[Array]
    gradient: dict[str, Array]


def by_hand(network: Network, x: Array, y: Array, loss: Loss) -> Pass:
    """A pass of the hand-written code."""
    outputs, tape, deltas, gradients = [x], [], [], []
    for layer in network.layers:
        a, cache = layer.forward(outputs[-1])
        outputs.append(a)
        tape.append(cache)
    cost, cache = loss.forward(outputs[-1], y)
    delta = loss.backward(cache)
    for layer, cache in zip(network.layers[::-1], tape[::-1], strict=True):
        deltas.insert(0, delta)
        delta, gradient = layer.backward(delta, cache)
        gradients.insert(0, gradient)
    return Pass(np.asarray(cost), outputs[1:], deltas, Network(*gradients).params)


def by_torch(network: Network, x: Array, y: Array, loss: Loss) -> Pass:
    """The same pass by torch's autograd."""
    module = twin(network)
    outputs = [to_torch(x)]
    for layer in module.children():
        outputs.append(layer(outputs[-1]))
        outputs[-1].retain_grad()
    cost = twin(loss)(outputs[-1], to_torch(y))
    cost.backward()
    return Pass(
        to_numpy(cost),
        [to_numpy(a) for a in outputs[1:]],
        [to_numpy(a.grad) for a in outputs[1:] if a.grad is not None],
        {name: to_numpy(p.grad) for name, p in module.named_parameters() if p.grad is not None},
    )


def stepped_by_hand() -> dict[str, Array]:
    """The parameters after the hand computation's step."""
    network, x, y = hand_computation()
    next(train(network, HalfMSELoss(), SGD(lr=LR), x, y))
    return network.params


def stepped_by_torch() -> dict[str, Array]:
    """The same by torch."""
    network, x, y = hand_computation()
    gradient = by_torch(network, x, y, HalfMSELoss()).gradient
    return {name: p - LR * gradient[name] for name, p in network.params.items()}


def weighted(W: Array, a: Array, b: Array) -> Array:
    """z of a layer of neurons, by torch."""
    return to_numpy(F.linear(to_torch(a), to_torch(W), to_torch(b)))


def steps_by_torch(x: Array, y: Array, threshold: float) -> int:
    """How many steps torch makes until one is shorter than the threshold."""
    module = twin(hand_computation().network)
    optimizer, target = torch.optim.SGD(module.parameters(), lr=LR), to_torch(y)
    steps, moved = 0, np.inf
    while not moved < threshold:
        old = parameters_to_vector(module.parameters()).detach()
        optimizer.zero_grad()
        (F.mse_loss(module(to_torch(x)), target) / 2).backward()
        optimizer.step()
        moved = float(torch.dist(parameters_to_vector(module.parameters()).detach(), old))
        steps += 1
    return steps


def in_order(gradient: dict[str, Array]) -> Array:
    """Document B's seven derivatives, θ0 … θ6."""
    return np.array(in_theta_order(gradient))


def flat(network: Network) -> Array:
    """All parameters as one vector."""
    return np.concatenate([p.ravel() for p in network.params.values()])
