from collections.abc import Iterator
from dataclasses import KW_ONLY
from typing import Annotated, Any

import numpy as np

from manual.loss import Loss, Reduction, reduced, takes_one_prediction, times_upstream
from manual.numbers.checks import InputError, Real, one_of
from manual.numbers.classes import Weight, classes
from manual.numbers.number_types import Array, positive


@takes_one_prediction(2)
class MultiMarginLoss(Loss):
    """How far each wrong class comes within a margin of the right one, as support vector machines have it.

        u[c] = m − z[y] + z[c]                          z (N, classes), y (N,) integers; m the margin
        C = Σₙ w[yₙ] Σ_{c ≠ y} max(0, u[c])ᵖ / (classes · n)      n = N ("mean"), or 1 ("sum"); w (classes,), or 1

    A z[c] moves its own u alone, and z[y] those of all others, against them:

        ∂C/∂z[c] = w[y] p max(0, u[c])^(p−1) [u[c] > 0] / (classes · n)    c ≠ y
        ∂C/∂z[y] = −Σ_{c ≠ y} ∂C/∂z[c]

    At u = 0 the slope is 0 by convention, torch's too; where u is a NaN nothing counts, as in torch.

    Raises:
        InputError: p is neither 1 nor 2; margin is not a finite number; weight is not an array of finite floats, one a
            class; reduction is not one of the three; z is not (N, classes) or is empty; y is not (N,) integers in
            [0, classes).
    Source: Weston & Watkins, "Support Vector Machines for Multi-Class Pattern Recognition", 1999, without their sum's
    factor. Same as torch.nn.MultiMarginLoss.
    """

    p: Annotated[int, one_of(1, 2)] = 1
    margin: Real = 1
    weight: Weight = None
    _: KW_ONLY
    reduction: Reduction = "mean"

    def forward(self, z: Array, y: Array, /) -> tuple[Any, Any]:
        labels, w = classes(self, z, y)
        if z.ndim != 2:
            raise InputError(f"{self!r}: expected a prediction of shape (N, classes), got {z.shape}")
        right = np.arange(z.shape[1]) == labels[:, None]
        u = self.margin - z[np.arange(len(z)), labels][:, None] + z
        within = positive(u) & ~right
        over = np.where(within, u, 0)
        cost, n = reduced(self, w * (over if self.p == 1 else over * over).sum(axis=1) / z.shape[1])
        return cost, (over, within, right, w, n)

    def backward(self, cache: Any, delta: Any = 1, /) -> Array:
        over, within, right, w, n = cache
        wrong = np.ones_like(over) * within if self.p == 1 else 2 * over
        slope = w[:, None] * np.where(right, -wrong.sum(axis=1, keepdims=True), wrong) / over.shape[1]
        return times_upstream(slope, delta[:, None] if np.ndim(delta) else delta, n)


def examples(rng: np.random.Generator) -> Iterator[tuple[MultiMarginLoss, Array, Array]]:
    yield MultiMarginLoss(), rng.standard_normal((5, 4)), rng.integers(4, size=5)
    yield MultiMarginLoss(2, 0.5, rng.random(3) + 1), rng.standard_normal((4, 3)), np.array([0, 2, 1, 0])
    yield MultiMarginLoss(reduction="sum"), rng.standard_normal((5, 4)), rng.integers(4, size=5)
    yield MultiMarginLoss(2, reduction="none"), rng.standard_normal((3, 4)), rng.integers(4, size=3)
