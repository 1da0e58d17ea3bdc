"""An update rule as a function or a class that keeps its own memory, against the rule of its name.

The rules run on numbers with an error, so that what is allowed is derived; a rule that goes another way than good
implementations do is a convention.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial, wraps
from inspect import signature
from typing import Any

import numpy as np

from experiments.grade.judging.checked_piece import CheckedPiece
from experiments.grade.process.answers import Arrays, TrueValue
from experiments.grade.process.requests import DescribeRule, Steps, WantedSteps
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


def momentum_of_gradients(w: Any, g: Any, memory: dict[str, Any], *, lr: float, momentum: float) -> Any:
    """v ← μ v + g,  w ← w − lr v: the same while lr does not change"""
    memory["v"] = momentum * memory["v"] + g
    return w - lr * memory["v"]


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
    w: Any, g: Any, memory: dict[str, Any], *, lr: float, beta1: float, beta2: float, eps: float,
    early: bool = False, inside: bool = False,
) -> Any:  # fmt: skip
    """m̂ = m / (1 − β₁ᵗ), v̂ = v / (1 − β₂ᵗ),  w ← w − lr m̂ / (√v̂ + ε)"""
    memory["t"] += 1
    memory["m"] = beta1 * memory["m"] + (1 - beta1) * g
    memory["v"] = beta2 * memory["v"] + (1 - beta2) * (g * g)
    first, second = 1 - beta1 ** memory["t"], 1 - beta2 ** memory["t"]
    if early:  # ε is added before the correction
        return w - lr * np.sqrt(second) / first * memory["m"] / (np.sqrt(memory["v"]) + eps)
    return w - lr * (memory["m"] / first) / _root(memory["v"] / second, eps, inside)


def adamax(
    w: Any, g: Any, memory: dict[str, Any], *, lr: float, beta1: float, beta2: float, eps: float, inside: bool = False
) -> Any:
    """u ← max(β₂ u, |g|),  w ← w − lr m̂ / (u + ε); or with ε `inside` of the maximum, |g| + ε, as torch's"""
    memory["t"] += 1
    memory["m"] = beta1 * memory["m"] + (1 - beta1) * g
    memory["v"] = np.maximum(beta2 * memory["v"], abs(g) + (eps if inside else 0))
    return w - lr * (memory["m"] / (1 - beta1 ** memory["t"])) / (memory["v"] + (0 if inside else eps))


def amsgrad(
    w: Any, g: Any, memory: dict[str, Any], *, lr: float, beta1: float, beta2: float, eps: float,
    corrected: bool = False, bare: bool = False, inside: bool = False,
) -> Any:  # fmt: skip
    """Adam, whose v is the largest that has been: before its correction, or `corrected`; `bare`, with no correction."""
    memory["t"] += 1
    memory["m"] = beta1 * memory["m"] + (1 - beta1) * g
    memory["v"] = beta2 * memory["v"] + (1 - beta2) * (g * g)
    first, second = (1, 1) if bare else (1 - beta1 ** memory["t"], 1 - beta2 ** memory["t"])
    memory["s"] = np.maximum(memory["s"], memory["v"] / second if corrected else memory["v"])
    return w - lr * (memory["m"] / first) / _root(memory["s"] if corrected else memory["s"] / second, eps, inside)


def nadam(
    w: Any, g: Any, memory: dict[str, Any], *, lr: float, beta1: float, beta2: float, eps: float, ahead: int = 0,
    fades: bool = False,
) -> Any:  # fmt: skip
    """w ← w − lr (μ′ m / (1 − Π μ μ′) + (1 − μ) g / (1 − Π μ)) / (√v̂ + ε): μ is β₁, or grows towards it as torch's.

    Where μ stays, what m is divided by may be that of g, or one step `ahead`.
    """
    memory["t"] += 1
    memory["m"] = beta1 * memory["m"] + (1 - beta1) * g
    memory["v"] = beta2 * memory["v"] + (1 - beta2) * (g * g)
    t = memory["t"]
    root = _root(memory["v"] / (1 - beta2**t), eps, inside=False)
    if not fades:
        return w - lr * (beta1 * memory["m"] / (1 - beta1 ** (t + ahead)) + (1 - beta1) * g / (1 - beta1**t)) / root
    mu, after = (beta1 * (1 - 0.5 * 0.96 ** (0.004 * step)) for step in (t, t + 1))
    memory["product"] = memory.get("product", 1) * mu
    m = after * memory["m"] / (1 - memory["product"] * after)
    return w - lr * (m + (1 - mu) * g / (1 - memory["product"])) / root


def lion(w: Any, g: Any, memory: dict[str, Any], *, lr: float, beta1: float, beta2: float) -> Any:
    """w ← w − lr sign(β₁ m + (1 − β₁) g),  m ← β₂ m + (1 − β₂) g"""
    c = beta1 * memory["m"] + (1 - beta1) * g
    memory["m"] = beta2 * memory["m"] + (1 - beta2) * g
    return w - lr * np.sign(c.value)


def adadelta(w: Any, g: Any, memory: dict[str, Any], *, decay: float, eps: float) -> Any:
    """s ← ρ s + (1 − ρ) g²,  Δ = √(v + ε) / √(s + ε) g,  v ← ρ v + (1 − ρ) Δ²,  w ← w − Δ"""
    memory["s"] = decay * memory["s"] + (1 - decay) * (g * g)
    step = np.sqrt(memory["v"] + eps) / np.sqrt(memory["s"] + eps) * g
    memory["v"] = decay * memory["v"] + (1 - decay) * (step * step)
    return w - step


def _root(s: Any, eps: float, inside: bool) -> Any:
    return np.sqrt(s + eps) if inside else np.sqrt(s) + eps


def uncorrected(w: Any, g: Any, memory: dict[str, Any], *, lr: float, beta1: float, beta2: float, eps: float) -> Any:
    """Adam's first steps are then too short, or too long."""
    memory["m"] = beta1 * memory["m"] + (1 - beta1) * g
    memory["v"] = beta2 * memory["v"] + (1 - beta2) * (g * g)
    return w - lr * memory["m"] / (np.sqrt(memory["v"]) + eps)


def corrected_once(w: Any, g: Any, memory: dict[str, Any], *, lr: float, beta1: float, beta2: float, eps: float) -> Any:
    """Adam whose steps are all corrected as the first is."""
    memory["t"] = 0
    return adam(w, g, memory, lr=lr, beta1=beta1, beta2=beta2, eps=eps)


def upwards(w: Any, g: Any, memory: dict[str, Any], *, lr: float, **_: Any) -> Any:  # noqa: ARG001
    """Gradient ascent."""
    return w + lr * g


def forgetful(w: Any, g: Any, memory: dict[str, Any], *, lr: float, eps: float) -> Any:  # noqa: ARG001
    """AdaGrad whose s is g² alone."""
    return w - lr * g / (np.sqrt(g * g) + eps)


def summed(w: Any, g: Any, memory: dict[str, Any], *, lr: float, decay: float, eps: float) -> Any:
    """RMSprop whose s only grows."""
    memory["s"] = decay * memory["s"] + g * g
    return w - lr * g / (np.sqrt(memory["s"]) + eps)


MISTAKES: dict[str, list[tuple[str, Rule]]] = {
    "sgd": [("the step goes up the gradient", upwards)],
    "adam": [
        ("the bias correction is left out", uncorrected),
        ("the bias correction is the first step's at every step", corrected_once),
    ],
    "adagrad": [("only the latest squared gradient is kept", forgetful)],
    "rmsprop": [("the squared gradient is not weighted by 1 − ρ", summed)],
}
"""What people write in place of a rule."""
INSIDE = "a convention: ε is inside of the root"
RULES: dict[str, list[tuple[str, Rule]]] = {
    "sgd": [("", sgd)],
    "momentum": [
        ("", momentum),
        ("", momentum_of_gradients),
        ("a convention: the velocity is a mean of the gradients", mean_momentum),
    ],
    "nesterov": [("", nesterov)],
    "adagrad": [("", adagrad), (INSIDE, partial(adagrad, inside=True))],
    "rmsprop": [("", rmsprop), (INSIDE, partial(rmsprop, inside=True))],
    "adam": [
        ("", adam),
        ("a convention: ε is added before the bias correction", partial(adam, early=True)),
        (INSIDE, partial(adam, inside=True)),
    ],
    "adamax": [("", partial(adamax, inside=True)), ("", adamax)],
    "adadelta": [("", adadelta)],
}
RULES["adamw"] = RULES["adam"]
RULES["nadam"] = [
    ("", partial(nadam, fades=True)),
    ("a convention: β₁ stays as it is", nadam),
    ("a convention: β₁ stays, and m is corrected one step ahead", partial(nadam, ahead=1)),
]
RULES["amsgrad"] = [
    ("", amsgrad),
    ("a convention: the largest is that of the corrected v", partial(amsgrad, corrected=True)),
    ("a convention: neither m nor v is corrected", partial(amsgrad, bare=True)),
    (INSIDE, partial(amsgrad, inside=True)),
]
RULES["lion"] = [("", lion)]
"""The rules of a name: the first is what it means, the others are conventions."""


def decaying(kind: str, weight_decay: float) -> list[tuple[str, Rule]]:
    """The rules of a name where the weights decay: with the gradient, as λ w added to it; of AdamW by themselves."""

    def with_the_gradient(update: Rule) -> Rule:
        return wraps(update)(lambda w, g, memory, **k: update(w, g + weight_decay * w, memory, **k))

    def by_themselves(update: Rule) -> Rule:
        return wraps(update)(lambda w, g, memory, *, lr, **k: update(w, g, memory, lr=lr, **k) - lr * weight_decay * w)

    apart = [(said, by_themselves(update)) for said, update in RULES[kind] if "lr" in signature(update).parameters]
    if kind == "adamw":
        return apart
    together = [(said, with_the_gradient(update)) for said, update in RULES[kind]]
    return together + [("a convention: the weights decay by themselves, as AdamW's do", update) for _, update in apart]


def rule(checked: CheckedPiece) -> None:
    """Several steps against the rule of its name, for each rule that it may be told to be."""
    described = checked.child.ask(DescribeRule(checked.name))
    checked.finding.against = f"the rule {', '.join(dict.fromkeys(r.kind for r in described.rules))}"
    if described.untried:
        checked.finding.not_judged = f"not exercised: {', '.join(described.untried)}"
    rng = np.random.default_rng(0)
    params = {"weight": rng.standard_normal((4, 3)), "bias": rng.standard_normal(4)}
    gradients = [{n: scale * rng.standard_normal(p.shape) for n, p in params.items()} for scale in SCALES]
    for kind, options in ((r.kind, r.options) for r in described.rules):
        steps = checked.child.ask(Steps(checked.name, options, params, gradients)).steps
        place = "" if len(described.rules) == 1 else ", ".join(f"{n}={v:g}" for n, v in options.items())
        rules = decaying(kind, options["weight_decay"]) if "weight_decay" in options else RULES[kind]
        mistakes = MISTAKES.get(kind, [])
        found = _best(rules, mistakes, lambda update, o=options, s=steps: [*_compared(update, o, params, gradients, s)])
        if any(c.differs for c in found):
            asked = Steps(checked.name, options, params, gradients)
            checked.steps.append(
                WantedSteps(asked, [_wanted(update, options, params, gradients) for _, update in rules])
            )
        checked.comparisons += [replace(c, place=f"{place} {c.place}".strip()) for c in found]


def _best(
    rules: list[tuple[str, Rule]], mistakes: list[tuple[str, Rule]], compared: Callable[[Rule], list[Comparison]]
) -> list[Comparison]:
    """The comparisons with the rule, or with the convention that it keeps; with the cause, if one explains them."""
    found = [(said, compared(update)) for said, update in rules]
    for convention, comparisons in found:
        if all(c.agrees for c in comparisons):
            return [explained(c, convention) if convention else c for c in comparisons]
    _, usual = found[0]
    cause = next((said for said, update in mistakes if all(c.agrees for c in compared(update))), "")
    return [replace(c, cause=cause) if cause and c.differs else c for c in usual]


def _compared(
    update: Rule, options: dict[str, Any], params: Arrays, gradients: list[Arrays], steps: list[Arrays]
) -> Iterator[Comparison]:
    """Every step of every parameter."""
    for name, i, w in _trajectory(update, options, params, gradients):
        c = compare("", "next_w", steps[i][name], w.value, 2 * w.error)
        yield replace(c, place=f"step {i + 1}") if c.differs else c


def _wanted(update: Rule, options: dict[str, Any], params: Arrays, gradients: list[Arrays]) -> TrueValue:
    """All parameters after each step, in one array, as a rule has them."""
    steps = [w for _, _, w in sorted(_trajectory(update, options, params, gradients), key=lambda one: one[1])]
    value, error = (np.concatenate([np.ravel(getattr(w, name)) for w in steps]) for name in ("value", "error"))
    return TrueValue(value, 2 * error)


def _trajectory(
    update: Rule, options: dict[str, Any], params: Arrays, gradients: list[Arrays]
) -> Iterator[tuple[str, int, Any]]:
    """Each parameter after each of the steps, on numbers with an error."""
    taken = {n: v for n, v in options.items() if n in signature(update).parameters}
    for name, p in params.items():
        w, memory = exact(p), {"t": 0, **{key: exact(0 * p) for key in ("v", "s", "m")}}
        for i, gradient in enumerate(gradients):
            rate = {"lr": taken["lr"] / (1 + options.get("lr_decay", 0) * i)} if "lr" in taken else {}
            with np.errstate(all="ignore"):
                w = update(w, exact(gradient[name]), memory, **taken | rate)
            yield name, i, w
