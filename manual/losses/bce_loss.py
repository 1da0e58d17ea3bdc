from collections.abc import Iterator
from dataclasses import KW_ONLY
from typing import Any

import numpy as np

from manual.loss import Loss, Reduction, broadcastable, check_alike, reduced, takes_one_prediction, times_upstream
from manual.numbers.checks import InputError
from manual.numbers.classes import Weight
from manual.numbers.number_types import Array, nonpositive


@takes_one_prediction(1)
class BCELoss(Loss):
    """How surprised a probability is by its target, 1 or 0 (or a probability between).

        C = −Σ w (t log p + (1 − t) log(1 − p)) / n    p, t of any one shape; n = batch · outputs ("mean"), or 1 ("sum")
        ∂C/∂p = w (p − t) / (p (1 − p)) / n            w: the weight of each number, 1 unless it is given

    As torch's, a logarithm is at least −100 and p(1 − p) in the slope at least 1e-12, so that p = 0 and p = 1 have
    finite costs. After a sigmoid use BCEWithLogitsLoss, which needs no such guard.

    Raises:
        InputError: weight is not an array of finite floats, or cannot be broadcast to the prediction; reduction is not
            one of the three; target and prediction differ in shape or dtype, or are empty; a prediction is not between
            0 and 1.
    Source: document B, "Initialize Parameters", for two classes. Same as torch.nn.BCELoss.
    """

    weight: Weight = None
    _: KW_ONLY
    reduction: Reduction = "mean"

    def forward(self, p: Array, t: Array, /) -> tuple[Any, Any]:
        check_alike(self, p, t)
        if not np.all(nonpositive(-p) & nonpositive(p - 1)):
            raise InputError(f"{self!r}: expected predictions between 0 and 1, as a sigmoid gives them")
        logs = (np.where(nonpositive(q), -100, np.log(np.where(nonpositive(q), 1, q))) for q in (p, 1 - p))
        yes, no = (np.maximum(log, -100) for log in logs)
        w = broadcastable(self, "weight", self.weight, p)
        cost, n = reduced(self, w * ((t - 1) * no - t * yes))
        return cost, (p, t, w, n)

    def backward(self, cache: Any, delta: Any = 1, /) -> Array:
        p, t, w, n = cache
        return times_upstream(w * (p - t) / np.maximum(p * (1 - p), 1e-12), delta, n)


def examples(rng: np.random.Generator) -> Iterator[tuple[BCELoss, Array, Array]]:
    yield BCELoss(), rng.random((5, 3)), rng.integers(2, size=(5, 3)).astype(float)
    yield BCELoss(reduction="sum"), np.array([[1e-9, 0.5, 0.75]]), np.array([[1.0, 0.5, 0.0]])
    yield BCELoss(rng.random(3)), rng.random((5, 3)), rng.random((5, 3))
    yield BCELoss(reduction="none"), rng.random((5, 3)), rng.random((5, 3))
