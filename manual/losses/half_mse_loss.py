from collections.abc import Iterator
from typing import Any

import numpy as np

from manual.loss import Loss, check_alike, times_upstream
from manual.numbers.number_types import Array


class HalfMSELoss(Loss):
    """Half the squared difference, averaged over the examples: the ½ cancels the 2 of the derivative.

        C = ½ Σ (ŷ − y)² / N        ŷ, y (N, …), N the number of examples
        ∂C/∂ŷ = (ŷ − y) / N

    Raises:
        InputError: target and prediction differ in shape or dtype, or are empty.
    Source: document A, part 4, step 2. Torch has no such loss.
    """

    def forward(self, prediction: Array, target: Array, /) -> tuple[Any, Array]:
        check_alike(self, prediction, target)
        u = prediction - target
        return (u * u).sum() / (2 * len(u)), u

    def backward(self, u: Array, delta: Any = 1, /) -> Array:
        return times_upstream(u, delta, len(u))


def examples(rng: np.random.Generator) -> Iterator[tuple[HalfMSELoss, Array, Array]]:
    yield HalfMSELoss(), rng.standard_normal((5, 3)), rng.standard_normal((5, 3))
    yield HalfMSELoss(), rng.standard_normal((1, 1)), rng.standard_normal((1, 1))
