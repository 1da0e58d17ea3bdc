from collections.abc import Iterator
from dataclasses import KW_ONLY
from typing import Any

import numpy as np

from manual.loss import Loss, Reduction, check_alike, reduced, takes_one_prediction, times_upstream
from manual.numbers.number_types import Array, positive


@takes_one_prediction(1)
class L1Loss(Loss):
    """The mean of the absolute differences: one that is far off pulls no harder than one that is near.

        C = Σ |ŷ − y| / n           ŷ, y of any one shape; n = batch · outputs ("mean"), or 1 ("sum")
        ∂C/∂ŷ = sign(ŷ − y) / n     0 where they are equal, by convention, torch's too

    Raises:
        InputError: reduction is not one of the three; target and prediction differ in shape or dtype, or are empty.
    Source: Boscovich, 1757; Laplace. Same as torch.nn.L1Loss.
    """

    _: KW_ONLY
    reduction: Reduction = "mean"

    def forward(self, prediction: Array, target: Array, /) -> tuple[Any, Any]:
        check_alike(self, prediction, target)
        u = prediction - target
        cost, n = reduced(self, np.abs(u))
        return cost, (u, n)

    def backward(self, cache: Any, delta: Any = 1, /) -> Array:
        u, n = cache
        one = np.ones_like(u)
        return times_upstream(one * positive(u) - one * positive(-u), delta, n)


def examples(rng: np.random.Generator) -> Iterator[tuple[L1Loss, Array, Array]]:
    for reduction in ("mean", "sum", "none"):
        yield L1Loss(reduction=reduction), rng.standard_normal((5, 3)), rng.standard_normal((5, 3))
