"""A block whose wiring is its own, which torch has nothing for: its reference is its own forward, certified.

A `Network` that overrides `forward`, or how its parameters are found, is not the chain of its layers, and no other
`Block` is one. Without a module that is registered for it (see twins.py) it becomes a torch module all the same, from
the forward alone: the value is that of the forward over balls, rounded, and the gradients are the derivative of it,
by dual numbers over balls (see truth/certify.py). The backward under test takes no part.
"""

from typing import Any

import flint
import numpy as np
import torch

from manual import Block, Layer
from manual.layer import every_part, several
from manual.numbers.number_types import Array
from torch_ref.embedding import Embedded
from torch_ref.quantities import alone
from torch_ref.truth.certify import EXTRA_BITS, exact, layer_truth, lifted
from torch_ref.twins import NoTwin, is_chain, to_numpy, to_torch, twin

MOST = 2000
"""Numbers to differentiate by, at most: every operation on one number carries that many derivatives."""


def reference(layer: Layer, device: str = "cpu") -> torch.nn.Module:
    """What a layer is held against: its twin; of a chain that of what its layers are held against; of a block that
    has no twin, its certified truth.

    Raises:
        NoTwin: torch has no such layer; the wiring is its own and the device is not the CPU, or it is too large to
        certify. InputError: it holds a layer that would not be trained.
    """
    every_part(layer)
    if isinstance(layer, Block) and is_chain(layer):
        return torch.nn.Sequential(*[reference(part, device) for part in layer.layers])
    try:
        return twin(layer, device)
    except NoTwin:
        if not isinstance(layer, Block):
            raise
    if torch.device(device).type != "cpu":
        raise NoTwin(f"{layer!r} has a wiring of its own, which is certified on the CPU alone, not on {device}")
    return Certified(layer)


class Certified(Embedded):
    """A block as a module whose output is its certified value, and whose gradients are the certified derivative of
    that.

    Raises:
        NoTwin: at a pass, its forward does not run on balls, or there are too many numbers to differentiate by.
        Undecided: its forward decides exactly on an edge.
    """

    def __init__(self, block: Any) -> None:
        super().__init__(block)
        for holder in self.modules():
            holder._buffers.clear()  # the state is that of the block, which no call here changes

    @property
    def network(self) -> Any:
        """The manual block on the tensors' present memory; the state is that of the block it was made of."""
        return self._like(**{name: to_numpy(p) for name, p in self.named_parameters()})

    def forward(self, *inputs: torch.Tensor) -> Any:
        return _Truth.apply(self.network, len(inputs), *inputs, *self.parameters())


class _Truth(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, block: Any, count: int, *tensors: torch.Tensor) -> Any:
        size = sum(p.numel() for p in tensors)
        if size > MOST:
            raise NoTwin(
                f"{block!r} has a wiring of its own, and is too large to certify: {size:,} numbers, above {MOST:,}"
            )
        ctx.block = block
        ctx.save_for_backward(*tensors[:count])
        dtype = next(t for t in tensors if t.is_floating_point()).dtype
        given = [to_numpy(x).copy() for x in tensors[:count]]
        try:
            with flint.ctx.workprec(53 + 2 * EXTRA_BITS):
                own = block.like(**lifted(block.params | block.state, exact))
                y = own.forward(*lifted(dict(enumerate(given)), exact).values())[0]
        except (AttributeError, TypeError) as error:
            raise NoTwin(f"{block!r} has a wiring of its own, and it does not run on balls: {error}") from error
        outputs = [to_torch(_rounded(o)).to(dtype) for o in several(y)]
        return tuple(outputs) if isinstance(y, tuple) else outputs[0]

    @staticmethod
    def backward(ctx: Any, *deltas: torch.Tensor) -> tuple[Any, ...]:
        inputs = ctx.saved_tensors
        given = tuple(to_numpy(x) for x in inputs)
        upstream = tuple(None if d is None else to_numpy(d) for d in deltas)
        truth = layer_truth(ctx.block, given, alone(upstream))
        slopes = {name: to_torch(_rounded(t)).to(deltas[0].dtype) for name, t in truth.items()}
        return None, None, *[slopes.get(f"dx{i}") for i in range(len(inputs))], *[
            slopes[f"d{name}"] for name in ctx.block.params
        ]  # fmt: skip


def _rounded(truth: Array) -> Array:
    """The floats next to the balls' middles."""
    return np.array([float(flint.arb(t).mid()) for t in truth.ravel()]).reshape(truth.shape)
