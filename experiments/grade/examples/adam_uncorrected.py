"""An optimizer by the contract. Its running means are not corrected for their start at 0."""

from typing import Any

import numpy as np

from manual import Optimizer


class Adam(Optimizer):
    lr: Any = 1e-3
    betas: Any = (0.9, 0.999)
    eps: Any = 1e-8

    def update(self, p, g, state):
        b1, b2 = self.betas
        state["step"] = state.get("step", 0) + 1
        m = state["exp_avg"] = b1 * state.get("exp_avg", 0) + (1 - b1) * g
        v = state["exp_avg_sq"] = b2 * state.get("exp_avg_sq", 0) + (1 - b2) * g * g
        p -= self.lr * m / (np.sqrt(v) + self.eps)
