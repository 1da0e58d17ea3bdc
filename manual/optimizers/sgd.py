from collections.abc import Iterator
from dataclasses import KW_ONLY
from typing import Any

import numpy as np

from manual.numbers.checks import AtLeast0, Flag, InputError
from manual.numbers.number_types import Array
from manual.optimizer import Optimizer


class SGD(Optimizer):
    """Gradient descent: a step against the gradient, with momentum if asked for.

        g ← −g                         maximize
        g ← g + λ θ                    weight_decay λ
        b ← μ b + (1 − τ) g            momentum μ, dampening τ; the first b is g itself
        g ← g + μ b  or  b             with nesterov, without
        θ ← θ − η g                    learning rate η

    Raises:
        InputError: lr, momentum, dampening or weight_decay is negative or not finite; nesterov or maximize is not a
            flag; nesterov is asked for without momentum or with dampening.
    Source: document A, part 3, the update rule. Same as torch.optim.SGD.
    """

    lr: AtLeast0 = 1e-3
    momentum: AtLeast0 = 0
    dampening: AtLeast0 = 0
    weight_decay: AtLeast0 = 0
    nesterov: Flag = False
    _: KW_ONLY
    maximize: Flag = False
    elementwise = True

    def __post_init__(self) -> None:
        if self.nesterov and (not self.momentum or self.dampening):
            raise InputError("SGD: nesterov needs a momentum above 0 and a dampening of 0, "
                             f"got momentum={self.momentum!r}, dampening={self.dampening!r}")

    def update(self, p: Array, g: Array, state: dict[str, Any], /) -> None:
        if self.maximize:
            g = -g
        if self.weight_decay:
            g = g + self.weight_decay * p
        if self.momentum:
            b = state.get("momentum_buffer")
            b = g.copy() if b is None else self.momentum * b + (1 - self.dampening) * g
            state["momentum_buffer"] = b
            g = g + self.momentum * b if self.nesterov else b
        p -= self.lr * g


def examples(rng: np.random.Generator) -> Iterator[SGD]:
    yield SGD(lr=0.1)
    yield SGD(lr=0.1, weight_decay=0.01)
    yield SGD(lr=0.1, momentum=0.9, dampening=0.5)
    yield SGD(lr=0.1, momentum=0.9, weight_decay=0.01, nesterov=True)
    yield SGD(lr=0.1, momentum=0.9, weight_decay=0.01, maximize=True)
