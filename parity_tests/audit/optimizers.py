"""The optimizers of torch: three steps as a function of a parameter and of its gradients."""

from collections.abc import Callable, Iterator
from functools import partial
from inspect import signature
from typing import Any

import torch

from parity_tests.audit.operators import Call, Subject

OTHERWISE = {"LBFGS": "it evaluates the cost itself", "SparseAdam": "its gradients are sparse"}
"""Optimizers that are no function of these, and why."""
HYPER = {"lr": 0.1}
STEPS = 3


def subjects() -> list[Subject]:
    """Every optimizer in each of its ways: through `differentiable`, whose derivative is judged as well; one parameter
    after the other; and by foreach and fused kernels, which are held against that."""
    kinds = [kind for kind in vars(torch.optim).values() if isinstance(kind, type)]
    found = [k for k in kinds if issubclass(k, torch.optim.Optimizer) and k.__name__ not in {"Optimizer", *OTHERWISE}]
    return [Subject(f"optim.{k.__name__}, {way}", partial(calls, k, way)) for k in found for way in _ways(k)]


def _ways(kind: type) -> list[str]:
    offered = signature(kind).parameters
    return ["one by one", *(way for way in ("differentiable", "foreach", "fused") if way in offered)]


def calls(kind: Any, way: str, dtype: torch.dtype, most: int) -> Iterator[Call]:
    """So many of an optimizer in one of its ways, each with other numbers."""
    one_by_one = {"foreach": False} if "foreach" in signature(kind).parameters else {}
    how = one_by_one if way == "one by one" else {way: True}
    for seed in range(most):
        given = [*torch.randn(1 + STEPS, 3, 2, dtype=dtype, generator=torch.Generator().manual_seed(seed))]
        reference = None if way == "differentiable" else _steps(kind, one_by_one)
        yield Call(_steps(kind, how), given, [*range(len(given))], reference=reference)


def _steps(kind: Any, how: dict[str, bool]) -> Callable[..., tuple[torch.Tensor]]:
    def function(parameter: torch.Tensor, *gradients: torch.Tensor) -> tuple[torch.Tensor]:
        moved = parameter.clone() if how.get("differentiable") else parameter.detach().clone()
        optimizer = kind([moved], **HYPER, **how)
        for g in gradients:
            moved.grad = g if how.get("differentiable") else g.detach().clone()
            optimizer.step()
        return (moved,)

    return function
