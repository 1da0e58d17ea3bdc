"""A network whose wiring is its own, which torch has nothing for: its reference is its own forward, certified.

A `Network` that overrides `forward`, or how its parameters are found, is not the chain of its layers. Here it becomes
a torch module all the same, from the forward alone: the value is that of the forward over balls, rounded, and the
gradients are the derivative of it, by dual numbers over balls (see truth/certify.py). The backward under test takes
no part.
"""

from typing import Any

import flint
import numpy as np
import torch

from manual import Layer, Network
from manual.layer import every_part
from manual.numbers.number_types import Array
from torch_ref.embedding import Embedded
from torch_ref.truth.certify import EXTRA_BITS, exact, layer_truth
from torch_ref.twins import NoTwin, is_chain, to_numpy, to_torch, twin

MOST = 2000
"""Numbers to differentiate by, at most: every operation on one number carries that many derivatives."""


def reference(layer: Layer, device: str = "cpu") -> torch.nn.Module:
    """What a layer is held against: its twin; of a network the chain of what its layers are held against, or, where
    its wiring is its own, its certified truth.

    Raises:
        NoTwin: torch has no such layer; the wiring is its own and the device is not the CPU, or it is too large to
        certify. InputError: it holds a layer that would not be trained.
    """
    every_part(layer)
    if not isinstance(layer, Network):
        return twin(layer, device)
    if is_chain(layer):
        return torch.nn.Sequential(*[reference(part, device) for part in layer.layers])
    if torch.device(device).type != "cpu":
        raise NoTwin(f"{layer!r} has a wiring of its own, which is certified on the CPU alone, not on {device}")
    return Certified(layer)


class Certified(Embedded):
    """A network as a module whose output is its certified value, and whose gradients are the certified derivative of
    that.

    Raises:
        NoTwin: at a pass, its forward does not run on balls, or there are too many numbers to differentiate by.
        Undecided: its forward decides exactly on an edge.
    """

    @property
    def network(self) -> Network:
        """The manual network on the tensors' present memory; the state is that of the network it was made of."""
        return self._like(**{name: to_numpy(p) for name, p in self.named_parameters()})

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return _Truth.apply(self.network, x, *self.parameters())  # pyright: ignore[reportReturnType]


class _Truth(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, network: Network, x: torch.Tensor, *params: torch.Tensor) -> torch.Tensor:
        size = x.numel() + sum(p.numel() for p in params)
        if size > MOST:
            raise NoTwin(
                f"{network!r} has a wiring of its own, and is too large to certify: {size:,} numbers, above {MOST:,}"
            )
        ctx.network = network
        ctx.save_for_backward(x)
        try:
            with flint.ctx.workprec(53 + 2 * EXTRA_BITS):
                own = network.like(**{name: exact(p) for name, p in network.params.items()})
                y = own.forward(exact(to_numpy(x).copy()))[0]
        except (AttributeError, TypeError) as error:
            raise NoTwin(f"{network!r} has a wiring of its own, and it does not run on balls: {error}") from error
        return to_torch(_rounded(y, to_numpy(x).dtype))

    @staticmethod
    def backward(ctx: Any, delta: torch.Tensor) -> tuple[Any, ...]:  # pyright: ignore[reportIncompatibleMethodOverride]
        (x,) = ctx.saved_tensors
        truth = layer_truth(ctx.network, to_numpy(x), to_numpy(delta))
        return None, *[to_torch(_rounded(slopes, to_numpy(x).dtype)) for slopes in truth.values()]


def _rounded(truth: Array, dtype: Any) -> Array:
    """The floats next to the balls' middles."""
    middles = [float(flint.arb(t).mid()) for t in truth.ravel()]
    return np.array(middles, dtype).reshape(truth.shape)
