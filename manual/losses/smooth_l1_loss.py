from collections.abc import Iterator
from dataclasses import KW_ONLY
from typing import Any

import numpy as np

from manual.loss import Loss, Reduction, check_alike, reduced, takes_one_prediction, times_upstream
from manual.numbers.checks import AtLeast0
from manual.numbers.number_types import Array, positive


@takes_one_prediction(1)
class SmoothL1Loss(Loss):
    """The absolute difference, rounded off around 0 so that its slope does not jump.

        C = Σ c(ŷ − y) / n          n = batch · outputs ("mean"), or 1 ("sum")
        c(u) = ½ u²/β where |u| ≤ β, else |u| − ½ β
        ∂C/∂ŷ = u/(β n) where |u| ≤ β, else sign(u)/n

    Raises:
        InputError: beta is negative or not finite; reduction is not one of the three; target and prediction differ in
            shape or dtype, or are empty.
    Source: Girshick, "Fast R-CNN", 2015, equation 3. Same as torch.nn.SmoothL1Loss.
    """

    _: KW_ONLY
    reduction: Reduction = "mean"
    beta: AtLeast0 = 1

    def forward(self, prediction: Array, target: Array, /) -> tuple[Any, Any]:
        check_alike(self, prediction, target)
        u = prediction - target
        size = np.abs(u)
        far = positive(size - self.beta)
        rounded = u * u / (2 * self.beta) if self.beta else size
        cost, n = reduced(self, np.where(far, size - self.beta / 2, rounded))
        return cost, (u, far, n)

    def backward(self, cache: Any, delta: Any = 1, /) -> Array:
        u, far, n = cache
        one = np.ones_like(u)
        sign = one * positive(u) - one * positive(-u)
        return times_upstream(np.where(far, sign, u / self.beta) if self.beta else sign, delta, n)


def examples(rng: np.random.Generator) -> Iterator[tuple[SmoothL1Loss, Array, Array]]:
    for reduction, beta in (("mean", 1), ("sum", 0.5), ("none", 2), ("mean", 0)):
        yield SmoothL1Loss(reduction=reduction, beta=beta), rng.standard_normal((5, 3)), rng.standard_normal((5, 3))
