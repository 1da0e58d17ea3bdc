"""Mistakes with windows of pictures, channels that are off, and shapes."""

import numpy as np

from manual import AdaptiveAvgPool2d, ConvTranspose2d, Dropout2d, Unflatten
from parity_tests.bugs.registry import bug

# ---------------------------------------------------------------- ConvTranspose2d


@bug("y", "permuted")
class _(ConvTranspose2d):
    """The kernel is not turned: it is laid down from its last pixel."""

    def forward(self, a):
        turned = self.like(weight=self.weight[:, :, ::-1, ::-1], bias=self.bias)
        return super(type(self), turned).forward(a)


@bug("dx")
class _(ConvTranspose2d):
    """δ goes back under the kernel turned around, as in a convolution."""

    def backward(self, delta, a):
        turned = self.like(weight=self.weight[:, :, ::-1, ::-1], bias=self.bias)
        return super(type(self), turned).backward(delta, a)[0], self.gradient(delta, a)


@bug("dweight", "permuted")
class _(ConvTranspose2d):
    """The gradient of the kernel comes out turned around."""

    def gradient(self, delta, a):
        right = super().gradient(delta, a)
        return self.like(weight=right.weight[:, :, ::-1, ::-1], bias=right.bias)


@bug("y")
class _(ConvTranspose2d):
    """The bias is added by every pixel that falls on the output."""

    def forward(self, a):
        y, cache = super().forward(a)
        return (y if self.bias is None else y + self.bias[:, None, None]), cache


@bug("dbias")
class _(ConvTranspose2d):
    """The gradient of the bias is summed over a's pixels, and not over z's."""

    def gradient(self, delta, a):
        right = super().gradient(delta, a)
        some = delta[:, :, : a.shape[2] - 1, : a.shape[3] - 1].sum(axis=(0, 2, 3))
        return self.like(weight=right.weight, bias=None if self.bias is None else some)


# ---------------------------------------------------------------- AdaptiveAvgPool2d


@bug("dx", "times the number of")
class _(AdaptiveAvgPool2d):
    """Each pixel gets the window's whole δ."""

    def backward(self, delta, a):
        rows, columns = self._windows(a.shape)
        sizes = np.array([[(p.stop - p.start) * (q.stop - q.start) for q in columns] for p in rows])
        return super().backward(delta * sizes.astype(delta.dtype), a)


@bug("y", "times")
class _(AdaptiveAvgPool2d):
    """The sum of each window."""

    def forward(self, a):
        y, cache = super().forward(a)
        rows, columns = self._windows(a.shape)
        sizes = np.array([[(p.stop - p.start) * (q.stop - q.start) for q in columns] for p in rows])
        return y * sizes.astype(a.dtype), cache


@bug("dx")
class _(AdaptiveAvgPool2d):
    """Where windows overlap the last one's δ replaces the others'."""

    def backward(self, delta, a):
        rows, columns = self._windows(a.shape)
        da = np.zeros_like(a)
        for i, p in enumerate(rows):
            for j, q in enumerate(columns):
                size = (p.stop - p.start) * (q.stop - q.start)
                da[:, :, p, q] = delta[:, :, i, j][:, :, None, None] / size
        return da, self


@bug("y", "only in the last")
class _(AdaptiveAvgPool2d):
    """Every window begins where the last one ends, and the last takes what is left."""

    def forward(self, a):
        y, cache = super().forward(a)
        y = y.copy()
        y[..., -1, -1] = a[..., -1, -1]
        return y, cache


@bug("dx", "δ is left out")
class _(AdaptiveAvgPool2d):
    """The share of each pixel is returned without its δ."""

    def backward(self, delta, a):
        return super().backward(np.ones_like(delta), a)


# ---------------------------------------------------------------- Dropout2d


@bug("y")
class _(Dropout2d):
    """The mask is one of pixels, not of channels."""

    def forward(self, a):
        if not self.p:
            return super().forward(a)
        m = np.random.default_rng(0).random(a.shape) >= self.p
        return a * m / (1 - self.p), m


@bug("y", "the scale 1/(1 − p) is left out")
class _(Dropout2d):
    """The channels that are left are not scaled up."""

    def forward(self, a):
        y, m = super().forward(a)
        return y * (1 - self.p), m


@bug("dx", "the mask is left out")
class _(Dropout2d):
    """Backward forgets which channels were off."""

    def backward(self, delta, m):
        return delta / (1 - self.p), self


@bug("dx", "the scale is 1/p")
class _(Dropout2d):
    """Backward is scaled by 1/p."""

    def backward(self, delta, m):
        return (delta * m / self.p if self.p else delta), self


@bug("count")
class _(Dropout2d):
    """The count stands still, so that every step has the same mask."""

    def commit(self, m):
        pass


# ---------------------------------------------------------------- Unflatten


@bug("y", "permuted")
class _(Unflatten):
    """The numbers are read out column by column, as in another language."""

    def forward(self, a):
        y, cache = super().forward(a)
        return a.reshape(y.shape, order="F"), cache


@bug("dx", "permuted")
class _(Unflatten):
    """δ is read back column by column."""

    def backward(self, delta, shape):
        return delta.reshape(shape, order="F"), self


@bug("dx", "in shape")
class _(Unflatten):
    """δ is passed on as it came, still a picture."""

    def backward(self, delta, shape):
        return delta, self


@bug("y", "in shape")
class _(Unflatten):
    """The batch is split, too."""

    def forward(self, a):
        return a.reshape(-1), a.shape


@bug("dx", "δ is left out")
class _(Unflatten):
    """Ones come back, without δ."""

    def backward(self, delta, shape):
        return np.ones_like(delta).reshape(shape), self
