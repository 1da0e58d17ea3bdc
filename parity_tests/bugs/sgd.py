"""Mistakes in stochastic gradient descent: weight decay, momentum, the step itself."""

from manual import SGD
from parity_tests.bugs.registry import bug, edits, mistakes, signed

mistakes(SGD, [
    ("The parameter's name is bound to a new array, and the network keeps the old one", "weight", "not moved",
     {"update": lambda self, p, g, state: SGD.update(self, p.copy(), g, state)}),
    ("The step goes up the gradient", "weight", "up the gradient",
     {"update": lambda self, p, g, state: SGD.update(self, p, -g, state)}),
    ("The decay spares the biases", "bias", "a convention: biases are spared by weight_decay",
     {"update": lambda self, p, g, state: SGD.update(self, p, g - self.weight_decay * p if p.ndim == 1 else g, state)}),
])  # fmt: skip


edits(SGD, "update", [
    ("The decay drives the weights away from 0", "weight", "the sign of weight_decay",
     "g + self.weight_decay * p", "g - self.weight_decay * p"),
    ("The first gradient is dampened too", "weight, momentum_buffer", "the first gradient is dampened",
     "g.copy() if b is None else self.momentum * b + (1 - self.dampening) * g",
     "self.momentum * (0 if b is None else b) + (1 - self.dampening) * g"),
    ("The dampening is forgotten", "weight, momentum_buffer", "without dampening", "(1 - self.dampening) * g", "g"),
    ("Nesterov looks ahead along the old velocity instead of the new one", "weight", "",
     'state["momentum_buffer"] = b', 'state["momentum_buffer"], old = b, state.get("momentum_buffer", 0 * g)',
     "g + self.momentum * b if", "g + self.momentum * old if"),
    ("The momentum buffer is the gradient's own memory, which the caller may write over", "a kept gradient", "",
     "g.copy()", "g"),
    ("The learning rate is forgotten", "weight", "without lr", "self.lr * g", "g"),
])  # fmt: skip


@bug("weight, momentum_buffer", "lr is inside the buffer")
class _(SGD):
    """The learning rate is inside the momentum buffer: the same path, until the rate changes."""

    def update(self, p, g, state):
        b = state["momentum_buffer"] = self.momentum * state.get("momentum_buffer", 0) + self.lr * g
        p -= b


@bug("weight, momentum_buffer", "weighted by 1 − μ")
class _(SGD):
    """The buffer is a running mean: the new gradient is weighted by 1 − μ."""

    def update(self, p, g, state):
        g = signed(self, p, g)
        b = state["momentum_buffer"] = self.momentum * state.get("momentum_buffer", 0) + (1 - self.momentum) * g
        p -= self.lr * (g + self.momentum * b if self.nesterov else b)
