from collections.abc import Iterator
from dataclasses import KW_ONLY
from typing import Any

import numpy as np

from manual.numbers.checks import AtLeast0, Flag
from manual.numbers.number_types import Array
from manual.optimizer import Optimizer


class Adagrad(Optimizer):
    """A step per parameter, divided by the size of all its gradients so far: what rarely moves, moves far.

        g ← −g                              maximize
        g ← g + λ θ                         weight_decay λ
        s ← s + g²                          from initial_accumulator_value
        η_t = η / (1 + (t − 1) κ)           lr_decay κ, at step t = 1, 2, …
        θ ← θ − η_t g / (√s + ε)

    Raises:
        InputError: a number is negative or not finite; maximize is not a flag.
    Source: Duchi, Hazan & Singer, "Adaptive Subgradient Methods for Online Learning and Stochastic Optimization",
    JMLR 2011. Same as torch.optim.Adagrad.
    """

    lr: AtLeast0 = 1e-2
    lr_decay: AtLeast0 = 0
    weight_decay: AtLeast0 = 0
    initial_accumulator_value: AtLeast0 = 0
    eps: AtLeast0 = 1e-10
    _: KW_ONLY
    maximize: Flag = False
    elementwise = True

    def update(self, p: Array, g: Array, state: dict[str, Any], /) -> None:
        if self.maximize:
            g = -g
        if self.weight_decay:
            g = g + self.weight_decay * p
        t = state["step"] = int(state.get("step", 0)) + 1
        s = state["sum"] = state.get("sum", self.initial_accumulator_value) + g * g
        p -= self.lr / (1 + (t - 1) * self.lr_decay) * g / (np.sqrt(s) + self.eps)


def examples(rng: np.random.Generator) -> Iterator[Adagrad]:
    yield Adagrad(lr=0.1)
    yield Adagrad(0.1, lr_decay=0.2, weight_decay=0.1, initial_accumulator_value=0.5, eps=1e-3, maximize=True)
