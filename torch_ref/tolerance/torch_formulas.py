"""Where torch evaluates another formula than `manual` for the same quantity: that formula, in the same form.

Two formulas round differently, so what is allowed between them is the error of ours plus the error of theirs.
"""

from typing import Any

import numpy as np

import manual
from manual.loss import reduced, takes_one_prediction
from manual.numbers.classes import as_rows
from manual.numbers.number_types import Array
from torch_ref.tolerance.bounded import Bounded


@takes_one_prediction(2)
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


@takes_one_prediction(1)
class BCEWithLogitsLoss(manual.BCEWithLogitsLoss):
    """(1 − t)·z − k·log σ(z), log σ(z) = min(z, 0) − log(1 + e^−|z|), k = (q − 1)·t + 1: for z < 0 two terms cancel
    that ours never forms."""

    def forward(self, z: Array, t: Array, /) -> tuple[Any, Any]:
        cache = manual.BCEWithLogitsLoss.forward(self, z, t)[1]
        k = 1 if self.pos_weight is None else (self.pos_weight.astype(z.dtype) - 1) * t + 1
        log_sigmoid = -np.maximum(-z, 0) - np.log1p(np.exp(-np.abs(z)))
        cost, _ = reduced(self, cache[3] * ((1 - t) * z - k * log_sigmoid))
        return cost, cache


def lerp(old: Any, new: Any, weight: Any) -> Any:
    """The running mean as torch has it, from the nearer end: old + w·(new − old), where `manual` has (1 − w)·old +
    w·new."""
    w = np.zeros_like(new) + weight  # rounded to the arrays' precision before it is taken from 1
    return old + w * (new - old) if weight < 0.5 else new - (new - old) * (1 - w)


def means(rule: Any, g: Array, state: dict[str, Any]) -> tuple[int, Array, Array]:
    """(t, m, v) of Adam and its kin: m ← m + (1 − β₁)(g − m). (torch: lerp_.)"""
    b1, b2 = rule.betas
    t = state["step"] = int(state.get("step", 0)) + 1
    m = state["exp_avg"] = lerp(state.get("exp_avg", np.zeros_like(g)), g, 1 - b1)
    v = state["exp_avg_sq"] = b2 * state.get("exp_avg_sq", 0) + (1 - b2) * (g * g)
    return t, m, v


def decayed(rule: Any, p: Array, g: Array) -> Array:
    """The gradient that the rule goes by; a decoupled decay moves the parameter."""
    g = -g if rule.maximize else g
    if isinstance(rule, manual.AdamW) or getattr(rule, "decoupled_weight_decay", False):
        p *= 1 - rule.lr * rule.weight_decay
        return g
    return g + rule.weight_decay * p if rule.weight_decay else g


class Adam(manual.Adam):
    """The running mean as torch has it."""

    def update(self, p: Array, g: Array, state: dict[str, Any], /) -> None:
        (b1, b2), (t, m, v) = self.betas, means(self, decayed(self, p, g), state)
        if self.amsgrad:
            v = state["max_exp_avg_sq"] = np.maximum(v, state.get("max_exp_avg_sq", v))
        p -= self.lr / (1 - b1**t) * m / (np.sqrt(v) / (1 - b2**t) ** 0.5 + self.eps)


class AdamW(manual.AdamW):
    """Likewise."""

    update = Adam.update  # pyright: ignore[reportAssignmentType]


class Muon(manual.Muon):
    """Both means as torch has them."""

    def update(self, p: Array, g: Array, state: dict[str, Any], /) -> None:
        b = state["momentum_buffer"] = lerp(state.get("momentum_buffer", np.zeros_like(g)), g, 1 - self.momentum)
        p *= 1 - self.lr * self.weight_decay
        X = self.orthogonalized(lerp(g, b, self.momentum) if self.nesterov else b)
        p -= self.lr * self.scale(*p.shape) * X


class NAdam(manual.NAdam):
    """Likewise; Π_t is kept in float32, and the two parts of the step are subtracted one by one."""

    def update(self, p: Array, g: Array, state: dict[str, Any], /) -> None:
        g = decayed(self, p, g)
        t, m, v = means(self, g, state)
        now, ahead = self.momentum(t), self.momentum(t + 1)
        before = state.get("mu_product", Bounded(1, np.float32))
        product = state["mu_product"] = before * now
        denominator = np.sqrt(v / (1 - self.betas[1] ** t)) + self.eps
        p -= self.lr * (1 - now) / (1 - product) * g / denominator
        p -= self.lr * ahead / (1 - product * ahead) * m / denominator


class RAdam(manual.RAdam):
    """The running mean as torch has it."""

    def update(self, p: Array, g: Array, state: dict[str, Any], /) -> None:
        t, m, v = means(self, decayed(self, p, g), state)
        p -= self.step_of(t, m, v)


class RMSprop(manual.RMSprop):
    """Centered: m ← m + (1 − α)(g − m), likewise."""

    def update(self, p: Array, g: Array, state: dict[str, Any], /) -> None:
        if not self.centered:
            return super().update(p, g, state)
        g = decayed(self, p, g)
        state["step"] = int(state.get("step", 0)) + 1
        v = state["square_avg"] = self.alpha * state.get("square_avg", 0) + (1 - self.alpha) * (g * g)
        m = state["grad_avg"] = lerp(state.get("grad_avg", np.zeros_like(g)), g, 1 - self.alpha)
        u = g / (np.sqrt(v - m * m) + self.eps)
        if self.momentum:
            u = state["momentum_buffer"] = self.momentum * state.get("momentum_buffer", 0) + u
        p -= self.lr * u
        return None


BY_NAME: dict[str, Any] = {
    c.__name__: c for c in (CrossEntropyLoss, BCEWithLogitsLoss, Adam, AdamW, Muon, NAdam, RAdam, RMSprop)
}
