"""How near a float must lie to what a test expects: as near as rounding leaves any correct evaluation, no tolerance
is picked.

The hand-written code, or a formula that a test writes out, runs once more on `Bounded` (see
torch_ref.tolerance.bounded), whose error that is. The truth it is held against is exact: a `Fraction`, or a ball of
flint's.
"""

from fractions import Fraction
from functools import partial
from typing import Any

import numpy as np
from flint import arb

from manual import Layer, Loss, Network, Optimizer
from torch_ref import compare, to_numpy, to_torch, twin
from torch_ref.tolerance.bounded import Bounded


def numbers(floats: Any, ulps: float = 0) -> Any:
    """An array, or a layer, whose numbers carry their error: none, or so many units of their last place."""
    if isinstance(floats, Layer):
        return floats.like(**{name: numbers(p, ulps) for name, p in floats.params.items()})
    return Bounded(np.array(floats), floats.dtype, ulps * np.spacing(np.abs(floats)))


rounded = partial(numbers, ulps=1 / 2)
"""The same where the floats stand for the decimals that they were rounded from."""


def step(network: Network, loss: Loss, optimizer: Optimizer, x: Any, y: Any) -> None:
    """One training step, on numbers of any type."""
    optimizer.step(network, network.like(**gradient(network, loss, x, y)))


def gradient(network: Layer, loss: Loss, x: Any, y: Any) -> dict[str, Any]:
    """The parameters' gradients, by the hand-written code, on numbers of any type."""
    prediction, tape = network.forward(x)
    _, cache = loss.forward(prediction, y)
    return network.gradient(loss.backward(cache), tape).params


def torch_gradient(network: Network, loss: Loss, x: Any, y: Any) -> dict[str, Any]:
    """The same by torch."""
    module = twin(network)
    twin(loss)(module(to_torch(x)), to_torch(y)).backward()
    return {name: to_numpy(p.grad) for name, p in module.named_parameters() if p.grad is not None}


def proved(values: Any, truths: Any, errors: Any) -> bool:
    """Whether every float is proved to lie within its error of the truth, and zeros would not all do so."""
    cases: list[tuple[Any, Any, float]] = [
        (Fraction(float(value)) if isinstance(truth, Fraction) else arb(float(value)), truth, float(error))
        for value, truth, error in zip(np.ravel(values), truths, np.ravel(errors), strict=True)
    ]
    near = all(abs(value - truth) <= error < np.inf for value, truth, error in cases)
    return near and any(abs(truth) > error for _, truth, error in cases)


def alike(ours: Any, theirs: Any, errors: Any) -> bool:
    """Whether two arrays have one shape and dtype, and no two numbers are farther apart than their two errors."""
    return compare("", "", ours, theirs, 2 * errors).agrees
