from collections.abc import Iterator
from dataclasses import KW_ONLY
from typing import Any

import numpy as np

from manual.loss import Loss, Reduction, check_alike, reduced, takes_one_prediction, times_upstream
from manual.numbers.checks import Above0
from manual.numbers.number_types import Array, positive


@takes_one_prediction(1)
class HuberLoss(Loss):
    """Half the squared difference up to d, beyond it a straight line: what is far off pulls with d, no harder.

        C = Σ c(ŷ − y) / n          n = batch · outputs ("mean"), or 1 ("sum")
        c(u) = ½ u² where |u| ≤ d, else d (|u| − ½ d)
        ∂C/∂ŷ = u/n where |u| ≤ d, else d sign(u)/n

    Raises:
        InputError: delta (d) is not a finite number above 0; reduction is not one of the three; target and prediction
            differ in shape or dtype, or are empty.
    Source: Huber, "Robust Estimation of a Location Parameter", 1964. Same as torch.nn.HuberLoss.
    """

    _: KW_ONLY
    reduction: Reduction = "mean"
    delta: Above0 = 1

    def forward(self, prediction: Array, target: Array, /) -> tuple[Any, Any]:
        check_alike(self, prediction, target)
        u, d = prediction - target, self.delta
        size = np.abs(u)
        far = positive(size - d)
        cost, n = reduced(self, np.where(far, d * (size - d / 2), u * u / 2))
        return cost, (u, far, n)

    def backward(self, cache: Any, delta: Any = 1, /) -> Array:
        u, far, n = cache
        one = np.ones_like(u)
        return times_upstream(np.where(far, self.delta * (one * positive(u) - one * positive(-u)), u), delta, n)


def examples(rng: np.random.Generator) -> Iterator[tuple[HuberLoss, Array, Array]]:
    for reduction, d in (("mean", 1), ("sum", 0.5), ("none", 2)):
        yield HuberLoss(reduction=reduction, delta=d), rng.standard_normal((5, 3)), rng.standard_normal((5, 3))
