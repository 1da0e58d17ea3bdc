from collections.abc import Iterator
from dataclasses import KW_ONLY
from typing import Any

import numpy as np

from manual.numbers.checks import AtLeast0, Below1, Flag
from manual.numbers.number_types import Array
from manual.optimizer import Optimizer


class Adadelta(Optimizer):
    """A step per parameter that has the parameter's own unit: recent steps over recent gradients, times the gradient.

        g ← −g                              maximize
        g ← g + λ θ                         weight_decay λ
        v ← ρ v + (1 − ρ) g²                running mean of the squared gradient, from 0
        Δ = √(u + ε) / √(v + ε) g
        u ← ρ u + (1 − ρ) Δ²                running mean of the squared step, from 0
        θ ← θ − η Δ

    Raises:
        InputError: lr, eps or weight_decay is negative or not finite; rho is not in [0, 1); maximize is not a flag.
    Source: Zeiler, "ADADELTA: An Adaptive Learning Rate Method", 2012, algorithm 1. Same as torch.optim.Adadelta.
    """

    lr: AtLeast0 = 1
    rho: Below1 = 0.9
    eps: AtLeast0 = 1e-6
    weight_decay: AtLeast0 = 0
    _: KW_ONLY
    maximize: Flag = False
    elementwise = True

    def update(self, p: Array, g: Array, state: dict[str, Any], /) -> None:
        if self.maximize:
            g = -g
        if self.weight_decay:
            g = g + self.weight_decay * p
        rho, u = self.rho, state.get("acc_delta", np.zeros_like(g))
        state["step"] = int(state.get("step", 0)) + 1
        v = state["square_avg"] = rho * state.get("square_avg", 0) + (1 - rho) * (g * g)
        step = np.sqrt(u + self.eps) / np.sqrt(v + self.eps) * g
        state["acc_delta"] = rho * u + (1 - rho) * (step * step)
        p -= self.lr * step


def examples(rng: np.random.Generator) -> Iterator[Adadelta]:
    yield Adadelta()
    yield Adadelta(0.5, rho=0.8, eps=1e-3, weight_decay=0.1, maximize=True)
