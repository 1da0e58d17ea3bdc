from collections.abc import Iterator
from dataclasses import KW_ONLY
from typing import Any

import numpy as np

from manual.numbers.checks import at_least, flag, fraction
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

    lr: Any = 1
    rho: Any = 0.9
    eps: Any = 1e-6
    weight_decay: Any = 0
    _: KW_ONLY
    maximize: bool = False
    elementwise = True

    def __post_init__(self) -> None:
        self.lr = at_least(self, "lr", self.lr, 0)
        self.rho = fraction(self, "rho", self.rho)
        self.eps = at_least(self, "eps", self.eps, 0)
        self.weight_decay = at_least(self, "weight_decay", self.weight_decay, 0)
        self.maximize = flag(self, "maximize", self.maximize)

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
