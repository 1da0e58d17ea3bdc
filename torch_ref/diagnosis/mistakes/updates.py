"""Wrong formulas of an optimizer's step: (optimizer, p, g, state), in place of `update`."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import manual
from manual import Optimizer
from manual.numbers.number_types import Array
from torch_ref.diagnosis.mistakes.formula import (
    EPSILONS,
    WITHOUT_EPSILON,
    Formula,
    Formulas,
    Mistake,
    Number,
    Values,
    as_number,
    changed,
    epsilon_is,
)

FOREVER = 10**9  # steps, after which 1 − βᵗ is 1: no bias correction

Update = Callable[[Any, Any, Any, dict[str, Any]], Any]


def _without(name: str) -> Update:
    return lambda o, p, g, s: changed(o, **{name: 1 if name == "lr" else 0}).update(p, g, s)


def _started(o: Optimizer, p: Any, g: Any, s: dict[str, Any]) -> None:
    s.setdefault("momentum_buffer", g * 0)
    o.update(p, g, s)


def _at_step(t: int) -> Update:
    """The rule at another count of steps, where the rule depends on it: in the bias correction by the betas."""

    def update(o: Any, p: Any, g: Any, s: dict[str, Any]) -> None:
        s["step"] = t - 1
        changed(o, betas=o.betas).update(p, g, s)

    return update


def _adam(denominator: Callable[[Any, Any, Any], Any]) -> Update:
    """Adam's or AdamW's rule with another denominator of the step: of v, 1 − β₂ᵗ and ε."""

    def update(o: Any, p: Any, g: Any, s: dict[str, Any]) -> None:
        if not isinstance(o, manual.Adam | manual.AdamW):
            raise TypeError(f"{o!r} has another rule")
        o.update(p.copy(), g, s)
        c1, c2 = (1 - beta ** s["step"] for beta in o.betas)
        if isinstance(o, manual.AdamW) or o.decoupled_weight_decay:
            p *= 1 - o.lr * o.weight_decay
        p -= o.lr / c1 * s["exp_avg"] / denominator(s["exp_avg_sq"], c2, o.eps)

    return update


def _guarded(o: Any, p: Any, g: Any, s: dict[str, Any], epsilon: float) -> None:
    changed(o, eps=0 * o.eps + epsilon).update(p, g, s)


def _rmsprop_root(o: Any, p: Any, g: Any, s: dict[str, Any]) -> None:
    """v grows by ε before the root is taken, α(v + ε/α) + (1 − α)g², and is kept without."""
    grown = {**s, "square_avg": s.get("square_avg", g * 0) + o.eps / o.alpha}
    o.update(p.copy(), g, s)
    changed(o, eps=0).update(p, g, grown)
    if "momentum_buffer" in grown:
        s["momentum_buffer"] = grown["momentum_buffer"]


def _decayed_first(o: Any, p: Any, g: Any, s: dict[str, Any]) -> None:
    p *= 1 - o.weight_decay
    changed(o, weight_decay=0).update(p, g, s)


def _by_the_gradient(o: Any, p: Any, g: Any, s: dict[str, Any]) -> None:
    manual.Adam.update(changed(o, decoupled_weight_decay=False), p, g, s)


def _unadjusted(o: Any, p: Any, g: Any, s: dict[str, Any]) -> None:
    scale = o.scale(*p.shape)  # Muon's
    changed(o, lr=o.lr / scale, weight_decay=o.weight_decay * scale).update(p, g, s)


UPDATES: list[tuple[str, Update]] = [
    ("the parameter is not moved", lambda o, p, g, s: o.update(p.copy(), g, s)),
    ("the step goes up the gradient", lambda o, p, g, s: o.update(p, -g, s)),
    ("the sign of weight_decay is wrong", lambda o, p, g, s: changed(o, weight_decay=-o.weight_decay).update(p, g, s)),
    *(
        (f"it is computed without {name}", _without(name))
        for name in ("lr", "momentum", "dampening", "nesterov", "centered")
    ),
    ("the first gradient is dampened", _started),
    ("the new gradient is weighted by 1 − μ", lambda o, p, g, s: _started(changed(o, dampening=o.momentum), p, g, s)),
    ("lr is inside the buffer", lambda o, p, g, s: changed(o, lr=1).update(p, o.lr * g, s)),
    ("the learning rate is not adjusted to the shape", _unadjusted),
    ("there is no bias correction", _at_step(FOREVER)),
    ("the mean of the squares is not corrected", _adam(lambda v, _, eps: np.sqrt(v) + eps)),
    ("the root is left out", _adam(lambda v, c, eps: v / c + eps)),
    (WITHOUT_EPSILON, lambda o, p, g, s: _guarded(o, p, g, s, 0)),
    *((epsilon_is(e), lambda o, p, g, s, e=e: _guarded(o, p, g, s, e)) for e in EPSILONS),
    ("a convention: ε is inside the root", _adam(lambda v, c, eps: np.sqrt(v / c + eps))),
    ("a convention: ε is inside the root", _rmsprop_root),
    ("a convention: ε is added before the bias correction", _adam(lambda v, c, eps: (np.sqrt(v) + eps) / c**0.5)),
    ("the betas are exchanged", lambda o, p, g, s: changed(o, betas=o.betas[::-1]).update(p, g, s)),
    ("α and 1 − α are exchanged", lambda o, p, g, s: changed(o, alpha=1 - o.alpha).update(p, g, s)),
    ("weight decay through the gradient, as in Adam", _by_the_gradient),
    ("weight decay on the parameter itself, as in AdamW", lambda o, p, g, s: manual.AdamW.update(o, p, g, s)),
    ("weight decay without lr", _decayed_first),
    *((f"the count of steps is {t}", _at_step(t)) for t in range(1, 11)),
]


def update_formulas(optimizer: Optimizer, name: str, p: Array, g: Array, state: Values) -> Formulas:
    """What a step does, given the parameter `name`, its gradient and the state before it: the new parameter and
    state."""

    def after(update: Update) -> Formula:
        def formula(number: Number) -> Values:
            kept = as_number(number, {key: int(v) if key == "step" else v for key, v in state.items()})
            moved = number(p)
            update(optimizer, moved, number(g), kept)
            return {name: moved, **{f"{name}, {key}": value for key, value in kept.items()}}

        return formula

    def wrong(*_: Any) -> Iterator[Mistake]:
        yield from ((cause, after(update)) for cause, update in [*UPDATES, *_decay(p)])

    return Formulas(after(lambda o, p, g, s: o.update(p, g, s)), wrong)


def _decay(p: Array) -> list[tuple[str, Update]]:
    """That a parameter is spared by the decay is a convention where it is a bias."""
    cause = "it is computed without weight_decay" if p.ndim > 1 else "a convention: biases are spared by weight_decay"
    return [(cause, _without("weight_decay"))]
