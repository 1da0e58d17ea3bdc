"""The contract of a penalty: a cost of the weights themselves, added to the loss.

    cost, cache = penalty.forward(network)
    gradient    = gradient + penalty.backward(cache)      the cache is the network itself

Weights are the parameters of two or more dimensions. Biases are spared: they move what a neuron gives, but steepen
nothing.
"""

from typing import Any

import numpy as np

from manual.described import Settable
from manual.layer import Layer
from manual.numbers.checks import instance
from manual.numbers.number_types import Array


class Penalty(Settable):
    """A cost that grows with the weights, so that training keeps them small. Your own needs `of` and `slope`."""

    def of(self, w: Array, /) -> Any:
        """The cost of one array of weights."""
        raise NotImplementedError

    def slope(self, w: Array, /) -> Array:
        """∂cost/∂w, of the weights' shape and dtype."""
        raise NotImplementedError

    def forward(self, network: Layer, /) -> tuple[Any, Layer]:
        """(cost, cache): the sum over all weights of the network."""
        instance(self, "network", network, Layer)
        return sum(self.of(p) for p in network.params.values() if p.ndim > 1), network

    def backward(self, network: Layer, /) -> Layer:
        """The gradient, a network whose parameters are ∂cost/∂θ; 0 for a bias."""
        slopes = {name: self.slope(p) if p.ndim > 1 else np.zeros_like(p) for name, p in network.params.items()}
        return network.like(**slopes)
