"""The two implementations of one network, loss and optimizer, with one face to the training script.

cost, pull = side.cost(x, y, share)    forward: what these rows add to the cost of the whole batch
                                       (while training with the penalty, in `eval()` without)
pull(autograd)                         backward: leaves the gradients on the parameters
side.optimizer().step()                update
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from experiments.train.processes import Share
from manual import Loss, Network, Optimizer, Penalty
from torch_ref import (
    Embedded,
    buffers_of,
    commit,
    embed,
    params_of,
    penalty_of,
    to_numpy,
    to_torch,
    twin,
    twin_optimizer,
)
from torch_ref.twins import Dropout

Autograd = Callable[[torch.Tensor], None]


class ByHand(torch.nn.Module):
    """Forward, loss, backward and optimizer of `manual`, on the memory of torch's parameters. CPU only, and one
    process."""

    def __init__(self, network: Network, loss: Loss, optimizer: Optimizer, penalty: Penalty | None = None) -> None:
        super().__init__()
        self.module, self.loss, self.rule, self.penalty = embed(network), loss, optimizer, penalty

    @property
    def network(self) -> Network:
        """The manual network on the tensors' present memory; for inference, in `eval()`."""
        return self.module.network

    def predict(self, x: torch.Tensor) -> torch.Tensor:
        return to_torch(self.network.forward(to_numpy(x))[0])

    def cost(self, x: torch.Tensor, y: torch.Tensor, share: Share) -> tuple[float, Callable[[Autograd], None]]:
        network = self.network
        prediction, tape = network.forward(to_numpy(x))
        cost, cache = self.loss.forward(prediction, to_numpy(y))
        cost *= share.weight(self.loss, len(x))
        penalty = self.penalty if self.training else None
        if penalty:
            cost += penalty.forward(network)[0]

        def pull(_: Autograd) -> None:
            gradient = network.gradient(self.loss.backward(cache), tape)
            if penalty:
                gradient += penalty.backward(network)
            for name, p in self.module.named_parameters():
                p.grad = to_torch(gradient.params[name])
            network.commit(tape)

        return float(cost), pull

    def optimizer(self) -> torch.optim.Optimizer:
        return HandWritten(self.rule, self.module)


class ByTorch(torch.nn.Module):
    """The twin network and loss, autograd, and the optimizer of torch. On any device."""

    def __init__(self, network: Network, loss: Loss, optimizer: Optimizer, penalty: Penalty | None = None) -> None:
        super().__init__()
        self.module, self.loss, self.rule, self.penalty = twin(network), twin(loss), optimizer, penalty
        self._like = network.like

    @property
    def network(self) -> Network:
        """A manual network with a copy of the present weights; for inference, in `eval()`."""
        network = self._like(**params_of(self.module), **buffers_of(self.module))
        return network if self.training else network.evaluated()

    def predict(self, x: torch.Tensor) -> torch.Tensor:
        return self.module(x)

    def cost(self, x: torch.Tensor, y: torch.Tensor, share: Share) -> tuple[float, Callable[[Autograd], None]]:
        for piece in self.module.modules():
            if isinstance(piece, Dropout):
                piece.before = share.before
        prediction = self.module(x)
        # no rows add 0, with gradients of 0
        cost = self.loss(prediction, y) * share.weight(self.loss, len(x)) if len(x) else prediction.sum()
        if self.penalty and self.training:
            cost = cost + penalty_of(self.penalty, self.module) * (len(x) / share.whole)

        def pull(autograd: Autograd) -> None:
            self.module.zero_grad()
            autograd(cost)
            commit(self.module)

        return cost.item(), pull

    def optimizer(self) -> torch.optim.Optimizer:
        optimizer = twin_optimizer(self.rule, self.module)
        optimizer.register_load_state_dict_post_hook(_in_float32)
        return optimizer


def _in_float32(optimizer: torch.optim.Optimizer) -> None:
    """What torch keeps in float32 whatever the parameters are in, such as NAdam's product, `load_state_dict` turns
    into their dtype (torch 2.13), with which a run would go on otherwise."""
    for state in optimizer.state.values():
        state.update({key: value.float() for key, value in state.items() if value is not None and not value.ndim})


class HandWritten(torch.optim.Optimizer):
    """A manual optimizer as one of torch's, so that Lightning counts its steps and keeps its state in checkpoints.

    The state in `state_dict()` is the manual optimizer's, by the parameters' names.
    """

    def __init__(self, optimizer: Optimizer, module: Embedded) -> None:
        super().__init__(module.parameters(), dict(optimizer.hyper))
        self.rule, self.module = optimizer, module

    def step(self, closure: Callable[[], Any] | None = None) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        result = closure() if closure else None
        network = self.module.network
        [group] = self.param_groups  # a schedule, or a callback, may have changed it
        vars(self.rule).update({name: group[name] for name in self.rule.hyper})
        gradient = {name: to_numpy(p.grad) for name, p in self.module.named_parameters() if p.grad is not None}
        self.rule.step(network, network.like(**gradient))
        return result

    def state_dict(self) -> dict[str, Any]:
        return {"state": _each(lambda v: to_torch(v) if isinstance(v, np.ndarray) else v, self.rule.state)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.rule.state = _each(lambda v: to_numpy(v).copy() if isinstance(v, torch.Tensor) else v, state_dict["state"])


def _each(convert: Callable[[Any], Any], state: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    converted = {}
    for name, values in state.items():
        converted[name] = {key: convert(value) for key, value in values.items()}
    return converted
