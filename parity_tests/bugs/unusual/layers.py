"""Right layers that do it another way: other orders of summation, other formulas, more precision in between."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from manual import AvgPool2d, Conv2d, Dropout, Linear, MaxPool2d, ReLU, Sigmoid, Softmax, Tanh
from manual.layers.dropout import mask
from parity_tests.bugs.registry import unusual


@unusual
class _(Linear):
    """The gradient is summed one example at a time, the last one first."""

    def gradient(self, delta, a):
        weight, bias = np.zeros_like(self.weight), np.zeros_like(self.weight[:, 0])
        for d, x in zip(delta[::-1], a[::-1], strict=True):
            weight += np.outer(d, x)
            bias += d
        return self.like(weight=weight, bias=self.bias if self.bias is None else bias)


@unusual
class _(Linear):
    """The bias is a last column of the weight, on which a constant input of 1 acts."""

    def forward(self, a):
        W = self.weight if self.bias is None else np.column_stack([self.weight, self.bias])
        x = a if self.bias is None else np.column_stack([a, np.ones_like(a[:, :1])])
        return np.einsum("ni,oi->no", x, W), x

    def gradient(self, delta, x):
        W = np.einsum("no,ni->oi", delta, x)
        return self.like(weight=W[:, : self.in_features], bias=self.bias if self.bias is None else W[:, -1])


@unusual
class _(Linear):
    """Every sum is accumulated in extended precision, and rounded back."""

    def forward(self, a):
        z = a.astype(np.longdouble) @ self.weight.T
        return (z if self.bias is None else z + self.bias).astype(a.dtype), a

    def backward(self, delta, a):
        return (delta.astype(np.longdouble) @ self.weight).astype(a.dtype), self.gradient(delta, a)

    def gradient(self, delta, a):
        weight = (delta.T.astype(np.longdouble) @ a).astype(a.dtype)
        bias = delta.sum(axis=0, dtype=np.longdouble).astype(a.dtype)
        return self.like(weight=weight, bias=self.bias if self.bias is None else bias)


@unusual
class _(Sigmoid):
    """Two branches, of which none overflows, and the slope from them: σ' = e^−|z| / (1 + e^−|z|)²."""

    def forward(self, z):
        e = np.exp(-np.abs(z))
        return np.where(z > 0, 1 / (1 + e), e / (1 + e)), e / ((1 + e) * (1 + e))

    def backward(self, delta, slope):
        return delta * slope, self


@unusual
class _(Tanh):
    """tanh' is (1 − a)(1 + a)."""

    def backward(self, delta, a):
        return delta * (1 - a) * (1 + a), self


@unusual
class _(ReLU):
    """max(0, z) is (z + |z|) / 2, its slope Heaviside's."""

    def forward(self, z):
        return (z + np.abs(z)) / 2, z

    def backward(self, delta, z):
        return delta * np.heaviside(z, 0), self


@unusual
class _(Softmax):
    """The Jacobian, diag(a) − a aᵀ, is really built."""

    def backward(self, delta, a):
        a, d = (np.moveaxis(v, self.dim, -1) for v in (a, delta))
        jacobian = a[..., None] * (np.eye(a.shape[-1], dtype=a.dtype) - a[..., None, :])
        return np.moveaxis((jacobian @ d[..., None])[..., 0], -1, self.dim), self


@unusual
class _(Conv2d):
    """A loop over the windows, each of which gives its part to every gradient."""

    def forward(self, a):
        (s, t), (u, v), (p, q) = self._stride, self._kernel, self._padding
        field = np.pad(a, ((0, 0), (0, 0), (p, p), (q, q)))
        I, J = (field.shape[2] - u) // s + 1, (field.shape[3] - v) // t + 1
        z = np.zeros((len(a), self.out_channels, I, J), a.dtype)
        for i, j in np.ndindex(I, J):
            window = field[:, :, s * i : s * i + u, t * j : t * j + v]
            z[:, :, i, j] = (window[:, None] * self.weight).sum(axis=(2, 3, 4))
            z[:, :, i, j] += 0 if self.bias is None else self.bias
        return z, field

    def backward(self, delta, field):
        (s, t), (u, v), (p, q) = self._stride, self._kernel, self._padding
        dx, weight = np.zeros_like(field), np.zeros_like(self.weight)
        for i, j in np.ndindex(*delta.shape[2:]):
            window = ..., slice(s * i, s * i + u), slice(t * j, t * j + v)
            d = delta[:, :, i, j, None, None, None]
            dx[window] += (d * self.weight).sum(axis=1)
            weight += (d * field[window][:, None]).sum(axis=0)
        bias = None if self.bias is None else delta.sum(axis=(0, 2, 3))
        return dx[:, :, p : dx.shape[2] - p, q : dx.shape[3] - q], self.like(weight=weight, bias=bias)

    def gradient(self, delta, field):
        return self.backward(delta, field)[1]


@unusual
class _(Conv2d):
    """A loop over the pixels of the kernel, each with every window at once; the bias comes first."""

    def forward(self, a):
        (s, t), (u, v), (p, q) = self._stride, self._kernel, self._padding
        field = np.pad(a, ((0, 0), (0, 0), (p, p), (q, q)))
        z = np.zeros((len(a), self.out_channels, (field.shape[2] - u) // s + 1, (field.shape[3] - v) // t + 1), a.dtype)
        z += 0 if self.bias is None else self.bias[:, None, None]
        for u, v, window in self._shifted(z):
            z += np.moveaxis(np.tensordot(self.weight[:, :, u, v], field[window], axes=(1, 1)), 0, 1)
        return z, field

    def backward(self, delta, field):
        (p, q), dx = self._padding, np.zeros_like(field)
        for u, v, window in self._shifted(delta):
            dx[window] += np.moveaxis(np.tensordot(self.weight[:, :, u, v], delta, axes=(0, 1)), 0, 1)
        return dx[:, :, p : dx.shape[2] - p, q : dx.shape[3] - q], self.gradient(delta, field)

    def gradient(self, delta, field):
        weight = np.zeros_like(self.weight)
        for u, v, window in self._shifted(delta):
            weight[:, :, u, v] = np.tensordot(delta, field[window], axes=((0, 2, 3), (0, 2, 3)))
        return self.like(weight=weight, bias=None if self.bias is None else delta.sum(axis=3).sum(axis=2).sum(axis=0))

    def _shifted(self, z):
        (s, t), (I, J) = self._stride, z.shape[2:]
        for u, v in np.ndindex(*self._kernel):
            yield u, v, (..., slice(u, u + s * I, s), slice(v, v + t * J, t))


@unusual
class _(MaxPool2d):
    """The windows are rows of a matrix, and the place of the largest is its argmax."""

    def forward(self, a):
        (s, t), (p, q) = self._stride, self._padding
        field = np.pad(a, ((0, 0), (0, 0), (p, p), (q, q)), constant_values=-np.inf)
        windows = sliding_window_view(field, self._kernel, axis=(2, 3))[:, :, ::s, ::t]
        rows = windows.reshape(*windows.shape[:4], -1)
        place = rows.argmax(axis=-1)
        return np.take_along_axis(rows, place[..., None], axis=-1)[..., 0], (a, place)

    def backward(self, delta, cache):
        (a, place), (p, q) = cache, self._padding
        dx = np.pad(np.zeros_like(a), ((0, 0), (0, 0), (p, p), (q, q)))
        n, c, i, j = np.indices(delta.shape)
        u, v = np.divmod(place, self._kernel[1])
        np.add.at(dx, (n, c, self._stride[0] * i + u, self._stride[1] * j + v), delta)
        return dx[:, :, p : p + a.shape[2], q : q + a.shape[3]], self


@unusual
class _(AvgPool2d):
    """It is a convolution of each channel with a kernel of equal numbers, and its backward is that of the
    convolution."""

    def forward(self, a):
        z, _ = self._convolution(a).forward(a.reshape(-1, 1, *a.shape[2:]))
        return z.reshape(*a.shape[:2], *z.shape[2:]), a

    def backward(self, delta, a):
        of_each = (array.reshape(-1, 1, *array.shape[2:]) for array in (delta, a))
        return self._convolution(a).backward(*of_each)[0].reshape(a.shape), self

    def _convolution(self, a):
        rng = np.random.default_rng(0)
        convolution = Conv2d(1, 1, self._kernel, self._stride, self._padding, bias=False, rng=rng).astype(a.dtype)
        return convolution.like(weight=np.full_like(convolution.weight, 1 / convolution.weight.size))


@unusual
class _(Dropout):
    """The scale is in the mask."""

    def forward(self, a):
        m = mask(self.seed, self.count, self._rate, a.shape) * a.dtype.type(1 / (1 - self._rate))
        return a * m, m

    def backward(self, delta, m):
        return delta * m, self
