from collections.abc import Iterator
from dataclasses import KW_ONLY
from typing import Any

import numpy as np

from manual.loss import Loss, Reduction, check_alike, reduced, takes_one_prediction, times_upstream
from manual.numbers.checks import Below1, Integer
from manual.numbers.classes import Weight, as_rows, check_logits, classes
from manual.numbers.number_types import Array


@takes_one_prediction(2)
class CrossEntropyLoss(Loss):
    """How surprised the softmax of the logits is by the right class.

        p = softmax(z)                    z (N, classes), y (N,) integers
        C = −Σₙ log pₙ[yₙ] / n            n = N ("mean"), or 1 ("sum")
        ∂C/∂z = (p − onehot(y)) / n       the softmax's Jacobian and 1/p cancel

    log p is computed as z − max z − log Σ e^(z − max z): finite at any logits.

    More generally, each row m of z (an example, or a place of one: z may be (N, classes, …), y (N, …)) has a weight k
    for every class, and

        C = −Σₘ Σ_c k[m,c] log p[m,c] / n         ∂C/∂z[m,c] = (p[m,c] Σ_j k[m,j] − k[m,c]) / n

    where k = w[c] ((1 − ε) t[m,c] + ε/classes), with the class weights w or 1, and ε = label_smoothing. t is onehot(y),
    and 0 throughout for the class `ignore_index`, which has no smoothing either; n is then Σ w[yₘ] ("mean"). Or y is t
    itself, floats of z's shape, and n the number of rows.

    Raises:
        InputError: weight is not an array of finite floats, one a class; ignore_index is not an integer;
            label_smoothing is not in [0, 1); reduction is not one of the three; z is not (N, classes, …) or is empty; y
            is neither (N, …) integers in [0, classes) nor of z's shape and dtype.
    Source: document B, "Initialize Parameters" (softmax for classification). Same as torch.nn.CrossEntropyLoss.
    """

    weight: Weight = None
    _: KW_ONLY
    ignore_index: Integer = -100
    reduction: Reduction = "mean"
    label_smoothing: Below1 = 0

    def forward(self, z: Array, y: Array, /) -> tuple[Any, Any]:
        k, labels, count = self._weights(z, y)
        rows = as_rows(z)
        s = rows - rows.max(axis=1, keepdims=True)
        e = np.exp(s)
        total = e.sum(axis=1, keepdims=True)
        if k is None:  # each row has one weight, 1
            cost, n = reduced(self, np.log(total[:, 0]) - s[np.arange(len(s)), labels])
            return cost, (e / total, labels, n)
        costs = -np.where(k == 0, 0 * k, k * (s - np.log(total))).sum(axis=1)
        cost, n = reduced(self, costs.reshape(z.shape[0], *z.shape[2:]), count)
        return cost, (e / total, k, n, z.shape)

    def backward(self, cache: Any, delta: Any = 1, /) -> Array:
        p, k, n, *shape = cache
        if np.ndim(delta):
            delta = delta.reshape(-1, 1)
        if not shape:
            return times_upstream(p - (np.arange(p.shape[1]) == k[:, None]), delta, n)
        slope, [shape] = times_upstream(p * k.sum(axis=1, keepdims=True) - k, delta, n), shape
        return np.moveaxis(slope.reshape(shape[0], *shape[2:], shape[1]), -1, 1)

    def _weights(self, z: Array, y: Array) -> tuple[Any, Any, Any]:
        """(k, labels, n): k (M, classes), or None where it is onehot(labels) and z has two axes."""
        w, smooth = self.weight, self.label_smoothing
        if getattr(y, "dtype", 0) == getattr(z, "dtype", None) and getattr(y, "ndim", 0) == getattr(z, "ndim", None):
            check_alike(self, z, y)
            check_logits(self, z)
            t, labels, count = as_rows(y), None, y.size // y.shape[1]
        else:
            labels, counted = classes(self, z, y, self.ignore_index)
            if z.ndim == 2 and w is None and not smooth and counted.all():
                return None, labels, len(labels)
            t = (np.arange(z.shape[1]) == labels[:, None]).astype(counted.dtype)
            count = counted.sum().item()
        k = t if not smooth else t * (1 - smooth) + smooth / z.shape[1]
        if w is not None:
            k = k * w.astype(z.dtype) if z.dtype.kind == "f" else k * w
        if labels is not None:
            k = k * (labels != self.ignore_index)[:, None]
        return k, labels, count


def examples(rng: np.random.Generator) -> Iterator[tuple[CrossEntropyLoss, Array, Array]]:
    yield CrossEntropyLoss(), rng.standard_normal((5, 4)), rng.integers(4, size=5)
    yield CrossEntropyLoss(), rng.standard_normal((1, 3)), rng.integers(3, size=1)
    yield CrossEntropyLoss(reduction="sum"), rng.standard_normal((5, 4)), rng.integers(4, size=5)
    yield CrossEntropyLoss(), np.array([[1000.0, 999.0, 998.0]]), np.array([1])
    weight = rng.random(3) + 1
    yield CrossEntropyLoss(weight, ignore_index=1), rng.standard_normal((6, 3)), np.array([0, 1, 2, 1, 0, 2])
    yield CrossEntropyLoss(weight, label_smoothing=0.25), rng.standard_normal((2, 3, 2)), rng.integers(3, size=(2, 2))
    yield CrossEntropyLoss(reduction="none", label_smoothing=0.1), rng.standard_normal((4, 3)), rng.integers(3, size=4)
    yield CrossEntropyLoss(weight), rng.standard_normal((4, 3)), rng.dirichlet(np.ones(3), 4)
