from collections.abc import Iterator
from dataclasses import KW_ONLY
from typing import Any

import numpy as np

from manual.numbers.checks import AtLeast0, Betas, Flag
from manual.numbers.number_types import Array
from manual.optimizer import Optimizer


class RAdam(Optimizer):
    """Adam that does without its denominator for as long as that is made of too few gradients to be trusted.

        g ← −g                                   maximize
        θ ← θ − η λ θ  or  g ← g + λ θ           weight_decay λ; with decoupled_weight_decay, without
        m ← β₁ m + (1 − β₁) g                    running mean of the gradient, from 0
        v ← β₂ v + (1 − β₂) g²                   running mean of its square, from 0
        m̂ = m / (1 − β₁ᵗ)                        at step t = 1, 2, …
        ρ_∞ = 2 / (1 − β₂) − 1                   how many gradients v is a mean of, in the end
        ρ = ρ_∞ − 2 t β₂ᵗ / (1 − β₂ᵗ)            and by now
        r = √((ρ − 4)(ρ − 2) ρ_∞ / ((ρ_∞ − 4)(ρ_∞ − 2) ρ))
        θ ← θ − η r √(1 − β₂ᵗ) m̂ / (√v + ε)      where ρ > 5
        θ ← θ − η m̂                              else

    Raises:
        InputError: lr, eps or weight_decay is negative or not finite; betas are not a pair in [0, 1);
            decoupled_weight_decay or maximize is not a flag.
    Source: Liu et al., "On the Variance of the Adaptive Learning Rate and Beyond", ICLR 2020, algorithm 2. Same as
    torch.optim.RAdam.
    """

    lr: AtLeast0 = 1e-3
    betas: Betas = (0.9, 0.999)
    eps: AtLeast0 = 1e-8
    weight_decay: AtLeast0 = 0
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
        p -= self.step_of(t, m, v)

    def step_of(self, t: int, m: Array, v: Array) -> Array:
        """What θ moves by at step t, given both means."""
        b1, b2 = self.betas
        step = self.lr / (1 - b1**t) * m
        end = 2 / (1 - b2) - 1
        rho = end - 2 * t * b2**t / (1 - b2**t)
        if not rho > 5:
            return step
        r = ((rho - 4) * (rho - 2) * end / ((end - 4) * (end - 2) * rho)) ** 0.5
        return r * (1 - b2**t) ** 0.5 * step / (np.sqrt(v) + self.eps)


def examples(rng: np.random.Generator) -> Iterator[RAdam]:
    yield RAdam(lr=0.1)
    yield RAdam(lr=0.1, betas=(0.8, 0.95), eps=1e-3, weight_decay=0.1, maximize=True)
    yield RAdam(lr=0.1, weight_decay=0.1, decoupled_weight_decay=True)
