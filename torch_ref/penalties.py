"""The penalties that torch lacks, each from its cost alone: autograd does the rest."""

from typing import Any

import torch

from manual import Penalty
from torch_ref.twins import NoTwin

COSTS: dict[str, Any] = {
    "L1": lambda w, alpha: alpha * w.abs().sum(),
    "L2": lambda w, alpha: alpha / 2 * w.square().sum(),
    "ElasticNet": lambda w, alpha, l1_ratio: alpha * (l1_ratio * w.abs().sum() + (1 - l1_ratio) / 2 * w.square().sum()),
}


def penalty_of(penalty: Penalty, module: torch.nn.Module) -> torch.Tensor:
    """The cost of the penalty of the same name and hyperparameters, on a module's weights.

    Raises:
        NoTwin: there is none of that name.
    """
    cost = COSTS.get(type(penalty).__name__)
    if cost is None:
        raise NoTwin(f"torch_ref has no {type(penalty).__name__}, so {penalty!r} has no twin")
    costs = [cost(p, **penalty.hyper) for p in module.parameters() if p.ndim > 1]
    return torch.stack(costs).sum() if costs else torch.zeros(())
