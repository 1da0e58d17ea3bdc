"""A training step, by hand and in torch: forward, loss, backward, update. A side is a network and the step that
trains it."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import torch
from torch.nn.attention import SDPBackend

from experiments.bench.workloads import Workload
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


def torch_sides(work: Workload) -> dict[str, tuple[torch.nn.Module, Step]]:
    """The network's twin in torch eager, in each way that torch has of computing the same."""
    sides = {"default": torch_side(work), "fused update": torch_side(work, fused=True)}
    if work.x.ndim == 4:
        sides["channels last"] = torch_side(work, torch.channels_last)
    return sides


def fastest(module: torch.nn.Module) -> torch.nn.Module:
    """The module with torch's fused attention, where it has any: a comparison has it in plain operations."""
    for piece in module.modules():
        if hasattr(piece, "backends"):
            vars(piece)["backends"] = (SDPBackend.FLASH_ATTENTION, SDPBackend.MATH)
    return module


def torch_side(
    work: Workload, layout: torch.memory_format = torch.contiguous_format, fused: bool = False
) -> tuple[torch.nn.Module, Step]:
    """The network's twin; of pictures in that memory layout, and updated by one kernel that does all of it, or by
    several."""
    module, x = fastest(twin(work.network)), to_torch(work.x)
    if x.ndim == 4:
        module, x = module.to(memory_format=layout), x.to(memory_format=layout)  # pyright: ignore[reportCallIssue]
    return module, _step(module, module, work, x, fused)


def compiled_side(work: Workload) -> tuple[torch.nn.Module, Step] | str:
    """The twin with forward and backward compiled by `torch.compile`; or, where that cannot be, why."""
    module = fastest(twin(work.network))
    try:
        torch.compile(module)(to_torch(work.x)).sum().backward()
    except Exception as error:  # what is missing, a compiler first of all, torch says in many ways
        return str(error).strip().splitlines()[0]
    module = fastest(twin(work.network))
    return module, _step(module, torch.compile(module), work, to_torch(work.x))


def _step(
    module: torch.nn.Module,
    forward: Callable[[torch.Tensor], Any],
    work: Workload,
    x: torch.Tensor,
    fused: bool = False,
) -> Step:
    loss, optimizer, y = twin(work.loss), twin_optimizer(work.optimizer, module, fused=fused), to_torch(work.y)

    def step() -> None:
        optimizer.zero_grad()
        loss(forward(x), y).backward()
        optimizer.step()

    return step
