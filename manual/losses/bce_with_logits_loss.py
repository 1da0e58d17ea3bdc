from collections.abc import Iterator
from dataclasses import KW_ONLY
from typing import Any

import numpy as np

from manual.loss import Loss, check_alike, check_reduction, reduced, shared
from manual.numbers.number_types import Array, positive


class BCEWithLogitsLoss(Loss):
    """How surprised the sigmoid of a logit is by its target, 1 or 0 (or a probability between).

        p = σ(z)                                        z, t of any one shape
        C = −Σ (t log p + (1 − t) log(1 − p)) / n       n = batch · outputs ("mean"), or 1 ("sum")
          = Σ (z([z > 0] − t) + log(1 + e^−|z|)) / n    the same, finite at any finite logit
        ∂C/∂z = (σ(z) − t) / n

    At z = −∞ with t = 1 the cost is ∞, where torch's formula has 0·∞, a NaN.

    Raises:
        InputError: reduction is none of the three; target and prediction differ in shape or dtype, or are empty.
    Source: the last activation of document B, "Initialize Parameters", for two classes. Same as
    torch.nn.BCEWithLogitsLoss.
    """

    _: KW_ONLY
    reduction: str = "mean"

    def __post_init__(self) -> None:
        check_reduction(self, self.reduction)

    def forward(self, z: Array, t: Array, /) -> tuple[Any, tuple[Array, Array, int]]:
        check_alike(self, z, t)
        cost, n = reduced(self, z * (positive(z) - t) + np.log1p(np.exp(-np.abs(z))))
        return cost, (z, t, n)

    def backward(self, cache: tuple[Array, Array, int], delta: Any = 1, /) -> Array:
        z, t, n = cache
        with np.errstate(over="ignore"):
            return shared(1 / (1 + np.exp(-z)) - t, delta, n)


def examples(rng: np.random.Generator) -> Iterator[tuple[BCEWithLogitsLoss, Array, Array]]:
    yield BCEWithLogitsLoss(), rng.standard_normal((5, 3)), rng.integers(2, size=(5, 3)).astype(float)
    yield BCEWithLogitsLoss(), np.array([[-20.0, 0.0, 20.0]]), np.array([[1.0, 0.5, 0.0]])
    yield BCEWithLogitsLoss(reduction="sum"), rng.standard_normal((5, 3)), rng.random((5, 3))
    yield BCEWithLogitsLoss(reduction="none"), rng.standard_normal((5, 3)), rng.random((5, 3))
