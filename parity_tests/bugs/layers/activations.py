"""Mistakes in the slope of an activation."""

import numpy as np

from manual import ReLU, Sigmoid, Softmax, Tanh
from parity_tests.bugs.registry import bug, edits, mistakes

mistakes(Sigmoid, [
    ("σ' is a(1 + a)", "dx", "", {"backward": lambda self, delta, a: (delta * a * (1 + a), self)}),
    ("σ' is returned without the δ from above", "dx", "δ is left out",
     {"backward": lambda self, _, a: (a * (1 - a), self)}),
    ("σ' is z(1 − z), with the input where the output belongs", "dx", "the input stands where the output belongs",
     {"forward": lambda self, z: (Sigmoid.forward(self, z)[0], z)}),
    ("σ' is multiplied in twice, by the layer and by its caller", "dx", "applied twice",
     {"backward": lambda self, delta, a: (delta * (a * (1 - a)) * (a * (1 - a)), self)}),
])  # fmt: skip

mistakes(Tanh, [
    ("tanh' is 1 − a, the square forgotten", "dx", "", {"backward": lambda self, delta, a: (delta * (1 - a), self)}),
    ("tanh' is 1 − z², from the input where the output belongs", "dx", "the input stands where the output belongs",
     {"forward": lambda self, z: (np.tanh(z), z)}),
    ("tanh' is a(1 − a), copied from the sigmoid", "dx", "the derivative of Sigmoid",
     {"backward": lambda self, delta, a: (delta * a * (1 - a), self)}),
])  # fmt: skip

mistakes(ReLU, [
    ("The mask is where δ is positive, not where z is", "dx", "the mask is taken from δ",
     {"backward": lambda self, delta, _: (delta * (delta > 0), self)}),
    ("δ is multiplied by z, as if the slope were z", "dx", "multiplied by the input, and not by the slope",
     {"forward": lambda self, z: (np.maximum(z, 0), z), "backward": lambda self, delta, z: (delta * z, self)}),
    ("δ passes where nothing did", "dx", "σ' is left out", {"backward": lambda self, delta, _: (delta, self)}),
    ("ReLU'(0) is 1 where torch has 0", "dx", "a convention: only where z = 0",
     {"forward": lambda self, z: (np.maximum(z, 0), z >= 0)}),
    ("ReLU'(0) is ½ where torch has 0", "dx", "a convention: only where z = 0",
     {"forward": lambda self, z: (np.maximum(z, 0), (1 + np.sign(z)) / 2)}),
    ("The slope is returned, 1 or 0, without the δ from above", "dx", "δ is left out",
     {"backward": lambda self, delta, on: (on.astype(delta.dtype), self)}),
    ("What is not positive leaks a hundredth of δ, as in another layer", "dx", "",
     {"backward": lambda self, delta, on: (delta * np.where(on, 1, 0.01).astype(delta.dtype), self)}),
    ("The backward pass forgets which numbers were not positive", "dx", "ReLU's mask is missing",
     {"backward": lambda self, delta, _: (delta.copy(), self)}),
])  # fmt: skip

mistakes(Softmax, [
    ("σ' is a(1 − a), as if every output depended on its own input alone", "dx", "the diagonal alone",
     {"backward": lambda self, delta, a: (delta * a * (1 - a), self)}),
    ("The sum runs over the batch instead of over the classes", "dx", "over the wrong axis",
     {"backward": lambda self, delta, a: (a * (delta - (delta * a).sum(axis=0)), self)}),
    ("The sign is wrong", "dx", "times −1",
     {"backward": lambda self, delta, a: (a * ((delta * a).sum(axis=self.dim, keepdims=True) - delta), self)}),
])  # fmt: skip


edits(Sigmoid, "backward", [
    ("σ' is taken at the output a instead of at the input z", "dx", "σ' is taken at a instead of at z",
     "a * (1 - a)", "1 / (1 + np.exp(-a)) * (1 - 1 / (1 + np.exp(-a)))"),
    ("The derivative is computed in the cache's own memory", "a changed cache", "",
     "return delta * (a * (1 - a))", "a *= 1 - a\n    return delta * a"),
])  # fmt: skip


@bug("y")
class _(Tanh):
    """A float64 scalar takes part, and float32 in is float64 out."""

    def forward(self, z):
        a = 2 / (1 + np.exp(-2 * z)) - np.float64(1)
        return a, a


edits(ReLU, "forward", [
    ("The input is clipped in place, and with it the cache of the layer before", "a changed x", "",
     "return positive_part(z)", "z *= on\n    return z"),
])  # fmt: skip

edits(ReLU, "backward", [
    ("The mask is applied to δ in place, in memory that is the caller's", "a changed delta", "",
     "return delta * on", "delta *= on\n    return delta"),
])  # fmt: skip


edits(Softmax, "backward", [
    ("The product with the output is kept, the sum over the other outputs is not", "dx",
     "the sum over the other outputs is left out",
     "(delta - (delta * a).sum(axis=self.dim, keepdims=True))", "delta"),
])  # fmt: skip

edits(Softmax, "forward", [
    ("The sum that divides is guarded, as if it could be 0", "y", "1e-08 is added to the sum",
     "e.sum(axis=self.dim, keepdims=True)", "(e.sum(axis=self.dim, keepdims=True) + e.dtype.type(1e-8))"),
])  # fmt: skip


@bug("y", "the sum runs over the wrong axis")
class _(Softmax):
    """The exponentials are divided by their sum over the batch."""

    def forward(self, z):
        e = np.exp(z - z.max(axis=self.dim, keepdims=True))
        right = e / e.sum(axis=self.dim, keepdims=True)
        return e / e.sum(axis=0) if z.ndim == 2 and e.sum(axis=0).all() else right, right
