from collections.abc import Iterator
from dataclasses import KW_ONLY
from typing import Annotated, Any

import numpy as np

from manual.loss import Loss, check_alike, reduced, takes_one_prediction, times_upstream
from manual.numbers.checks import Flag, one_of
from manual.numbers.number_types import Array, positive


@takes_one_prediction(1)
class KLDivLoss(Loss):
    """How far the distribution q lies from the true one p: the surprise by q where one by p is due.

        C = Σ p (log p − log q) / n       prediction log q, target p; of any one shape, 0 log 0 is 0
        ∂C/∂ log q = −p / n

    With log_target=True the target is log p. n is 1 ("sum"), the number of examples ("batchmean", which is the
    divergence), or of all numbers ("mean", torch's default, which is not, as torch warns).

    Raises:
        InputError: reduction is not one of the four; log_target is not a flag; target and prediction differ in shape or
            dtype, or are empty.
    Source: Kullback & Leibler, "On Information and Sufficiency", 1951. Same as torch.nn.KLDivLoss.
    """

    _: KW_ONLY
    reduction: Annotated[str, one_of("mean", "batchmean", "sum", "none")] = "mean"
    log_target: Flag = False

    def forward(self, log_q: Array, target: Array, /) -> tuple[Any, Any]:
        check_alike(self, log_q, target)
        if self.log_target:
            p = np.exp(target)
            costs = p * (target - log_q)
        else:
            p, there = target, positive(target)
            costs = np.where(there, p * np.log(np.where(there, p, 1)), 0) - p * log_q
        cost, n = reduced(self, costs, len(log_q) if self.reduction == "batchmean" else None)
        return cost, (p, n)

    def backward(self, cache: Any, delta: Any = 1, /) -> Array:
        p, n = cache
        return times_upstream(-p, delta, n)


def examples(rng: np.random.Generator) -> Iterator[tuple[KLDivLoss, Array, Array]]:
    for reduction, log_target in (("batchmean", False), ("sum", True), ("none", False)):
        log_q = np.log(rng.dirichlet(np.ones(4), 3))
        p = rng.dirichlet(np.ones(4), 3)
        yield KLDivLoss(reduction=reduction, log_target=log_target), log_q, np.log(p) if log_target else p
