"""Mistakes in a fully connected layer."""

from functools import partial

import numpy as np

from manual import Linear
from parity_tests.bugs.registry import bug, gradient_but_for, mistakes

weight, bias = (partial(gradient_but_for, Linear, name) for name in ("weight", "bias"))

mistakes(Linear, [
    ("The weight that carries δ back is not transposed", "dx", "the weight is transposed",
     {"backward": lambda self, delta, a: (delta @ self.weight.T, self.gradient(delta, a))}),
    ("The weight gradient is built from the layer's output, not from its input", "dweight",
     "the output stands where the input belongs", {"forward": lambda self, a: (Linear.forward(self, a)[0],) * 2}),
    ("The weight gradient is transposed", "dweight", "transposed", weight(lambda g, delta, a: g.T)),
    ("The weight gradient is averaged over the batch, which the cost has done already", "dweight", "times 1/N",
     weight(lambda g, delta, a: g / len(a))),
    ("The weight gradient has the wrong sign", "dweight", "times −1", weight(lambda g, delta, a: -g)),
    ("In a loop over the examples, = stands where += belongs", "dweight", "the last example alone",
     weight(lambda g, delta, a: np.outer(delta[-1], a[-1]))),
    ("The weight gradient comes out as (in, out) and is reshaped where it should be transposed", "dweight", "permuted",
     weight(lambda g, delta, a: g.T.reshape(g.shape))),
    ("The loop over the inputs stops one short", "dweight", "only in the last column",
     weight(lambda g, delta, a: g * (np.arange(g.shape[1]) < g.shape[1] - 1))),
    ("The bias is returned as its own gradient", "dbias", "the parameter itself",
     {"gradient": lambda self, delta, a: self.like(weight=delta.T @ a, bias=self.bias)}),
    ("The bias gradient is not summed over the batch", "dbias", "not summed over the batch",
     bias(lambda g, delta, a: delta)),
    ("The bias gradient is that of the first example alone", "dbias", "the first example alone",
     bias(lambda g, delta, a: delta[0])),
    ("The bias gradient is averaged over the batch", "dbias", "times 1/N", bias(lambda g, delta, a: g / len(a))),
    ("The bias gradient is one number, summed over the outputs too", "dbias", "over the wrong axis",
     bias(lambda g, delta, a: delta.sum())),
    ("The bias gradient keeps the axis that was summed away", "dbias", "in shape (1, 4)",
     bias(lambda g, delta, a: g[None])),
    ("The bias gradient has a number for each example", "dbias", "δ is summed over the wrong axis",
     bias(lambda g, delta, a: delta.sum(axis=1))),
])  # fmt: skip


@bug("dx", "updated before")
class _(Linear):
    """The weight is updated before it carries δ back."""

    def backward(self, delta, a):
        gradient = self.gradient(delta, a)
        self.weight -= self.weight.dtype.type(0.1) * gradient.weight
        return delta @ self.weight, gradient


@bug("dweight, by gradient()", "times 2")
class _(Linear):
    """Gradients are added to those of the pass before, which nobody has set to zero."""

    def gradient(self, delta, a):
        new = super().gradient(delta, a)
        self.kept = new.weight = new.weight + getattr(self, "kept", 0)
        return new


@bug("dweight", "the parameter itself is added")
class _(Linear):
    """Weight decay is in the gradient already, and the optimizer adds it again."""

    def gradient(self, delta, a):
        new = super().gradient(delta, a)
        new.weight += self.weight / 100
        return new
