"""An update rule as a function or a class that keeps its own memory, against the rule of its name.

The rules run on numbers with an error, so that what is allowed is derived; a rule that goes another way than good
implementations do is a convention.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from experiments.grade.judging.checked_piece import CheckedPiece
from experiments.grade.process.answers import Arrays
from experiments.grade.process.requests import DescribeRule, Steps
from torch_ref.comparison.verdict import Comparison, compare, explained
from torch_ref.tolerance.bounds import exact

SCALES = (1, 0.1, 0.5, 2)
"""Of the gradients at each step."""
Rule = Callable[..., Any]


def sgd(w: Any, g: Any, memory: dict[str, Any], *, lr: float) -> Any:  # noqa: ARG001
    """w ← w − lr g"""
    return w - lr * g


def momentum(w: Any, g: Any, memory: dict[str, Any], *, lr: float, momentum: float) -> Any:
    """v ← μ v − lr g,  w ← w + v"""
    memory["v"] = momentum * memory["v"] - lr * g
    return w + memory["v"]


def mean_momentum(w: Any, g: Any, memory: dict[str, Any], *, lr: float, momentum: float) -> Any:
    """v ← μ v + (1 − μ) g,  w ← w − lr v"""
    memory["v"] = momentum * memory["v"] + (1 - momentum) * g
    return w - lr * memory["v"]


def nesterov(w: Any, g: Any, memory: dict[str, Any], *, lr: float, momentum: float) -> Any:
    """v ← μ v − lr g,  w ← w + μ v − lr g"""
    memory["v"] = momentum * memory["v"] - lr * g
    return w + momentum * memory["v"] - lr * g


def adagrad(w: Any, g: Any, memory: dict[str, Any], *, lr: float, eps: float, inside: bool = False) -> Any:
    """s ← s + g²,  w ← w − lr g / (√s + ε)"""
    memory["s"] = memory["s"] + g * g
    return w - lr * g / _root(memory["s"], eps, inside)


def rmsprop(
    w: Any, g: Any, memory: dict[str, Any], *, lr: float, decay: float, eps: float, inside: bool = False
) -> Any:
    """s ← ρ s + (1 − ρ) g²,  w ← w − lr g / (√s + ε)"""
    memory["s"] = decay * memory["s"] + (1 - decay) * (g * g)
    return w - lr * g / _root(memory["s"], eps, inside)


def adam(
    w: Any, g: Any, memory: dict[str, Any], *, lr: float, beta1: float, beta2: float, eps: float, early: bool = False
) -> Any:
    """m̂ = m / (1 − β₁ᵗ), v̂ = v / (1 − β₂ᵗ),  w ← w − lr m̂ / (√v̂ + ε)"""
    memory["t"] += 1
    memory["m"] = beta1 * memory["m"] + (1 - beta1) * g
    memory["v"] = beta2 * memory["v"] + (1 - beta2) * (g * g)
    first, second = 1 - beta1 ** memory["t"], 1 - beta2 ** memory["t"]
    if early:  # ε is added before the correction
        return w - lr * np.sqrt(second) / first * memory["m"] / (np.sqrt(memory["v"]) + eps)
    return w - lr * (memory["m"] / first) / (np.sqrt(memory["v"] / second) + eps)


def adamax(w: Any, g: Any, memory: dict[str, Any], *, lr: float, beta1: float, beta2: float, eps: float) -> Any:
    """u ← max(β₂ u, |g|),  w ← w − lr m̂ / (u + ε)"""
    memory["t"] += 1
    memory["m"] = beta1 * memory["m"] + (1 - beta1) * g
    memory["v"] = np.maximum(beta2 * memory["v"], abs(g))
    return w - lr * (memory["m"] / (1 - beta1 ** memory["t"])) / (memory["v"] + eps)


def _root(s: Any, eps: float, inside: bool) -> Any:
    return np.sqrt(s + eps) if inside else np.sqrt(s) + eps


def uncorrected(w: Any, g: Any, memory: dict[str, Any], *, lr: float, beta1: float, beta2: float, eps: float) -> Any:
    """Adam's first steps are then too short, or too long."""
    memory["m"] = beta1 * memory["m"] + (1 - beta1) * g
    memory["v"] = beta2 * memory["v"] + (1 - beta2) * (g * g)
    return w - lr * memory["m"] / (np.sqrt(memory["v"]) + eps)


def upwards(w: Any, g: Any, memory: dict[str, Any], *, lr: float, **_: Any) -> Any:  # noqa: ARG001
    """Gradient ascent."""
    return w + lr * g


def summed(w: Any, g: Any, memory: dict[str, Any], *, lr: float, decay: float, eps: float) -> Any:
    """RMSprop whose s only grows."""
    memory["s"] = decay * memory["s"] + g * g
    return w - lr * g / (np.sqrt(memory["s"]) + eps)


MISTAKES: dict[str, list[tuple[str, Rule]]] = {
    "sgd": [("the step goes up the gradient", upwards)],
    "adam": [("the bias correction is left out", uncorrected)],
    "rmsprop": [("the squared gradient is not weighted by 1 − ρ", summed)],
}
"""What people write in place of a rule."""
INSIDE = "a convention: ε is inside of the root"
RULES: dict[str, list[tuple[str, Rule]]] = {
    "sgd": [("", sgd)],
    "momentum": [("", momentum), ("a convention: the velocity is a mean of the gradients", mean_momentum)],
    "nesterov": [("", nesterov)],
    "adagrad": [("", adagrad), (INSIDE, lambda *a, **k: adagrad(*a, **k, inside=True))],
    "rmsprop": [("", rmsprop), (INSIDE, lambda *a, **k: rmsprop(*a, **k, inside=True))],
    "adam": [
        ("", adam),
        ("a convention: ε is added before the bias correction", lambda *a, **k: adam(*a, **k, early=True)),
    ],
    "adamax": [("", adamax)],
}
"""The rules of a name: the first is what it means, the others are conventions."""


def rule(checked: CheckedPiece) -> None:
    """Several steps against the rule of its name."""
    described = checked.child.ask(DescribeRule(checked.name))
    checked.finding.against = f"the rule {described.kind}"
    rng = np.random.default_rng(0)
    params = {"weight": rng.standard_normal((4, 3)), "bias": rng.standard_normal(4)}
    gradients = [{n: scale * rng.standard_normal(p.shape) for n, p in params.items()} for scale in SCALES]
    steps = checked.child.ask(Steps(checked.name, described.options, params, gradients)).steps
    found: list[list[Comparison]] = []
    for convention, update in RULES[described.kind]:
        comparisons = [*_compared(update, described.options, params, gradients, steps)]
        if all(c.agrees for c in comparisons):
            checked.comparisons += [explained(c, convention) if convention else c for c in comparisons]
            return
        found.append(comparisons)
    for cause, update in MISTAKES.get(described.kind, []):
        if all(c.agrees for c in _compared(update, described.options, params, gradients, steps)):
            found[0] = [replace(c, cause=cause) if c.differs else c for c in found[0]]
    checked.comparisons += found[0]


def _compared(
    update: Rule, options: dict[str, Any], params: Arrays, gradients: list[Arrays], steps: list[Arrays]
) -> Iterator[Comparison]:
    """Every step of every parameter."""
    for name, p in params.items():
        w, memory = exact(p), {"t": 0, **{key: exact(0 * p) for key in ("v", "s", "m")}}
        for i, (gradient, ours) in enumerate(zip(gradients, steps, strict=True), 1):
            with np.errstate(all="ignore"):
                w = update(w, exact(gradient[name]), memory, **options)
            c = compare("", "next_w", ours[name], w.value, 2 * w.error)
            yield replace(c, place=f"step {i}") if c.differs else c
