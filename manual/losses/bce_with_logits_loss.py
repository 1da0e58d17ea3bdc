from collections.abc import Iterator
from dataclasses import KW_ONLY
from typing import Any

import numpy as np

from manual.loss import Loss, Reduction, broadcastable, check_alike, reduced, takes_one_prediction, times_upstream
from manual.numbers.classes import Weight
from manual.numbers.number_types import Array, positive


@takes_one_prediction(1)
class BCEWithLogitsLoss(Loss):
    """How surprised the sigmoid of a logit is by its target, 1 or 0 (or a probability between).

        p = σ(z)                                        z, t of any one shape
        C = −Σ (t log p + (1 − t) log(1 − p)) / n       n = batch · outputs ("mean"), or 1 ("sum")
          = Σ (z([z > 0] − t) + log(1 + e^−|z|)) / n    the same, finite at any finite logit
        ∂C/∂z = (σ(z) − t) / n

    With a pos_weight q, broadcast to t, what should be 1 counts q times: t log p becomes q t log p. Its share t becomes
    q t, and that of all, which was 1, k = q t + (1 − t):

        C = Σ w (z(k [z > 0] − q t) + k log(1 + e^−|z|)) / n,    ∂C/∂z = w (k σ(z) − q t) / n

    where w is the weight of each number, 1 unless it is given.

    At z = −∞ with t = 1 the cost is ∞, where torch's formula has 0·∞, a NaN.

    Raises:
        InputError: weight or pos_weight is not an array of finite floats, or cannot be broadcast to the prediction;
            reduction is not one of the three; target and prediction differ in shape or dtype, or are empty.
    Source: the last activation of document B, "Initialize Parameters", for two classes. Same as
    torch.nn.BCEWithLogitsLoss.
    """

    weight: Weight = None
    _: KW_ONLY
    reduction: Reduction = "mean"
    pos_weight: Weight = None

    def forward(self, z: Array, t: Array, /) -> tuple[Any, tuple[Array, Array, Any, Any, int]]:
        check_alike(self, z, t)
        w, q = broadcastable(self, "weight", self.weight, z), broadcastable(self, "pos_weight", self.pos_weight, z)
        qt, k = (t, 1) if self.pos_weight is None else (q * t, q * t + (1 - t))
        on = positive(z) if self.pos_weight is None else k * positive(z)
        cost, n = reduced(self, w * (z * (on - qt) + k * np.log1p(np.exp(-np.abs(z)))))
        return cost, (z, qt, k, w, n)

    def backward(self, cache: tuple[Array, Array, Any, Any, int], delta: Any = 1, /) -> Array:
        z, qt, k, w, n = cache
        with np.errstate(over="ignore"):
            return times_upstream(w * (k / (1 + np.exp(-z)) - qt), delta, n)


def examples(rng: np.random.Generator) -> Iterator[tuple[BCEWithLogitsLoss, Array, Array]]:
    yield BCEWithLogitsLoss(), rng.standard_normal((5, 3)), rng.integers(2, size=(5, 3)).astype(float)
    yield BCEWithLogitsLoss(), np.array([[-20.0, 0.0, 20.0]]), np.array([[1.0, 0.5, 0.0]])
    yield BCEWithLogitsLoss(reduction="sum"), rng.standard_normal((5, 3)), rng.random((5, 3))
    weight, more = rng.random((5, 1)), 1 + rng.random(3)
    yield BCEWithLogitsLoss(weight, pos_weight=more), rng.standard_normal((5, 3)), rng.random((5, 3))
    yield BCEWithLogitsLoss(reduction="none"), rng.standard_normal((5, 3)), rng.random((5, 3))
