"""Where torch evaluates another formula than `manual` for the same quantity: that formula, in the same form.

Two formulas round differently, so what is allowed between them is the error of ours plus the error of theirs.
"""

from typing import Any

import numpy as np

import manual
from manual.loss import reduced
from manual.numbers.classes import as_rows
from manual.numbers.number_types import Array


class CrossEntropyLoss(manual.CrossEntropyLoss):
    """p = exp(log p), where `manual` divides e^(z − max z) by its sum. (torch: log_softmax, nll_loss.)"""

    def forward(self, z: Array, y: Array, /) -> tuple[Any, Any]:
        k, labels, count = self._weights(z, y)
        rows = as_rows(z)
        s = rows - rows.max(axis=1, keepdims=True)
        log_p = s - np.log(np.exp(s).sum(axis=1, keepdims=True))
        if k is None:
            cost, n = reduced(self, -log_p[np.arange(len(rows)), labels])
            return cost, (np.exp(log_p), labels, n)
        cost, n = reduced(self, -(k * log_p).sum(axis=1).reshape(z.shape[0], *z.shape[2:]), count)
        return cost, (np.exp(log_p), k, n, z.shape)


class BCEWithLogitsLoss(manual.BCEWithLogitsLoss):
    """(1 − t)·z − log σ(z), log σ(z) = min(z, 0) − log(1 + e^−|z|): for z < 0 two terms cancel that ours never
    forms."""

    def forward(self, z: Array, t: Array, /) -> tuple[Any, tuple[Array, Array, int]]:
        log_sigmoid = -np.maximum(-z, 0) - np.log1p(np.exp(-np.abs(z)))
        cost, n = reduced(self, (1 - t) * z - log_sigmoid)
        return cost, (z, t, n)


def lerp(old: Any, new: Any, weight: Any) -> Any:
    """The running mean as torch has it, from the nearer end: old + w·(new − old), where `manual` has (1 − w)·old +
    w·new."""
    w = np.zeros_like(new) + weight  # rounded to the arrays' precision before it is taken from 1
    return old + w * (new - old) if weight < 0.5 else new - (new - old) * (1 - w)


class Adam(manual.Adam):
    """m ← m + (1 − β₁)(g − m). (torch: lerp_.)"""

    def update(self, p: Array, g: Array, state: dict[str, Any], /) -> None:
        if self.weight_decay:
            g = g + self.weight_decay * p
        self.move(p, g, state)

    def move(self, p: Array, g: Array, state: dict[str, Any]) -> None:
        """The step, after the weight decay."""
        b1, b2 = self.betas
        t = state["step"] = int(state.get("step", 0)) + 1
        m = state["exp_avg"] = lerp(state.get("exp_avg", np.zeros_like(g)), g, 1 - b1)
        v = state["exp_avg_sq"] = b2 * state.get("exp_avg_sq", 0) + (1 - b2) * (g * g)
        p -= self.lr / (1 - b1**t) * m / (np.sqrt(v) / (1 - b2**t) ** 0.5 + self.eps)


class AdamW(manual.AdamW):
    """Likewise."""

    def update(self, p: Array, g: Array, state: dict[str, Any], /) -> None:
        p *= 1 - self.lr * self.weight_decay
        Adam.move(self, p, g, state)  # pyright: ignore[reportArgumentType]


class RMSprop(manual.RMSprop):
    """Centered: m ← m + (1 − α)(g − m), likewise."""

    def update(self, p: Array, g: Array, state: dict[str, Any], /) -> None:
        if not self.centered:
            return super().update(p, g, state)
        if self.weight_decay:
            g = g + self.weight_decay * p
        state["step"] = int(state.get("step", 0)) + 1
        v = state["square_avg"] = self.alpha * state.get("square_avg", 0) + (1 - self.alpha) * (g * g)
        m = state["grad_avg"] = lerp(state.get("grad_avg", np.zeros_like(g)), g, 1 - self.alpha)
        u = g / (np.sqrt(v - m * m) + self.eps)
        if self.momentum:
            u = state["momentum_buffer"] = self.momentum * state.get("momentum_buffer", 0) + u
        p -= self.lr * u
        return None


BY_NAME: dict[str, Any] = {c.__name__: c for c in (CrossEntropyLoss, BCEWithLogitsLoss, Adam, AdamW, RMSprop)}
