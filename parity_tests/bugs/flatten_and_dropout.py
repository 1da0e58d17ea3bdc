"""Mistakes in the order of what is flattened, and in the mask and scale of a dropout."""

import numpy as np

from manual import Dropout, Flatten
from manual.layers.dropout import mask
from parity_tests.bugs.registry import bug


@bug("y", "permuted")
class _(Flatten):
    """The numbers are read out column by column, as in another language."""

    def forward(self, a):
        first, last = (dim % a.ndim for dim in (self.start_dim, self.end_dim))
        return a.reshape(*a.shape[:first], -1, *a.shape[last + 1 :], order="F"), a


@bug("dx", "permuted")
class _(Flatten):
    """δ is read back column by column."""

    def backward(self, delta, a):
        return delta.reshape(a.shape, order="F"), self


@bug("y", "in shape")
class _(Flatten):
    """The batch is flattened too."""

    def forward(self, a):
        return a.reshape(-1), a


@bug("dx", "in shape")
class _(Flatten):
    """δ is passed on as it came, still flat."""

    def backward(self, delta, a):
        return delta, self


@bug("y", "permuted")
class _(Flatten):
    """The channels are moved last first, as they lie in another library."""

    def forward(self, a):
        return super().forward(a if a.ndim < 4 else np.ascontiguousarray(a.transpose(0, 2, 3, 1)).reshape(a.shape))[
            0
        ], a


@bug("y", "the scale 1/(1 − p) is left out")
class _(Dropout):
    """The neurons that are left are not scaled up, in either pass."""

    def forward(self, a):
        m = mask(self.seed, self.count, self.p, a.shape)
        return a * m, m

    def backward(self, delta, m):
        return delta * m, self


@bug("dx", "the scale 1/(1 − p) is left out")
class _(Dropout):
    """δ is masked, and not scaled."""

    def backward(self, delta, m):
        return delta * m, self


@bug("y", "1/p")
class _(Dropout):
    """What is left is scaled by 1/p: the probability to go is taken for the one to stay."""

    def forward(self, a):
        m = mask(self.seed, self.count, self.p, a.shape)
        return a * m / (self.p or 1), m


@bug("y", "times")
class _(Dropout):
    """What is left is scaled by 1 − p, as if it were inference."""

    def forward(self, a):
        m = mask(self.seed, self.count, self.p, a.shape)
        return a * m * (1 - self.p), m


@bug("dx", "another mask")
class _(Dropout):
    """A new mask is drawn on the way back."""

    def backward(self, delta, m):
        return delta * mask(self.seed, self.count + 1, self.p, delta.shape) / (1 - self.p), self


@bug("dx", "the mask is left out")
class _(Dropout):
    """δ goes back through neurons that were off."""

    def backward(self, delta, m):
        return delta / (1 - self.p), self


@bug("y", "another mask")
class _(Dropout):
    """One mask is shared by the whole batch."""

    def forward(self, a):
        m = np.broadcast_to(mask(self.seed, self.count, self.p, a.shape[1:]), a.shape)
        return a * m / (1 - self.p), m


@bug("y", "another mask")
class _(Dropout):
    """The comparison is the wrong way round: p is the probability to stay."""

    def forward(self, a):
        m = ~mask(self.seed, self.count, self.p, a.shape)
        return a * m / (1 - self.p), m


@bug("a mask in inference")
class _(Dropout):
    """Neurons are switched off in inference too."""

    def evaluated(self):
        return self


@bug("a changed x")
class _(Dropout):
    """The input is masked in place."""

    def forward(self, a):
        m = mask(self.seed, self.count, self.p, a.shape)
        a *= m / (1 - self.p)
        return a, m
