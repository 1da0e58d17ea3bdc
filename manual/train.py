"""The training loop of document B, "Steps For Training Your Network".

    1. Initialize parameters        the network as it is given
    While not converged, or for each epoch in num_epochs, for each batch:
    2. Forward pass
    3. Backward pass
    4. Update, then check convergence
"""

import math
from collections.abc import Iterator
from itertools import count
from typing import Any, NamedTuple

import numpy as np

from manual.layer import Layer, check_parts_are_trained
from manual.loss import Loss
from manual.network import Network
from manual.numbers.checks import InputError, at_least, finite, instance, shown, whole
from manual.numbers.number_types import Array
from manual.optimizer import Optimizer
from manual.penalty import Penalty


class Step(NamedTuple):
    """What one training step reports: `cost` is the batch's, before the update; `moved` is ‖θ_new − θ_old‖."""

    epoch: int
    step: int
    cost: float
    moved: float


class Diverged(ArithmeticError):
    """A cost that is not finite."""


def train(
    network: Layer, loss: Loss, optimizer: Optimizer, x: Array, y: Array, *,
    epochs: int | None = None, batch_size: int | None = None, threshold: float = 0, seed: int = 0,
    penalty: Penalty | None = None,
) -> Iterator[Step]:
    """Train in place, and yield one record a step, so that the caller can plot, compare or stop.

    Args:
        epochs: passes over the data; None is the document's `while not converged`.
        batch_size: examples a step, the last batch of an epoch may be smaller; None is all of them.
        threshold: converged, and so done, when ‖θ_new − θ_old‖ < threshold.
        penalty: is added to the loss, and its gradient to the loss's.
        seed: the order of the data is a function of (seed, epoch) alone.

    Raises:
        InputError: data that do not fit together or are not finite.
        Diverged: a cost that is not finite; the message names the step and where it began. The parameters are still
            those before that step.
    """
    _check(network, loss, optimizer, x, y, penalty)
    batch_size = len(x) if batch_size is None else whole("train", "batch_size", batch_size, 1)
    epochs = epochs if epochs is None else whole("train", "epochs", epochs, 0)
    seed, threshold = whole("train", "seed", seed, 0), at_least("train", "threshold", threshold, 0)
    step = 0
    for epoch in count() if epochs is None else range(epochs):
        for rows in batches(len(x), batch_size, seed, epoch):
            old = {name: p.copy() for name, p in network.params.items()}

            prediction, tape = network.forward(x[rows])               # 2. forward pass
            cost, cache = loss.forward(prediction, y[rows])
            if penalty:
                cost += penalty.forward(network)[0]
            if not isfinite(cost):
                raise Diverged(f"step {step}, epoch {epoch}: the cost is {cost}; {culprit(network, x[rows])}")

            delta = loss.backward(cache)                              # 3. backward pass
            gradient = network.gradient(delta, tape)
            if penalty:
                gradient += penalty.backward(network)

            optimizer.step(network, gradient)                         # 4. update
            network.commit(tape)

            moved = distance(network.params, old)
            yield Step(epoch, step, float(cost), moved)
            if moved < threshold:                                     #    converged?
                return
            step += 1


def _check(
    network: Layer, loss: Loss, optimizer: Optimizer, x: Array, y: Array, penalty: Penalty | None
) -> None:
    """Raise InputError unless each is what it must be, and the data fit together and are finite."""
    for name, value, kind in (("network", network, Layer), ("loss", loss, Loss), ("optimizer", optimizer, Optimizer)):
        instance("train", name, value, kind)
    if penalty is not None:
        instance("train", "penalty", penalty, Penalty)
    for name, array in (("x", x), ("y", y)):
        if not isinstance(array, np.ndarray) or not array.ndim:
            raise InputError(f"train: expected {name} as an array with an example a row, got {shown(array)}")
    check_parts_are_trained(network)
    if len(x) != len(y):
        raise InputError(f"train: expected a target for each example, got {len(x)} examples and {len(y)} targets")
    if not len(x):
        raise InputError("train: expected at least one example, got none")
    finite("train: x", x)
    finite("train: y", y)


def batches(n: int, batch_size: int, seed: int, epoch: int) -> Iterator[Array]:
    """The rows of each batch of an epoch. (seed, epoch) alone decide their order; the last batch may be smaller."""
    order = np.random.default_rng((seed, epoch)).permutation(n)
    for start in range(0, n, batch_size):
        yield order[start : start + batch_size]


def distance(new: dict[str, Array], old: dict[str, Array]) -> float:
    """‖θ_new − θ_old‖ over all parameters."""
    moves = (p - old[name] for name, p in new.items())
    return float(sum((d * d).sum() for d in moves)) ** 0.5


def isfinite(number: Any) -> bool:
    """Whether a number of any type is neither a NaN nor an infinity, nor beyond what a float can say."""
    try:
        return math.isfinite(float(number))
    except OverflowError:
        return False


def culprit(network: Layer, x: Array) -> str:
    """Where a NaN or an infinity first appears: in a parameter, or in the output of a layer."""
    for name, p in network.params.items():
        if not all(map(isfinite, p.ravel())):
            return f"parameter {name} is not finite"
    if not isinstance(network, Network) or type(network).forward is not Network.forward:  # not a chain
        finite_output = all(map(isfinite, network.forward(x)[0].ravel()))
        return f"the output of {network!r} is {'finite: it is the loss that is not' if finite_output else 'not finite'}"
    for place, layer in enumerate(network.layers):
        x, _ = layer.forward(x)
        if not all(map(isfinite, x.ravel())):
            return f"the output of layer {place}, {layer!r}, is the first that is not finite"
    return "every layer's output is finite: it is the loss that is not"
