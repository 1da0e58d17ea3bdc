from collections.abc import Iterator
from dataclasses import KW_ONLY
from typing import Any

import numpy as np

from manual.numbers.checks import AtLeast0, Betas, Flag
from manual.numbers.number_types import Array
from manual.optimizer import Optimizer


class NAdam(Optimizer):
    """Adam that looks ahead, as Nesterov's momentum does.

        g ← −g                                   maximize
        θ ← θ − η λ θ  or  g ← g + λ θ           weight_decay λ; with decoupled_weight_decay, without
        m ← β₁ m + (1 − β₁) g                    running mean of the gradient, from 0
        v ← β₂ v + (1 − β₂) g²                   running mean of its square, from 0
        μ_t = β₁ (1 − ½ 0.96^(t ψ))              momentum_decay ψ: the momentum at step t = 1, 2, …
        Π_t = μ₁ μ₂ ⋯ μ_t                        what is left of m's start at 0
        m̂ = (1 − μ_t) / (1 − Π_t) g + μ_{t+1} / (1 − Π_{t+1}) m      now, and one step ahead
        θ ← θ − η m̂ / (√(v / (1 − β₂ᵗ)) + ε)

    Raises:
        InputError: lr, eps, weight_decay or momentum_decay is negative or not finite; betas are not a pair in [0, 1);
            decoupled_weight_decay or maximize is not a flag.
    Source: Dozat, "Incorporating Nesterov Momentum into Adam", ICLR workshop 2016, algorithm 8. Same as
    torch.optim.NAdam.
    """

    lr: AtLeast0 = 2e-3
    betas: Betas = (0.9, 0.999)
    eps: AtLeast0 = 1e-8
    weight_decay: AtLeast0 = 0
    momentum_decay: AtLeast0 = 4e-3
    decoupled_weight_decay: Flag = False
    _: KW_ONLY
    maximize: Flag = False
    elementwise = True

    def update(self, p: Array, g: Array, state: dict[str, Any], /) -> None:
        if self.maximize:
            g = -g
        if self.decoupled_weight_decay:
            p *= 1 - self.lr * self.weight_decay
        elif self.weight_decay:
            g = g + self.weight_decay * p
        b1, b2 = self.betas
        t = state["step"] = int(state.get("step", 0)) + 1
        m = state["exp_avg"] = b1 * state.get("exp_avg", 0) + (1 - b1) * g
        v = state["exp_avg_sq"] = b2 * state.get("exp_avg_sq", 0) + (1 - b2) * (g * g)
        now, ahead = self.momentum(t), self.momentum(t + 1)
        product = state["mu_product"] = state.get("mu_product", 1) * now
        step = (1 - now) / (1 - product) * g + ahead / (1 - product * ahead) * m
        p -= self.lr * step / (np.sqrt(v) / (1 - b2**t) ** 0.5 + self.eps)

    def momentum(self, t: int) -> Any:
        """μ_t"""
        return self.betas[0] * (1 - 0.96 ** (t * self.momentum_decay) / 2)


def examples(rng: np.random.Generator) -> Iterator[NAdam]:
    yield NAdam(lr=0.1)
    yield NAdam(lr=0.1, betas=(0.8, 0.95), eps=1e-3, weight_decay=0.1, momentum_decay=0.5, maximize=True)
    yield NAdam(lr=0.1, weight_decay=0.1, decoupled_weight_decay=True)
