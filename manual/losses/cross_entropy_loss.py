from collections.abc import Iterator
from dataclasses import KW_ONLY
from typing import Any

import numpy as np

from manual.loss import Loss, check_arrays, check_reduction
from manual.numbers.checks import InputError, mismatch
from manual.numbers.number_types import Array


class CrossEntropyLoss(Loss):
    """How surprised the softmax of the logits is by the right class.

        p = softmax(z)                    z (N, classes), y (N,) integers
        C = −Σₙ log pₙ[yₙ] / n            n = N ("mean"), or 1 ("sum")
        ∂C/∂z = (p − onehot(y)) / n       the softmax's Jacobian and 1/p cancel

    log p is computed as z − max z − log Σ e^(z − max z): finite at any logits.

    Raises:
        InputError: reduction is none of the two; z is not (N, classes) or is empty; y is not (N,) integers in [0,
            classes).
    Source: document B, "Initialize Parameters" (softmax for classification). Same as torch.nn.CrossEntropyLoss with
    class indices.
    """

    _: KW_ONLY
    reduction: str = "mean"

    def __post_init__(self) -> None:
        check_reduction(self, self.reduction)

    def forward(self, z: Array, y: Array, /) -> tuple[Any, Any]:
        self._check(z, y)
        n, rows = (len(z) if self.reduction == "mean" else 1), np.arange(len(z))
        s = z - z.max(axis=1, keepdims=True)
        e = np.exp(s)
        total = e.sum(axis=1)
        return (np.log(total) - s[rows, y]).sum() / n, (e / total[:, None], y, n)

    def backward(self, cache: Any, /) -> Array:
        p, y, n = cache
        onehot = np.arange(p.shape[1]) == y[:, None]
        return (p - onehot) / n

    def _check(self, z: Array, y: Array) -> None:
        check_arrays(self, z, y)
        if z.ndim != 2 or not z.size:
            raise InputError(f"{self!r}: expected logits of shape (N, classes) with N at least 1, got {z.shape}")
        if y.shape != z.shape[:1] or y.dtype.kind not in "iu":
            raise mismatch(self, f"({len(z)},), a class for each example,", "int64", y)
        if y.min() < 0 or y.max() >= z.shape[1]:
            wrong = int(np.argmax((y < 0) | (y >= z.shape[1])))
            raise InputError(f"{self!r}: expected classes 0 to {z.shape[1] - 1}, got {y[wrong]} at example {wrong}")


def examples(rng: np.random.Generator) -> Iterator[tuple[CrossEntropyLoss, Array, Array]]:
    yield CrossEntropyLoss(), rng.standard_normal((5, 4)), rng.integers(4, size=5)
    yield CrossEntropyLoss(), rng.standard_normal((1, 3)), rng.integers(3, size=1)
    yield CrossEntropyLoss(reduction="sum"), rng.standard_normal((5, 4)), rng.integers(4, size=5)
    yield CrossEntropyLoss(), np.array([[1000.0, 999.0, 998.0]]), np.array([1])
