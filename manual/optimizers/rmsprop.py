from collections.abc import Iterator
from dataclasses import KW_ONLY
from typing import Any

import numpy as np

from manual.numbers.checks import AtLeast0, Flag
from manual.numbers.number_types import Array
from manual.optimizer import Optimizer


class RMSprop(Optimizer):
    """A step per parameter, divided by the recent size of its gradient.

        g ← −g                             maximize
        g ← g + λ θ                        weight_decay λ
        v ← α v + (1 − α) g²               running mean of the square, from 0
        m ← α m + (1 − α) g,  v̂ = v − m²   centered: the variance instead; else v̂ = v
        u = g / (√v̂ + ε)
        b ← μ b + u,  u = b                momentum μ, from 0
        θ ← θ − η u

    Raises:
        InputError: lr, alpha, eps, weight_decay or momentum is negative or not finite; centered or maximize is not a
            flag.
    Source: Hinton, "Neural Networks for Machine Learning", lecture 6e; centered: Graves, "Generating Sequences With
    Recurrent Neural Networks", 2013. Same as torch.optim.RMSprop.
    """

    lr: AtLeast0 = 1e-2
    alpha: AtLeast0 = 0.99
    eps: AtLeast0 = 1e-8
    weight_decay: AtLeast0 = 0
    momentum: AtLeast0 = 0
    centered: Flag = False
    _: KW_ONLY
    maximize: Flag = False
    elementwise = True

    def update(self, p: Array, g: Array, state: dict[str, Any], /) -> None:
        if self.maximize:
            g = -g
        if self.weight_decay:
            g = g + self.weight_decay * p
        alpha = self.alpha
        state["step"] = int(state.get("step", 0)) + 1
        v = state["square_avg"] = alpha * state.get("square_avg", 0) + (1 - alpha) * (g * g)
        if self.centered:
            m = state["grad_avg"] = alpha * state.get("grad_avg", 0) + (1 - alpha) * g
            v = v - m * m
        u = g / (np.sqrt(v) + self.eps)
        if self.momentum:
            u = state["momentum_buffer"] = self.momentum * state.get("momentum_buffer", 0) + u
        p -= self.lr * u


def examples(rng: np.random.Generator) -> Iterator[RMSprop]:
    yield RMSprop(lr=0.1)
    yield RMSprop(lr=0.1, alpha=0.9, eps=1e-3, weight_decay=0.1)
    yield RMSprop(lr=0.1, momentum=0.9)
    yield RMSprop(lr=0.1, centered=True, momentum=0.5)
    yield RMSprop(lr=0.1, weight_decay=0.1, maximize=True)
