from collections.abc import Iterator
from dataclasses import KW_ONLY
from typing import Any

import numpy as np

from manual.numbers.checks import AtLeast0, Betas, Flag
from manual.numbers.number_types import Array, larger
from manual.optimizer import Optimizer


class AdamW(Optimizer):
    """Adam whose weight decay acts on the parameter itself and not on the gradient.

        g ← −g                                   maximize
        θ ← θ − η λ θ                            weight_decay λ, decoupled
        m ← β₁ m + (1 − β₁) g
        v ← β₂ v + (1 − β₂) g²
        v ← the largest v so far                 amsgrad: kept beside the running mean
        m̂ = m / (1 − β₁ᵗ),  v̂ = v / (1 − β₂ᵗ)    at step t = 1, 2, …
        θ ← θ − η m̂ / (√v̂ + ε)

    Raises:
        InputError: lr, eps or weight_decay is negative or not finite; betas are not a pair in [0, 1);
            amsgrad or maximize is not a flag.
    Source: Loshchilov & Hutter, "Decoupled Weight Decay Regularization", ICLR 2019, algorithm 2. Same as
    torch.optim.AdamW.
    """

    lr: AtLeast0 = 1e-3
    betas: Betas = (0.9, 0.999)
    eps: AtLeast0 = 1e-8
    weight_decay: AtLeast0 = 1e-2
    amsgrad: Flag = False
    _: KW_ONLY
    maximize: Flag = False
    elementwise = True

    def update(self, p: Array, g: Array, state: dict[str, Any], /) -> None:
        if self.maximize:
            g = -g
        p *= 1 - self.lr * self.weight_decay
        b1, b2 = self.betas
        t = state["step"] = int(state.get("step", 0)) + 1
        m = state["exp_avg"] = b1 * state.get("exp_avg", 0) + (1 - b1) * g
        v = state["exp_avg_sq"] = b2 * state.get("exp_avg_sq", 0) + (1 - b2) * (g * g)
        if self.amsgrad:
            v = state["max_exp_avg_sq"] = larger(v, state.get("max_exp_avg_sq", v))
        root = np.sqrt(v) / (1 - b2**t) ** 0.5
        p -= self.lr / (1 - b1**t) * m / (root + self.eps)


def examples(rng: np.random.Generator) -> Iterator[AdamW]:
    yield AdamW(lr=0.1)
    yield AdamW(lr=0.1, betas=(0.8, 0.95), eps=1e-3, weight_decay=0.1)
    yield AdamW(lr=0.1, betas=(0.8, 0.5), amsgrad=True)
    yield AdamW(lr=0.1, maximize=True)
