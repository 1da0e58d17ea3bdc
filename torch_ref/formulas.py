"""Where torch evaluates another formula than `manual` for the same quantity: that formula, in the same form.

Two formulas round differently, so what is allowed between them is the error of ours plus the error of theirs.
"""

from typing import Any

import numpy as np

import manual
from manual.number_types import Array


class CrossEntropyLoss(manual.CrossEntropyLoss):
    """p = exp(log p), where `manual` divides e^(z − max z) by its sum. (torch: log_softmax, nll_loss.)"""

    def forward(self, z: Array, y: Array, /) -> tuple[Any, Any]:
        n = len(z) if self.reduction == "mean" else 1
        s = z - z.max(axis=1, keepdims=True)
        log_p = s - np.log(np.exp(s).sum(axis=1, keepdims=True))
        return (-log_p[np.arange(len(z)), y]).sum() / n, (np.exp(log_p), y, n)


class BCEWithLogitsLoss(manual.BCEWithLogitsLoss):
    """(1 − t)·z − log σ(z), log σ(z) = min(z, 0) − log(1 + e^−|z|): for z < 0 two terms cancel that ours never forms."""

    def forward(self, z: Array, t: Array, /) -> tuple[Any, tuple[Array, Array, int]]:
        n = z.size if self.reduction == "mean" else 1
        log_sigmoid = -np.maximum(-z, 0) - np.log1p(np.exp(-np.abs(z)))
        return ((1 - t) * z - log_sigmoid).sum() / n, (z, t, n)


BY_NAME: dict[str, Any] = {c.__name__: c for c in (CrossEntropyLoss, BCEWithLogitsLoss)}
