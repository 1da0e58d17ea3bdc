"""A training step, by hand and in torch: forward, loss, backward, update."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import torch

from experiments.benchmarking.workloads import Workload
from manual import Network
from torch_ref import to_torch, twin, twin_optimizer

Step = Callable[[], object]


def manual_side(work: Workload) -> tuple[Network, Step]:
    """A copy of the network, and the step that trains it by hand."""
    network, loss, optimizer, x, y = deepcopy(work[1:])

    def step() -> None:
        prediction, tape = network.forward(x)
        _, cache = loss.forward(prediction, y)
        optimizer.step(network, network.gradient(loss.backward(cache), tape))

    return network, step


def torch_side(work: Workload, layout: torch.memory_format = torch.contiguous_format) -> tuple[torch.nn.Module, Step]:
    """The network's twin, and the step that trains it in torch eager; of pictures in that memory layout."""
    module, x = twin(work.network), to_torch(work.x)
    if x.ndim == 4:
        module, x = module.to(memory_format=layout), x.to(memory_format=layout)  # pyright: ignore[reportCallIssue]
    return module, _step(module, module, work, x)


def compiled_side(work: Workload) -> Step | str:
    """The step with forward and backward compiled by `torch.compile`; or, where that cannot be, why."""
    module = twin(work.network)
    step = _step(module, torch.compile(module), work, to_torch(work.x))
    try:
        step()
    except Exception as error:  # what is missing, a compiler first of all, torch says in many ways
        return str(error).strip().splitlines()[0]
    return step


def _step(module: torch.nn.Module, forward: Callable[[torch.Tensor], Any], work: Workload, x: torch.Tensor) -> Step:
    loss, optimizer, y = twin(work.loss), twin_optimizer(work.optimizer, module), to_torch(work.y)

    def step() -> None:
        optimizer.zero_grad()
        loss(forward(x), y).backward()
        optimizer.step()

    return step
