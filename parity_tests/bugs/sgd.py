"""Mistakes in stochastic gradient descent: weight decay, momentum, the step itself."""

import numpy as np

from manual import SGD
from parity_tests.bugs.registry import bug, mistakes, signed

mistakes(SGD, [
    ("The parameter's name is bound to a new array, and the network keeps the old one", "weight", "not moved",
     {"update": lambda self, p, g, state: SGD.update(self, p.copy(), g, state)}),
    ("The step goes up the gradient", "weight", "up the gradient",
     {"update": lambda self, p, g, state: SGD.update(self, p, -g, state)}),
    ("The decay spares the biases", "bias", "a convention: biases are spared by weight_decay",
     {"update": lambda self, p, g, state: SGD.update(self, p, g - self.weight_decay * p if p.ndim == 1 else g, state)}),
])  # fmt: skip


@bug("weight", "the sign of weight_decay")
class _(SGD):
    """The decay drives the weights away from 0."""

    def update(self, p, g, state):
        p += 2 * self.lr * self.weight_decay * p
        super().update(p, g, state)


@bug("weight, momentum_buffer", "the first gradient is dampened")
class _(SGD):
    """The first gradient is dampened too."""

    def update(self, p, g, state):
        state.setdefault("momentum_buffer", np.zeros_like(p))
        super().update(p, g, state)


@bug("weight, momentum_buffer", "without dampening")
class _(SGD):
    """The dampening is forgotten."""

    def update(self, p, g, state):
        g = signed(self, p, g)
        b = state["momentum_buffer"] = self.momentum * state.get("momentum_buffer", 0) + g
        p -= self.lr * (g + self.momentum * b if self.nesterov else b)


@bug("weight, momentum_buffer", "lr is inside the buffer")
class _(SGD):
    """The learning rate is inside the momentum buffer: the same path, until the rate changes."""

    def update(self, p, g, state):
        b = state["momentum_buffer"] = self.momentum * state.get("momentum_buffer", 0) + self.lr * g
        p -= b


@bug("weight")
class _(SGD):
    """Nesterov looks ahead along the old velocity instead of the new one."""

    def update(self, p, g, state):
        g = signed(self, p, g)
        b = state.get("momentum_buffer", np.zeros_like(p))
        state["momentum_buffer"] = self.momentum * b + g
        p -= self.lr * (g + self.momentum * b)


@bug("a kept gradient")
class _(SGD):
    """The momentum buffer is the gradient's own memory, which the caller may write over."""

    def update(self, p, g, state):
        first = not state
        super().update(p, g, state)
        if first and self.momentum and not self.weight_decay:
            state["momentum_buffer"] = g


@bug("weight", "without lr")
class _(SGD):
    """The learning rate is forgotten."""

    def update(self, p, g, state):
        p += (self.lr - 1) * g
        super().update(p, g, state)


@bug("weight, momentum_buffer", "weighted by 1 − μ")
class _(SGD):
    """The buffer is a running mean: the new gradient is weighted by 1 − μ."""

    def update(self, p, g, state):
        g = signed(self, p, g)
        b = state["momentum_buffer"] = self.momentum * state.get("momentum_buffer", 0) + (1 - self.momentum) * g
        p -= self.lr * (g + self.momentum * b if self.nesterov else b)
