"""Mistakes in Adam, AdamW and RMSprop: the running means, their correction, where ε stands."""

import numpy as np

from manual import Adam, AdamW, RMSprop
from parity_tests.bugs.registry import bug


def moments(optimizer: Adam | AdamW, g, state):
    """(t, m, v) of Adam's rule, in the state."""
    b1, b2 = optimizer.betas
    t = state["step"] = int(state.get("step", 0)) + 1
    m = state["exp_avg"] = b1 * state.get("exp_avg", 0) + (1 - b1) * g
    v = state["exp_avg_sq"] = b2 * state.get("exp_avg_sq", 0) + (1 - b2) * g * g
    return t, m, v


@bug("weight", "no bias correction")
class _(Adam):
    """The running means are not corrected for their start at 0."""

    def update(self, p, g, state):
        _, m, v = moments(self, g + self.weight_decay * p, state)
        p -= self.lr * m / (np.sqrt(v) + self.eps)


@bug("weight", "a convention: ε is inside the root")
class _(Adam):
    """ε is inside the square root."""

    def update(self, p, g, state):
        t, m, v = moments(self, g + self.weight_decay * p, state)
        p -= self.lr * m / (1 - self.betas[0] ** t) / np.sqrt(v / (1 - self.betas[1] ** t) + self.eps)


@bug("weight", "a convention: ε is added before the bias correction")
class _(Adam):
    """ε is added before the bias correction, which then enlarges it."""

    def update(self, p, g, state):
        t, m, v = moments(self, g + self.weight_decay * p, state)
        p -= self.lr * m / (1 - self.betas[0] ** t) / ((np.sqrt(v) + self.eps) / (1 - self.betas[1] ** t) ** 0.5)


@bug("weight", "the root is left out")
class _(Adam):
    """The square root is forgotten."""

    def update(self, p, g, state):
        t, m, v = moments(self, g + self.weight_decay * p, state)
        p -= self.lr * m / (1 - self.betas[0] ** t) / (v / (1 - self.betas[1] ** t) + self.eps)


@bug("bias, step")
class _(Adam):
    """One count of steps is shared by all parameters, and goes up with each of them."""

    def update(self, p, g, state):
        self.t = getattr(self, "t", 0) + 1
        super().update(p, g, state)
        state["step"] = self.t


@bug("weight, exp_avg", "the betas are exchanged")
class _(Adam):
    """β₁ and β₂ are exchanged."""

    def update(self, p, g, state):
        self.betas = self.betas[::-1]
        super().update(p, g, state)
        self.betas = self.betas[::-1]


@bug("weight", "the mean of the squares is not corrected")
class _(Adam):
    """Only the mean of the gradient is corrected for its start at 0."""

    def update(self, p, g, state):
        t, m, v = moments(self, g + self.weight_decay * p, state)
        p -= self.lr * m / (1 - self.betas[0] ** t) / (np.sqrt(v) + self.eps)


@bug("weight, exp_avg", "weight decay through the gradient")
class _(AdamW):
    """The decay goes through the gradient, as in Adam."""

    def update(self, p, g, state):
        t, m, v = moments(self, g + self.weight_decay * p, state)
        root = np.sqrt(v) / (1 - self.betas[1] ** t) ** 0.5
        p -= self.lr / (1 - self.betas[0] ** t) * m / (root + self.eps)


@bug("weight", "weight decay without lr")
class _(AdamW):
    """The decay is not multiplied by the learning rate."""

    def update(self, p, g, state):
        p *= (1 - self.weight_decay) / (1 - self.lr * self.weight_decay)
        super().update(p, g, state)


@bug("weight", "a convention: ε is inside the root")
class _(RMSprop):
    """ε is inside the square root."""

    def update(self, p, g, state):
        g = g + self.weight_decay * p
        state["step"] = int(state.get("step", 0)) + 1
        v = state["square_avg"] = self.alpha * state.get("square_avg", 0) + (1 - self.alpha) * g * g
        p -= self.lr * g / np.sqrt(v + self.eps)


@bug("weight")
class _(RMSprop):
    """The mean that is subtracted from the mean square is not squared."""

    def update(self, p, g, state):
        state["step"] = int(state.get("step", 0)) + 1
        v = state["square_avg"] = self.alpha * state.get("square_avg", 0) + (1 - self.alpha) * g * g
        m = state["grad_avg"] = self.alpha * state.get("grad_avg", 0) + (1 - self.alpha) * g
        u = state["momentum_buffer"] = self.momentum * state.get("momentum_buffer", 0) + g / (
            np.sqrt(abs(v - m)) + self.eps
        )
        p -= self.lr * u


@bug("weight, square_avg", "α and 1 − α are exchanged")
class _(RMSprop):
    """α and 1 − α are exchanged."""

    def update(self, p, g, state):
        self.alpha = 1 - self.alpha
        super().update(p, g, state)
        self.alpha = 1 - self.alpha


@bug("weight", "ε is left out")
class _(Adam):
    """Nothing is added to the root."""

    def update(self, p, g, state):
        t, m, v = moments(self, g + self.weight_decay * p, state)
        p -= self.lr / (1 - self.betas[0] ** t) * m / (np.sqrt(v) / (1 - self.betas[1] ** t) ** 0.5)


@bug("weight", "ε is 1e-06")
class _(RMSprop):
    """ε is a hundred times as large."""

    def update(self, p, g, state):
        given, self.eps = self.eps, 1e-6
        super().update(p, g, state)
        self.eps = given
