"""Mistakes in the order of what is flattened, and in the mask and scale of a dropout."""

import numpy as np

from manual import Dropout, Flatten
from manual.layers.dropout import mask
from parity_tests.bugs.registry import bug, mistakes


def channels_last(a):
    """Pictures in the shape that they had, their numbers in another library's order."""
    return a if a.ndim < 4 else np.ascontiguousarray(a.transpose(0, 2, 3, 1)).reshape(a.shape)


def own(layer, a, later=0):
    """The layer's mask for its input; or that of so many steps later."""
    return mask(layer.seed, layer.count + later, layer._rate, a.shape)


mistakes(Flatten, [
    ("δ is read back column by column", "dx", "permuted",
     {"backward": lambda self, delta, a: (delta.reshape(a.shape, order="F"), self)}),
    ("The batch is flattened too", "y", "in shape", {"forward": lambda self, a: (a.reshape(-1), a)}),
    ("δ is passed on as it came, still flat", "dx", "in shape", {"backward": lambda self, delta, a: (delta, self)}),
    ("The channels are moved last first, as they lie in another library", "y", "permuted",
     {"forward": lambda self, a: (Flatten.forward(self, channels_last(a))[0], a)}),
])  # fmt: skip

mistakes(Dropout, [
    ("δ is masked, and not scaled", "dx", "the scale 1/(1 − p) is left out",
     {"backward": lambda self, delta, m: (delta * m, self)}),
    ("δ goes back through neurons that were off", "dx", "the mask is left out",
     {"backward": lambda self, delta, m: (delta / (1 - self._rate), self)}),
    ("Neurons are switched off in inference too", "a mask in inference", "", {"evaluated": lambda self: self}),
    ("The neurons that are left are not scaled up, in either pass", "y", "the scale 1/(1 − p) is left out",
     {"forward": lambda self, a: (a * own(self, a), own(self, a)),
      "backward": lambda self, delta, m: (delta * m, self)}),
    ("What is left is scaled by 1/p: the probability to go is taken for the one to stay", "y", "1/p",
     {"forward": lambda self, a: (a * own(self, a) / (self._rate or 1), own(self, a))}),
    ("What is left is scaled by 1 − p, as if it were inference", "y", "times",
     {"forward": lambda self, a: (a * own(self, a) * (1 - self._rate), own(self, a))}),
    ("A new mask is drawn on the way back", "dx", "another mask",
     {"backward": lambda self, delta, m: (delta * own(self, delta, 1) / (1 - self._rate), self)}),
    ("The comparison is the wrong way round: p is the probability to stay", "y", "another mask",
     {"forward": lambda self, a: (a * ~own(self, a) / (1 - self._rate), ~own(self, a))}),
])  # fmt: skip


@bug("y", "permuted")
class _(Flatten):
    """The numbers are read out column by column, as in another language."""

    def forward(self, a):
        first, last = (dim % a.ndim for dim in (self.start_dim, self.end_dim))
        return a.reshape(*a.shape[:first], -1, *a.shape[last + 1 :], order="F"), a


@bug("y", "another mask")
class _(Dropout):
    """One mask is shared by the whole batch."""

    def forward(self, a):
        m = np.broadcast_to(mask(self.seed, self.count, self._rate, a.shape[1:]), a.shape)
        return a * m / (1 - self._rate), m


@bug("a changed x")
class _(Dropout):
    """The input is masked in place."""

    def forward(self, a):
        m = mask(self.seed, self.count, self._rate, a.shape)
        a *= m / (1 - self._rate)
        return a, m
