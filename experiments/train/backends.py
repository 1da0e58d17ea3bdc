"""The two implementations of one network, loss and optimizer, with one face to the training script.

side.cost(x, y, share)     forward: what these rows add to the cost of the whole batch, as a tensor, whose `backward()`
                           leaves the gradients on the parameters
                           (while training with the penalty, in `eval()` without)
side.optimizer().step()    update
"""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
import torch

from experiments.train.processes.shares import Share
from manual import InputError, Loss, Network, Optimizer, Penalty, Schedule
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

by_hand = torch.compiler.disable
"""For what computes in NumPy: torch's compiler would replace that by its own kernels."""


class _Cost(torch.autograd.Function):
    """The hand-written cost and its gradient, which torch asks for as for those of any function of its own."""

    @staticmethod
    def forward(ctx: Any, side: "ByHand", x: torch.Tensor, y: torch.Tensor, weight: float, *_: torch.Tensor) -> Any:
        ctx.network, ctx.loss, ctx.weight = side.network, side.loss, weight
        ctx.penalty = side.penalty if side.training else None
        prediction, ctx.tape = ctx.network.forward(to_numpy(x))
        cost, ctx.cache = ctx.loss.forward(prediction, to_numpy(y))
        cost *= weight
        if ctx.penalty:
            cost += ctx.penalty.forward(ctx.network)[0]
        if side.training:
            ctx.network.commit(ctx.tape)
        return to_torch(np.asarray(cost))

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, delta: torch.Tensor) -> tuple[Any, ...]:  # pyright: ignore[reportIncompatibleMethodOverride]
        scale = to_numpy(delta)[()]
        gradient = ctx.network.gradient(ctx.loss.backward(ctx.cache, scale * ctx.weight), ctx.tape).params
        if ctx.penalty:
            slopes = ctx.penalty.backward(ctx.network).params
            gradient = {name: g + scale * slopes[name] for name, g in gradient.items()}
        return None, None, None, None, *map(to_torch, gradient.values())


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

    @by_hand
    def predict(self, x: torch.Tensor) -> torch.Tensor:
        return to_torch(self.network.forward(to_numpy(x))[0])

    @by_hand
    def cost(self, x: torch.Tensor, y: torch.Tensor, share: Share) -> torch.Tensor:
        parameters = [self.module.get_parameter(name) for name in self.network.params]
        return _Cost.apply(self, x, y, share.weight(self.loss, len(x)), *parameters)  # pyright: ignore[reportReturnType]

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

    def cost(self, x: torch.Tensor, y: torch.Tensor, share: Share) -> torch.Tensor:
        for piece in self.module.modules():
            if isinstance(piece, Dropout):
                piece.before = share.before
        prediction = self.module(x)
        # no rows add 0, with gradients of 0
        cost = self.loss(prediction, y) * share.weight(self.loss, len(x)) if len(x) else prediction.sum()
        if self.training:
            commit(self.module)
            if self.penalty:
                cost = cost + penalty_of(self.penalty, self.module) * (len(x) / share.whole)
        return cost

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
        state = _each(lambda v: to_torch(v) if isinstance(v, np.ndarray) else v, self.rule.state)
        return super().state_dict() | {"state": state}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        super().load_state_dict(state_dict | {"state": {}})
        self.rule.state = _each(lambda v: to_numpy(v).copy() if isinstance(v, torch.Tensor) else v, state_dict["state"])


def _each(convert: Callable[[Any], Any], state: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    converted = {}
    for name, values in state.items():
        converted[name] = {key: convert(value) for key, value in values.items()}
    return converted


class Scheduled(torch.optim.lr_scheduler.LRScheduler):
    """A manual schedule as one of torch's, so that Lightning steps it, and may put another in its place."""

    def __init__(self, optimizer: torch.optim.Optimizer, schedule: Schedule, own: dict[str, Any]) -> None:
        self.schedule, self.own = schedule, own
        super().__init__(optimizer)
        optimizer.register_step_pre_hook(self._check)

    def _check(self, *_: object) -> None:
        """Raise InputError where the schedule has no such step."""
        self._now()

    def _now(self) -> dict[str, Any]:
        return self.schedule.at(self.last_epoch, self.own)

    def get_lr(self) -> list[float | torch.Tensor]:
        with suppress(InputError):  # past its last step, after which no other need follow
            for group in self.optimizer.param_groups:
                group.update(self._now())
        return [group["lr"] for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        return {"last_epoch": self.last_epoch}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.last_epoch = state_dict["last_epoch"]
        self.get_lr()
