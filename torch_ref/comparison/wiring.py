"""A layer, a loss or a wiring that torch has nothing for: its reference is its own forward, certified.

A `Network` that overrides `forward`, or how its parameters are found, is not the chain of its layers, and no other
`Block` is one. Without a module that is registered for it (see twins.py) it becomes a torch module all the same, from
the forward alone: the value is that of the forward over balls, rounded, and the gradients are the derivative of it,
by dual numbers over balls (see truth/certify.py). The backward under test takes no part. So does a layer or a loss
whose name torch has not.
"""

from typing import Any

import flint
import numpy as np
import torch

from manual import Block, Layer, Loss
from manual.layer import check_parts_are_trained, several
from manual.numbers.number_types import Array
from torch_ref.embedding import Embedded
from torch_ref.quantities import alone
from torch_ref.truth.certify import EXTRA_BITS, constants, layer_truth, lifted, loss_truth
from torch_ref.truth.dual import Dual
from torch_ref.twins import NotAsRegistered, NoTwin, is_chain, to_numpy, to_torch, twin

MOST = 2000
"""Numbers to differentiate by, at most: every operation on one number carries that many derivatives."""


def reference(layer: Layer, device: str = "cpu") -> torch.nn.Module:
    """What a layer is held against: its twin; of a chain that of what its layers are held against; of what has no
    twin, its certified truth.

    Raises:
        NoTwin: torch has another layer of that name, or another is registered; it has none, and the device is not the
        CPU, or it is too large to certify. InputError: it holds a layer that would not be trained.
    """
    check_parts_are_trained(layer)
    if isinstance(layer, Block) and is_chain(layer):
        return torch.nn.Sequential(*[reference(part, device) for part in layer.layers])
    try:
        return twin(layer, device)
    except NotAsRegistered:
        raise
    except NoTwin:
        if not isinstance(layer, Block) and hasattr(torch.nn, type(layer).__name__):
            raise
    _on_cpu(layer, device)
    return Certified(layer)


def loss_reference(loss: Loss, device: str = "cpu") -> torch.nn.Module:
    """What a loss is held against: its twin, or, of one whose name torch has not, its certified truth.

    Raises NoTwin as `reference` does.
    """
    try:
        return twin(loss, device)
    except NoTwin:
        if hasattr(torch.nn, type(loss).__name__):
            raise
    _on_cpu(loss, device)
    return CertifiedLoss(loss)


def _on_cpu(piece: Layer | Loss, device: str) -> None:
    if torch.device(device).type != "cpu":
        raise NoTwin(f"{piece!r} has no twin, and is certified on the CPU alone, not on {device}")


def _refused(piece: Layer | Loss, why: object) -> NoTwin:
    return NoTwin(f"{piece!r} has no twin in torch, and cannot be certified: {why}")


class CertifiedLoss(torch.nn.Module):
    """A loss as a module whose cost is its certified value, and whose gradient is the certified derivative of that.

    Raises as `Certified` does.
    """

    def __init__(self, loss: Loss) -> None:
        super().__init__()
        self.loss = loss

    def forward(self, prediction: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        return _TrueCost.apply(self.loss, prediction, target)


class _TrueCost(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, loss: Loss, prediction: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        if prediction.numel() > MOST:
            raise _refused(loss, f"its prediction has {prediction.numel():,} numbers, above {MOST:,}")
        try:
            cost, slopes = loss_truth(loss, to_numpy(prediction).copy(), to_numpy(target).copy())
        except (AttributeError, TypeError) as error:
            raise _refused(loss, f"it does not run on balls: {error}") from error
        ctx.save_for_backward(to_torch(_rounded(slopes)).to(prediction.dtype))
        return to_torch(_rounded(np.array(cost, dtype=object))).to(prediction.dtype)

    @staticmethod
    def backward(ctx: Any, *deltas: torch.Tensor) -> tuple[Any, ...]:
        return None, deltas[0] * ctx.saved_tensors[0], None


class Certified(Embedded):
    """A layer as a module whose output is its certified value, and whose gradients are the certified derivative of
    that.

    Raises:
        NoTwin: at a pass, its forward does not run on balls, or there are too many numbers to differentiate by.
        Undecided: its forward decides exactly on an edge.
    """

    def __init__(self, layer: Any) -> None:
        super().__init__(layer)
        for holder in self.modules():
            holder._buffers.clear()  # the state is that of the layer, which no call here changes

    @property
    def network(self) -> Any:
        """The manual layer on the tensors' present memory; the state is that of the layer it was made of."""
        return self._like(**{name: to_numpy(p) for name, p in self.named_parameters()})

    def forward(self, *inputs: torch.Tensor) -> Any:
        return _Truth.apply(self.network, len(inputs), *inputs, *self.parameters())


class _Truth(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, layer: Any, count: int, *tensors: torch.Tensor) -> Any:
        size = sum(p.numel() for p in tensors)
        if size > MOST:
            raise _refused(layer, f"it is too large, {size:,} numbers, above {MOST:,}; try a smaller one")
        ctx.layer = layer
        ctx.save_for_backward(*tensors[:count])
        dtype = next(t for t in tensors if t.is_floating_point()).dtype
        given = [to_numpy(x).copy() for x in tensors[:count]]
        try:
            with flint.ctx.workprec(53 + 2 * EXTRA_BITS):
                own = layer.like(**lifted(layer.params | layer.state, constants))
                y = own.forward(*lifted(dict(enumerate(given)), constants).values())[0]
        except (AttributeError, TypeError) as error:
            raise _refused(layer, f"it does not run on balls: {error}") from error
        outputs = [to_torch(_rounded(o)).to(dtype) for o in several(y)]
        return tuple(outputs) if isinstance(y, tuple) else outputs[0]

    @staticmethod
    def backward(ctx: Any, *deltas: torch.Tensor) -> tuple[Any, ...]:
        inputs = ctx.saved_tensors
        given = tuple(to_numpy(x) for x in inputs)
        upstream = tuple(None if d is None else to_numpy(d) for d in deltas)
        truth = layer_truth(ctx.layer, given, alone(upstream))
        slopes = {name: to_torch(_rounded(t)).to(deltas[0].dtype) for name, t in truth.items()}
        return None, None, *[slopes.get(f"dx{i}") for i in range(len(inputs))], *[
            slopes[f"d{name}"] for name in ctx.layer.params
        ]  # fmt: skip


def _rounded(truth: Array) -> Array:
    """The floats next to the balls' middles."""
    balls = [flint.arb(t.v if isinstance(t, Dual) else t) for t in truth.ravel()]
    return np.array([float(ball.mid()) for ball in balls]).reshape(truth.shape)
