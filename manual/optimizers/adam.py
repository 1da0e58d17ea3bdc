from collections.abc import Iterator
from dataclasses import KW_ONLY
from typing import Any

import numpy as np

from manual.numbers.checks import AtLeast0, Betas, Flag
from manual.numbers.number_types import Array, larger
from manual.optimizer import Optimizer


class Adam(Optimizer):
    """A step per parameter, sized by the gradient's own mean and spread.

        g ← −g                                   maximize
        θ ← θ − η λ θ  or  g ← g + λ θ           weight_decay λ; with decoupled_weight_decay, without
        m ← β₁ m + (1 − β₁) g                    running mean of the gradient, from 0
        v ← β₂ v + (1 − β₂) g²                   running mean of its square, from 0
        v ← the largest v so far                 amsgrad: kept beside the running mean
        m̂ = m / (1 − β₁ᵗ),  v̂ = v / (1 − β₂ᵗ)    both start at 0: the bias of that, divided out at step t = 1, 2, …
        θ ← θ − η m̂ / (√v̂ + ε)

    Raises:
        InputError: lr, eps or weight_decay is negative or not finite; betas are not a pair in [0, 1);
            amsgrad, maximize or decoupled_weight_decay is not a flag.
    Source: Kingma & Ba, "Adam: A Method for Stochastic Optimization", ICLR 2015, algorithm 1;
    amsgrad: Reddi, Kale & Kumar, "On the Convergence of Adam and Beyond", ICLR 2018. Same as torch.optim.Adam.
    """

    lr: AtLeast0 = 1e-3
    betas: Betas = (0.9, 0.999)
    eps: AtLeast0 = 1e-8
    weight_decay: AtLeast0 = 0
    amsgrad: Flag = False
    _: KW_ONLY
    maximize: Flag = False
    decoupled_weight_decay: Flag = False
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
        if self.amsgrad:
            v = state["max_exp_avg_sq"] = larger(v, state.get("max_exp_avg_sq", v))
        root = np.sqrt(v) / (1 - b2**t) ** 0.5
        p -= self.lr / (1 - b1**t) * m / (root + self.eps)


def examples(rng: np.random.Generator) -> Iterator[Adam]:
    yield Adam(lr=0.1)
    yield Adam(lr=0.1, betas=(0.8, 0.95), eps=1e-3, weight_decay=0.1)
    yield Adam(lr=0.1, betas=(0.8, 0.5), amsgrad=True)
    yield Adam(lr=0.1, weight_decay=0.1, maximize=True)
    yield Adam(lr=0.1, weight_decay=0.1, decoupled_weight_decay=True)
