from collections.abc import Iterator
from dataclasses import KW_ONLY
from typing import Any

import numpy as np

from manual.loss import Loss, Reduction, check_alike, reduced, takes_one_prediction, times_upstream
from manual.numbers.number_types import Array


@takes_one_prediction(1)
class MSELoss(Loss):
    """The mean of the squared differences, over every number of the batch.

        C = Σ (ŷ − y)² / n          ŷ, y of any one shape; n = batch · outputs ("mean"), or 1 ("sum")
        ∂C/∂ŷ = 2(ŷ − y) / n

    Document A divides by the number of examples m; with one output that is the same, with k outputs its cost is k times
    torch's mean.

    Raises:
        InputError: reduction is not one of the three; target and prediction differ in shape or dtype, or are empty.
    Source: document A, part 2; document B, "Backward Pass". Same as torch.nn.MSELoss.
    """

    _: KW_ONLY
    reduction: Reduction = "mean"

    def forward(self, prediction: Array, target: Array, /) -> tuple[Any, tuple[Array, int]]:
        check_alike(self, prediction, target)
        u = prediction - target
        cost, n = reduced(self, u * u)
        return cost, (u, n)

    def backward(self, cache: tuple[Array, int], delta: Any = 1, /) -> Array:
        u, n = cache
        return times_upstream(2 * u, delta, n)


def examples(rng: np.random.Generator) -> Iterator[tuple[MSELoss, Array, Array]]:
    yield MSELoss(), rng.standard_normal((5, 3)), rng.standard_normal((5, 3))
    yield MSELoss(), rng.standard_normal((1, 1)), rng.standard_normal((1, 1))
    yield MSELoss(reduction="sum"), rng.standard_normal((5, 3)), rng.standard_normal((5, 3))
    yield MSELoss(reduction="none"), rng.standard_normal((5, 3)), rng.standard_normal((5, 3))
