from collections.abc import Iterator
from dataclasses import KW_ONLY
from typing import Any

import numpy as np

from manual.loss import Loss, Reduction, reduced, takes_one_prediction, times_upstream
from manual.numbers.checks import Integer
from manual.numbers.classes import Weight, as_rows, classes
from manual.numbers.number_types import Array


@takes_one_prediction(2)
class NLLLoss(Loss):
    """How surprised log-probabilities are by the right class: cross-entropy after a LogSoftmax.

        C = −Σₘ w[yₘ] aₘ[yₘ] / n          a (N, C, …) log-probabilities, y (N, …) integers, w (C,) weights, or 1
        ∂C/∂aₘ[c] = −w[c] [c = yₘ] / n    n = Σₘ w[yₘ] ("mean"), or 1 ("sum"); m runs over the examples and places

    Examples of the class `ignore_index` do not count.

    Raises:
        InputError: weight is not an array of finite floats; ignore_index is not an integer; reduction is not one of the
            three; a is not (N, C, …) or is empty; y is not (N, …) integers in [0, C).
    Source: document B, "Initialize Parameters" (softmax for classification). Same as torch.nn.NLLLoss.
    """

    weight: Weight = None
    _: KW_ONLY
    ignore_index: Integer = -100
    reduction: Reduction = "mean"

    def forward(self, a: Array, y: Array, /) -> tuple[Any, Any]:
        labels, w = classes(self, a, y, self.ignore_index)
        rows = as_rows(a)
        costs = -w * rows[np.arange(len(rows)), np.where(w == 0, 0, labels)]
        cost, n = reduced(self, np.where(w == 0, 0, costs).reshape(y.shape), w.sum().item())
        return cost, (np.ones_like(rows), labels, w, n, a.shape)

    def backward(self, cache: Any, delta: Any = 1, /) -> Array:
        one, labels, w, n, shape = cache
        onehot = np.arange(shape[1]) == labels[:, None]
        slope = (one * (-w[:, None] * onehot)).reshape(shape[0], *shape[2:], shape[1])
        delta = delta[..., None] if np.ndim(delta) else delta
        return np.moveaxis(times_upstream(slope, delta, n), -1, 1)


def examples(rng: np.random.Generator) -> Iterator[tuple[NLLLoss, Array, Array]]:
    def log_p(*shape: int) -> Array:
        z = rng.standard_normal(shape)
        return z - np.log(np.exp(z).sum(axis=1, keepdims=True))

    yield NLLLoss(), log_p(5, 4), rng.integers(4, size=5)
    yield NLLLoss(rng.random(3) + 1, ignore_index=1), log_p(6, 3), np.array([0, 1, 2, 1, 0, 2])
    yield NLLLoss(reduction="sum"), log_p(2, 3, 2), rng.integers(3, size=(2, 2))
    yield NLLLoss(rng.random(3) + 1, reduction="none"), log_p(4, 3), rng.integers(3, size=4)
