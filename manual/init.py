"""Other starts than a layer's own: each gives a copy of the network. (A layer by itself starts as torch's does.)

    fan_in, fan_out      how many inputs an output sums over, how many outputs an input goes to;
                         of a convolution's kernel (out, in, U, V): in·U·V and out·U·V

Weights are the parameters of two or more dimensions. Biases are those that are called so, as in torch: "bias",
"in_proj_bias". Another parameter of one dimension, as the factor of a normalisation is, has no fan_in, and torch's
functions refuse it: it keeps its value. (Only `constant` sets it, too.)

Raises:
    InputError: the network is not a Layer; rng is not a Generator; a number is not finite.
"""

from collections.abc import Callable
from math import prod, sqrt
from typing import Any, TypeVar

import numpy as np

from manual.layer import Layer
from manual.numbers.checks import generator, instance, real
from manual.numbers.number_types import Array

L = TypeVar("L", bound=Layer)


def constant(network: L, value: float) -> L:
    """Every parameter is `value`: the equal start, from which neurons never part (document B, step 1)."""
    value = real("constant", "value", value)
    instance("constant", "network", network, Layer)
    return network.like(**{name: np.full_like(p, value) for name, p in network.params.items()})


def xavier_uniform(network: L, rng: np.random.Generator, gain: float = 1) -> L:
    """Weights uniform in ±gain·√(6/(fan_in + fan_out)), biases 0: the variance stays the same forward and backward.

    Source: Glorot & Bengio, "Understanding the Difficulty of Training Deep Feedforward Neural Networks", 2010,
    equation 16. Same as torch.nn.init.xavier_uniform_.
    """
    gain = real("xavier_uniform", "gain", gain)
    return _drawn("xavier_uniform", network, rng,
                  lambda i, o, shape: rng.uniform(-1, 1, shape) * (gain * sqrt(6 / (i + o))))


def xavier_normal(network: L, rng: np.random.Generator, gain: float = 1) -> L:
    """Weights normal with deviation gain·√(2/(fan_in + fan_out)), biases 0.

    Source: Glorot & Bengio, 2010, equation 12. Same as torch.nn.init.xavier_normal_.
    """
    gain = real("xavier_normal", "gain", gain)
    return _drawn("xavier_normal", network, rng,
                  lambda i, o, shape: rng.standard_normal(shape) * (gain * sqrt(2 / (i + o))))


def kaiming_uniform(network: L, rng: np.random.Generator) -> L:
    """Weights uniform in ±√(6/fan_in), biases 0: where a ReLU follows, which lets half of the variance through.

    Source: He et al., "Delving Deep into Rectifiers", 2015, equation 10. Same as torch.nn.init.kaiming_uniform_ with
    nonlinearity="relu".
    """
    return _drawn("kaiming_uniform", network, rng, lambda i, _, shape: rng.uniform(-1, 1, shape) * sqrt(6 / i))


def kaiming_normal(network: L, rng: np.random.Generator) -> L:
    """Weights normal with deviation √(2/fan_in), biases 0: where a ReLU follows.

    Source: He et al., 2015, equation 10. Same as torch.nn.init.kaiming_normal_ with nonlinearity="relu".
    """
    return _drawn("kaiming_normal", network, rng, lambda i, _, shape: rng.standard_normal(shape) * sqrt(2 / i))


def _drawn(where: str, network: L, rng: Any, draw: Callable[[int, int, tuple[int, ...]], Array]) -> L:
    """Weights by `draw(fan_in, fan_out, shape)`, in the network's dtype; biases 0; the rest as it is."""
    generator(where, rng)
    instance(where, "network", network, Layer)

    def start(name: str, p: Array) -> Any:
        if "bias" in name.rpartition(".")[2]:
            return np.zeros_like(p)
        if p.ndim < 2:
            return p.copy()
        fan_in, fan_out = prod(p.shape[1:]), p.shape[0] * prod(p.shape[2:])
        return draw(fan_in, fan_out, p.shape).astype(p.dtype)

    return network.like(**{name: start(name, p) for name, p in network.params.items()})
