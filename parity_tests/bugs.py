"""Mistakes that people make in backpropagation by hand, each a few lines that replace the right ones.

Every entry is a class that overrides methods of a right layer, loss, penalty, optimizer or network and bears its
name, so that it is held against the same twin. Its docstring says what is wrong, `@bug(…)` which quantity shows it
first, and the cause that the diagnosis should name. A mistake is added as people make it, not as the diagnosis can
name it.
"""

from collections.abc import Callable
from itertools import product
from typing import NamedTuple

import numpy as np

from manual import (
    L1,
    L2,
    SGD,
    Adam,
    AdamW,
    AvgPool2d,
    BCEWithLogitsLoss,
    Conv2d,
    CrossEntropyLoss,
    Dropout,
    ElasticNet,
    Flatten,
    HalfMSELoss,
    Linear,
    MaxPool2d,
    MSELoss,
    Network,
    ReLU,
    RMSprop,
    Sigmoid,
    Softmax,
    Tanh,
)
from manual.correlation import correlate, correlate_pictures
from manual.layers.dropout import mask


class Bug(NamedTuple):
    """What is wrong, the right class, the wrong one, the quantity on which a comparison of the two fails first, and
    the cause that a diagnosis should name then ("" where none can be expected)."""

    name: str
    right: type
    wrong: type
    shows: str
    cause: str


BUGS: list[Bug] = []


def bug(shows: str, cause: str = "") -> Callable[[type], type]:
    """Put a class into `BUGS`, under the name of the class that it derives from."""

    def put(wrong: type) -> type:
        right = wrong.__bases__[0]
        BUGS.append(Bug((wrong.__doc__ or "").rstrip("."), right, wrong, shows, cause))
        wrong.__name__ = right.__name__
        return wrong

    return put


# Layers with parameters


@bug("dx", "the weight is transposed")
class _(Linear):
    """The weight that carries δ back is not transposed."""

    def backward(self, delta, a):
        return delta @ self.weight.T, self.gradient(delta, a)


@bug("dweight", "transposed")
class _(Linear):
    """The weight gradient is transposed."""

    def gradient(self, delta, a):
        return self.like(weight=a.T @ delta, bias=self.bias if self.bias is None else delta.sum(axis=0))


@bug("dweight", "the output stands where the input belongs")
class _(Linear):
    """The weight gradient is built from the layer's output, not from its input."""

    def forward(self, a):
        z, _ = super().forward(a)
        return z, z


@bug("dweight", "times 1/N")
class _(Linear):
    """The weight gradient is averaged over the batch, which the cost has done already."""

    def gradient(self, delta, a):
        return self.like(weight=delta.T @ a / len(a), bias=self.bias if self.bias is None else delta.sum(axis=0))


@bug("dweight", "times −1")
class _(Linear):
    """The weight gradient has the wrong sign."""

    def gradient(self, delta, a):
        return self.like(weight=-delta.T @ a, bias=self.bias if self.bias is None else delta.sum(axis=0))


@bug("dbias", "not summed over the batch")
class _(Linear):
    """The bias gradient is not summed over the batch."""

    def gradient(self, delta, a):
        return self.like(weight=delta.T @ a, bias=self.bias if self.bias is None else delta)


@bug("dbias", "the first example alone")
class _(Linear):
    """The bias gradient is that of the first example alone."""

    def gradient(self, delta, a):
        return self.like(weight=delta.T @ a, bias=self.bias if self.bias is None else delta[0])


@bug("dbias", "the parameter itself")
class _(Linear):
    """The bias is returned as its own gradient."""

    def gradient(self, delta, a):
        return self.like(weight=delta.T @ a, bias=self.bias)


@bug("dx", "updated before")
class _(Linear):
    """The weight is updated before it carries δ back."""

    def backward(self, delta, a):
        gradient = self.gradient(delta, a)
        self.weight -= self.weight.dtype.type(0.1) * gradient.weight
        return delta @ self.weight, gradient


@bug("dbias", "times 1/N")
class _(Linear):
    """The bias gradient is averaged over the batch."""

    def gradient(self, delta, a):
        return self.like(weight=delta.T @ a, bias=self.bias if self.bias is None else delta.mean(axis=0))


@bug("dbias", "over the wrong axis")
class _(Linear):
    """The bias gradient is one number, summed over the outputs too."""

    def gradient(self, delta, a):
        return self.like(weight=delta.T @ a, bias=self.bias if self.bias is None else delta.sum())


@bug("dbias", "in shape (1, 4)")
class _(Linear):
    """The bias gradient keeps the axis that was summed away."""

    def gradient(self, delta, a):
        return self.like(weight=delta.T @ a, bias=self.bias if self.bias is None else delta.sum(axis=0, keepdims=True))


@bug("dweight", "the last example alone")
class _(Linear):
    """In a loop over the examples, = stands where += belongs."""

    def gradient(self, delta, a):
        weight = self.weight
        for d, x in zip(delta, a, strict=True):
            weight = np.outer(d, x)
        return self.like(weight=weight, bias=self.bias if self.bias is None else delta.sum(axis=0))


@bug("dweight", "permuted")
class _(Linear):
    """The weight gradient comes out as (in, out) and is reshaped where it should be transposed."""

    def gradient(self, delta, a):
        weight = (a.T @ delta).reshape(self.weight.shape)
        return self.like(weight=weight, bias=self.bias if self.bias is None else delta.sum(axis=0))


@bug("dweight", "only in the last column")
class _(Linear):
    """The loop over the inputs stops one short."""

    def gradient(self, delta, a):
        weight = np.zeros_like(self.weight)
        for i in range(self.in_features - 1):
            weight[:, i] = (delta * a[:, i : i + 1]).sum(axis=0)
        return self.like(weight=weight, bias=self.bias if self.bias is None else delta.sum(axis=0))


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


# Activations


@bug("dx", "σ' is taken at a instead of at z")
class _(Sigmoid):
    """σ' is taken at the output a instead of at the input z."""

    def backward(self, delta, a):
        s = 1 / (1 + np.exp(-a))
        return delta * s * (1 - s), self


@bug("dx")
class _(Sigmoid):
    """σ' is a(1 + a)."""

    def backward(self, delta, a):
        return delta * a * (1 + a), self


@bug("dx", "δ is left out")
class _(Sigmoid):
    """σ' is returned without the δ from above."""

    def backward(self, _, a):
        return a * (1 - a), self


@bug("a changed cache")
class _(Sigmoid):
    """The derivative is computed in the cache's own memory."""

    def backward(self, delta, a):
        a *= 1 - a
        return delta * a, self


@bug("dx", "the input stands where the output belongs")
class _(Sigmoid):
    """σ' is z(1 − z), with the input where the output belongs."""

    def forward(self, z):
        return super().forward(z)[0], z


@bug("dx", "applied twice")
class _(Sigmoid):
    """σ' is multiplied in twice, by the layer and by its caller."""

    def backward(self, delta, a):
        return delta * (a * (1 - a)) * (a * (1 - a)), self


@bug("dx")
class _(Tanh):
    """tanh' is 1 − a, the square forgotten."""

    def backward(self, delta, a):
        return delta * (1 - a), self


@bug("dx", "the input stands where the output belongs")
class _(Tanh):
    """tanh' is 1 − z², from the input where the output belongs."""

    def forward(self, z):
        return np.tanh(z), z


@bug("y")
class _(Tanh):
    """A float64 scalar takes part, and float32 in is float64 out."""

    def forward(self, z):
        a = 2 / (1 + np.exp(-2 * z)) - np.float64(1)
        return a, a


@bug("dx", "the derivative of Sigmoid")
class _(Tanh):
    """tanh' is a(1 − a), copied from the sigmoid."""

    def backward(self, delta, a):
        return delta * a * (1 - a), self


@bug("dx", "the mask is taken from δ")
class _(ReLU):
    """The mask is where δ is positive, not where z is."""

    def backward(self, delta, _):
        return delta * (delta > 0), self


@bug("dx", "σ' is left out")
class _(ReLU):
    """δ passes where nothing did."""

    def backward(self, delta, _):
        return delta, self


@bug("dx", "a convention: only where z = 0")
class _(ReLU):
    """ReLU'(0) is 1 where torch has 0."""

    def forward(self, z):
        return np.maximum(z, 0), z >= 0


@bug("a changed x")
class _(ReLU):
    """The input is clipped in place, and with it the cache of the layer before."""

    def forward(self, z):
        on = z > 0
        z *= on
        return z, on


@bug("a changed delta")
class _(ReLU):
    """The mask is applied to δ in place, in memory that is the caller's."""

    def backward(self, delta, on):
        delta *= on
        return delta, self


@bug("dx", "a convention: only where z = 0")
class _(ReLU):
    """ReLU'(0) is ½ where torch has 0."""

    def forward(self, z):
        return np.maximum(z, 0), (1 + np.sign(z)) / 2


@bug("dx", "δ is left out")
class _(ReLU):
    """The slope is returned, 1 or 0, without the δ from above."""

    def backward(self, delta, on):
        return on.astype(delta.dtype), self


@bug("dx")
class _(ReLU):
    """What is not positive leaks a hundredth of δ, as in another layer."""

    def backward(self, delta, on):
        return delta * np.where(on, 1, 0.01).astype(delta.dtype), self


@bug("dx", "the diagonal alone")
class _(Softmax):
    """σ' is a(1 − a), as if every output depended on its own input alone."""

    def backward(self, delta, a):
        return delta * a * (1 - a), self


@bug("dx", "over the wrong axis")
class _(Softmax):
    """The sum runs over the batch instead of over the classes."""

    def backward(self, delta, a):
        return a * (delta - (delta * a).sum(axis=0)), self


@bug("dx", "times −1")
class _(Softmax):
    """The sign is wrong."""

    def backward(self, delta, a):
        return a * ((delta * a).sum(axis=self.dim, keepdims=True) - delta), self


@bug("dx", "the sum over the other outputs is left out")
class _(Softmax):
    """The product with the output is kept, the sum over the other outputs is not."""

    def backward(self, delta, a):
        return delta * a, self


# Convolution


def turned(layer: Conv2d) -> Conv2d:
    """The layer with its kernel turned by 180°."""
    return layer.like(weight=layer.weight[:, :, ::-1, ::-1], bias=layer.bias)


@bug("y", "the kernel is turned")
class _(Conv2d):
    """The kernel is turned, a convolution as mathematics has it, and its derivatives are right for that."""

    def forward(self, a):
        return Conv2d.forward(turned(self), a)

    def backward(self, delta, a):
        return Conv2d.backward(turned(self), delta, a)[0], self.gradient(delta, a)

    def gradient(self, delta, a):
        return turned(super().gradient(delta, a))


@bug("y", "the kernel is turned")
class _(Conv2d):
    """The kernel is turned in the forward pass alone."""

    def forward(self, a):
        return Conv2d.forward(turned(self), a)


@bug("dx", "the kernel is turned")
class _(Conv2d):
    """δ goes back through the kernel as it is, which is not turned."""

    def backward(self, delta, a):
        return Conv2d.backward(turned(self), delta, a)[0], self.gradient(delta, a)


@bug("dweight", "the kernel is turned")
class _(Conv2d):
    """The weight gradient comes from a library's convolution, which turns it."""

    def gradient(self, delta, a):
        return turned(super().gradient(delta, a))


@bug("dx", "the kernel is turned")
class _(Conv2d):
    """The kernel's columns are turned on the way back, its rows are not."""

    def backward(self, delta, a):
        half_turned = self.like(weight=self.weight[:, :, ::-1], bias=self.bias)
        return Conv2d.backward(half_turned, delta, a)[0], self.gradient(delta, a)


@bug("y", "the padding is off by one")
class _(Conv2d):
    """Every window begins one pixel too early."""

    def forward(self, a):
        right = super().forward(a)[0]
        (p, q), b = self._padding, 0 if self.bias is None else self.bias[:, None, None]
        return correlate(a, self.weight, right.shape[2:], self._stride, (p + 1, q + 1)) + b, a


@bug("dx", "the padding is off by one")
class _(Conv2d):
    """δ is laid down K − p from the edge, where it is K − 1 − p."""

    def backward(self, delta, a):
        (u, v), (p, q) = self._kernel, self._padding
        back = turned(self).weight.transpose(1, 0, 2, 3)
        return correlate(delta, back, a.shape[2:], (1, 1), (u - p, v - q), self._stride), self.gradient(delta, a)


@bug("dx", "the padding is left out")
class _(Conv2d):
    """The gradient of the padded picture is cropped at its first corner, not at the picture's."""

    def backward(self, delta, a):
        (u, v), back = self._kernel, turned(self).weight.transpose(1, 0, 2, 3)
        return correlate(delta, back, a.shape[2:], (1, 1), (u - 1, v - 1), self._stride), self.gradient(delta, a)


@bug("y")
class _(Conv2d):
    """The picture is padded with its own edge, not with 0."""

    def forward(self, a):
        (p, q), valid = self._padding, self.like()
        valid._padding = 0, 0
        return Conv2d.forward(valid, np.pad(a, ((0, 0), (0, 0), (p, p), (q, q)), "edge"))[0], a


@bug("dx", "the stride is left out")
class _(Conv2d):
    """The pixels of δ are laid side by side: the stride is forgotten on the way back."""

    def backward(self, delta, a):
        side_by_side = self.like()
        side_by_side._stride = 1, 1
        return Conv2d.backward(side_by_side, delta, a)[0], self.gradient(delta, a)


@bug("dweight", "the stride is left out")
class _(Conv2d):
    """The stride is forgotten in the weight gradient."""

    def gradient(self, delta, a):
        dW = correlate_pictures(a, delta, self._kernel, (1, 1), self._padding)
        return self.like(weight=dW, bias=None if self.bias is None else delta.sum(axis=(0, 2, 3)))


@bug("dweight", "the channels are exchanged")
class _(Conv2d):
    """The weight gradient is (in, out, …)."""

    def gradient(self, delta, a):
        right = super().gradient(delta, a)
        return right.like(weight=right.weight.transpose(1, 0, 2, 3), bias=right.bias)


@bug("dx")
class _(Conv2d):
    """In and out channels of the kernel are exchanged by a reshape on the way back."""

    def backward(self, delta, a):
        (u, v), (p, q) = self._kernel, self._padding
        back = turned(self).weight.reshape(self.in_channels, self.out_channels, u, v)
        da = correlate(delta, back, a.shape[2:], (1, 1), (u - 1 - p, v - 1 - q), self._stride)
        return da, self.gradient(delta, a)


@bug("dweight", "permuted")
class _(Conv2d):
    """The weight gradient's rows are (u, v, channel), and reshaped as if they were (channel, u, v)."""

    def gradient(self, delta, a):
        right = super().gradient(delta, a)
        return right.like(weight=right.weight.transpose(0, 2, 3, 1).reshape(right.weight.shape), bias=right.bias)


@bug("dweight", "the last example alone")
class _(Conv2d):
    """In a loop over the pictures, = stands where += belongs in the weight gradient."""

    def gradient(self, delta, a):
        right, last = super().gradient(delta, a), super().gradient(delta[-1:], a[-1:])
        return right.like(weight=last.weight, bias=right.bias)


@bug("dweight", "not summed over the batch")
class _(Conv2d):
    """The weight gradient is not summed over the batch."""

    def gradient(self, delta, a):
        right, alone = super().gradient(delta, a), [slice(n, n + 1) for n in range(len(a))]
        each = [super(type(self), self).gradient(delta[n], a[n]).weight for n in alone]
        return right.like(weight=np.stack(each), bias=right.bias)


@bug("dbias", "not summed over the pixels")
class _(Conv2d):
    """The bias gradient is summed over the batch, as Linear's is, and not over the pixels."""

    def gradient(self, delta, a):
        right = super().gradient(delta, a)
        return right.like(weight=right.weight, bias=None if self.bias is None else delta.sum(axis=0))


@bug("dbias", "the first example alone")
class _(Conv2d):
    """The bias gradient is summed over the pixels of the first picture: right for a batch of 1."""

    def gradient(self, delta, a):
        right = super().gradient(delta, a)
        return right.like(weight=right.weight, bias=None if self.bias is None else delta[0].sum(axis=(1, 2)))


@bug("dbias", "times 1/")
class _(Conv2d):
    """The bias gradient is the mean over the pixels and the batch."""

    def gradient(self, delta, a):
        right = super().gradient(delta, a)
        return right.like(weight=right.weight, bias=None if self.bias is None else delta.mean(axis=(0, 2, 3)))


@bug("dx", "the last row of windows is left out")
class _(Conv2d):
    """The loop over the rows of windows stops one short on the way back."""

    def backward(self, delta, a):
        short = delta.copy()
        short[:, :, -1] = 0
        return super().backward(short, a)[0], self.gradient(delta, a)


@bug("dweight", "the last column of windows is left out")
class _(Conv2d):
    """The loop over the columns of windows stops one short in the weight gradient."""

    def gradient(self, delta, a):
        short = delta.copy()
        short[..., -1] = 0
        return self.like(weight=super().gradient(short, a).weight, bias=super().gradient(delta, a).bias)


@bug("dx", "overlap")
class _(Conv2d):
    """Where windows overlap, = stands where += belongs: the last one wins."""

    def backward(self, delta, a):
        (s, t), (u, v), (p, q) = self._stride, self._kernel, self._padding
        field = np.pad(np.zeros_like(a), ((0, 0), (0, 0), (p, p), (q, q)))
        for i, j in np.ndindex(*delta.shape[2:]):
            part = np.einsum("no,ocuv->ncuv", delta[:, :, i, j], self.weight)
            field[:, :, s * i : s * i + u, t * j : t * j + v] = part
        return field[:, :, p : p + a.shape[2], q : q + a.shape[3]], self.gradient(delta, a)


# Pooling


def windows(pool: MaxPool2d | AvgPool2d, delta):
    """For each window: its place among the windows, and where it lies in the padded picture."""
    (u, v), (s, t) = pool._kernel, pool._stride
    for i, j in np.ndindex(*delta.shape[2:]):
        yield (..., i, j), (..., slice(s * i, s * i + u), slice(t * j, t * j + v))


def padded(pool: MaxPool2d | AvgPool2d, a, value: float):
    (p, q) = pool._padding
    return np.pad(a, ((0, 0), (0, 0), (p, p), (q, q)), constant_values=value)


def cropped(pool: MaxPool2d | AvgPool2d, field, a):
    (p, q) = pool._padding
    return field[:, :, p : p + a.shape[2], q : q + a.shape[3]]


def largest(window):
    """Where a window's maximum is, wherever it is."""
    return window == window.max(axis=(2, 3), keepdims=True)


def first(window):
    """Where a window's maximum is first, in reading order."""
    pixels = window.reshape(*window.shape[:2], -1)
    return (np.arange(pixels.shape[2]) == pixels.argmax(axis=2)[..., None]).reshape(window.shape)


def keeping_the_picture(self, a):
    """Forward as it is, but the cache has the picture, not its shape alone."""
    y, (_, winner) = MaxPool2d.forward(self, a)
    return y, (a, winner)


@bug("dx", "a convention: a tie is split equally")
class _(MaxPool2d):
    """In a tie δ is split equally."""

    forward = keeping_the_picture

    def backward(self, delta, cache):
        a = cache[0]
        picture, field = padded(self, a, -np.inf), padded(self, np.zeros_like(a), 0)
        for place, window in windows(self, delta):
            won = largest(picture[window])
            field[window] += (
                won * delta[place][..., None, None] / won.sum(axis=(2, 3), keepdims=True).astype(delta.dtype)
            )
        return cropped(self, field, a), self


@bug("dx", "a convention: in a tie every pixel has the whole δ")
class _(MaxPool2d):
    """In a tie every pixel has the whole δ, as a mask a == max has it."""

    forward = keeping_the_picture

    def backward(self, delta, cache):
        a = cache[0]
        picture, field = padded(self, a, -np.inf), padded(self, np.zeros_like(a), 0)
        for place, window in windows(self, delta):
            field[window] += largest(picture[window]) * delta[place][..., None, None]
        return cropped(self, field, a), self


@bug("dx", "a convention: only where values tie")
class _(MaxPool2d):
    """In a tie the last pixel has the δ: >= stands where > does."""

    forward = keeping_the_picture

    def backward(self, delta, cache):
        a = cache[0]
        picture, field = padded(self, a, -np.inf), padded(self, np.zeros_like(a), 0)
        for place, window in windows(self, delta):
            field[window] += first(picture[window][..., ::-1, ::-1])[..., ::-1, ::-1] * delta[place][..., None, None]
        return cropped(self, field, a), self


@bug("dx", "overlap")
class _(MaxPool2d):
    """Where windows overlap, = stands where += belongs, and the last one that a pixel won counts."""

    forward = keeping_the_picture

    def backward(self, delta, cache):
        a = cache[0]
        picture, field = padded(self, a, -np.inf), padded(self, np.zeros_like(a), 0)
        for n, c in np.ndindex(*a.shape[:2]):
            for i, j in np.ndindex(*delta.shape[2:]):
                (s, t), (u, v) = self._stride, self._kernel
                window = picture[n, c, s * i : s * i + u, t * j : t * j + v]
                x, y = divmod(int(window.argmax()), window.shape[1])
                field[n, c, s * i + x, t * j + y] = delta[n, c, i, j]
        return cropped(self, field, a), self


@bug("dx", "overlap")
class _(MaxPool2d):
    """Every window is written over the ones before, mask times δ, zeros and all."""

    forward = keeping_the_picture

    def backward(self, delta, cache):
        a = cache[0]
        picture, field = padded(self, a, -np.inf), padded(self, np.zeros_like(a), 0)
        for place, window in windows(self, delta):
            field[window] = first(picture[window]) * delta[place][..., None, None]
        return cropped(self, field, a), self


@bug("dx")
class _(MaxPool2d):
    """The number of the largest pixel is divided by the height of the kernel, not by its width."""

    forward = keeping_the_picture

    def backward(self, delta, cache):
        a = cache[0]
        (s, t), (u, v) = self._stride, self._kernel
        picture = padded(self, a, -np.inf)
        field = np.pad(np.zeros_like(picture), ((0, 0), (0, 0), (0, u * v), (0, u * v)))
        for (n, c), (i, j) in product(np.ndindex(*a.shape[:2]), np.ndindex(*delta.shape[2:])):
            x, y = divmod(int(picture[n, c, s * i : s * i + u, t * j : t * j + v].argmax()), u)
            field[n, c, s * i + x, t * j + y] += delta[n, c, i, j]
        return cropped(self, field, a), self


@bug("dx", "the first pixel of its window")
class _(MaxPool2d):
    """δ goes where δ, not the picture, is largest in the window: it is the same everywhere, so to the first pixel."""

    forward = keeping_the_picture

    def backward(self, delta, cache):
        field = padded(self, np.zeros_like(cache[0]), 0)
        for place, window in windows(self, delta):
            field[window][..., 0, 0] += delta[place]
        return cropped(self, field, cache[0]), self


@bug("dx", "every pixel of its window")
class _(MaxPool2d):
    """Every pixel of the window has the δ, whether it won or not."""

    forward = keeping_the_picture

    def backward(self, delta, cache):
        field = padded(self, np.zeros_like(cache[0]), 0)
        for place, window in windows(self, delta):
            field[window] += delta[place][..., None, None]
        return cropped(self, field, cache[0]), self


@bug("dx", "δ is left out")
class _(MaxPool2d):
    """The mask is returned, without the δ from above."""

    def backward(self, delta, cache):
        return super().backward(np.ones_like(delta), cache)


@bug("y", "the padding counts as 0")
class _(MaxPool2d):
    """The picture is padded with 0, which is more than a negative pixel."""

    def forward(self, a):
        bare = self.like()
        bare._padding = 0, 0
        y, (_, lead) = MaxPool2d.forward(bare, padded(self, a, 0))
        return y, (a, lead)

    def backward(self, delta, cache):
        bare = self.like()
        bare._padding = 0, 0
        field, _ = MaxPool2d.backward(bare, delta, (padded(self, cache[0], 0).shape, cache[1]))
        return cropped(self, field, cache[0]), self


@bug("dx", "the stride is left out")
class _(MaxPool2d):
    """The windows are taken to lie side by side, the stride to be the kernel's size."""

    forward = keeping_the_picture

    def backward(self, delta, cache):
        a, lead = cache
        side_by_side = self.like()
        side_by_side._stride, side_by_side._padding = self._kernel, (0, 0)
        field, _ = MaxPool2d.backward(side_by_side, delta, ((*a.shape[:2], 20, 20), lead))
        return cropped(self, field, a), self


@bug("y", "a convention: only pixels of the picture count")
class _(AvgPool2d):
    """The mean is over the pixels that are there, not over the padding (count_include_pad=False)."""

    def forward(self, a):
        return super().forward(a)[0] / super().forward(np.ones_like(a))[0], a

    def backward(self, delta, a):
        return super().backward(delta / super().forward(np.ones_like(a))[0], a)


@bug("dx", "only pixels of the picture count")
class _(AvgPool2d):
    """Padding counts in the forward pass, and not on the way back."""

    def backward(self, delta, a):
        return super().backward(delta / super().forward(np.ones_like(a))[0], a)


@bug("dx", "not divided by the size of the window")
class _(AvgPool2d):
    """δ goes to every pixel undivided."""

    def backward(self, delta, a):
        (u, v) = self._kernel
        return super().backward(delta * (u * v), a)


@bug("y", "not divided by the size of the window")
class _(AvgPool2d):
    """The sum of the window is taken for its mean."""

    def forward(self, a):
        (u, v) = self._kernel
        return super().forward(a)[0] * (u * v), a


@bug("dx", "divided twice by the size of the window")
class _(AvgPool2d):
    """δ is divided before it is dealt out, and again in each pixel."""

    def backward(self, delta, a):
        (u, v) = self._kernel
        return super().backward(delta / (u * v), a)


@bug("y", "times 2/3")
class _(AvgPool2d):
    """The sum is divided by the square of the kernel's height, as if it were a square."""

    def forward(self, a):
        (u, v) = self._kernel
        return super().forward(a)[0] * v / u, a


@bug("dx", "the first pixel of its window")
class _(AvgPool2d):
    """δ goes to the first pixel of the window alone."""

    def backward(self, delta, a):
        field = padded(self, np.zeros_like(a), 0)
        for place, window in windows(self, delta):
            field[window][..., 0, 0] += delta[place]
        return cropped(self, field, a), self


@bug("dx", "overlap")
class _(AvgPool2d):
    """Where windows overlap, = stands where += belongs: the last one wins."""

    def backward(self, delta, a):
        (u, v), field = self._kernel, padded(self, np.zeros_like(a), 0)
        for place, window in windows(self, delta):
            field[window] = delta[place][..., None, None] / (u * v)
        return cropped(self, field, a), self


@bug("dx", "the padding is left out")
class _(AvgPool2d):
    """The gradient of the padded picture is cropped at its first corner, not at the picture's."""

    def backward(self, delta, a):
        (u, v), (p, q) = self._kernel, self._padding
        field = np.pad(np.zeros_like(a), ((0, 0), (0, 0), (0, 2 * p), (0, 2 * q)))
        for place, window in windows(self, delta):
            field[window] += delta[place][..., None, None] / (u * v)
        return field[:, :, : a.shape[2], : a.shape[3]], self


# Flatten and dropout


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


# Losses


@bug("delta", "times ½")
class _(MSELoss):
    """The 2 of the squared difference is forgotten."""

    def backward(self, cache):
        u, n = cache
        return u / n


@bug("delta", "times −1")
class _(MSELoss):
    """The difference is taken the wrong way round."""

    def backward(self, cache):
        u, n = cache
        return -2 * u / n


@bug("delta", "times the number of outputs")
class _(MSELoss):
    """The gradient is averaged over the examples, the cost over every output."""

    def backward(self, cache):
        u, n = cache
        return 2 * u / min(n, len(u))


@bug("delta", "times N")
class _(HalfMSELoss):
    """The gradient is summed over the batch, the cost averaged."""

    def backward(self, u):
        return u


@bug("delta", "applied again")
class _(CrossEntropyLoss):
    """The softmax's derivative is applied again, though p − onehot includes it."""

    def backward(self, cache):
        p, delta = cache[0], super().backward(cache)
        return p * (delta - (delta * p).sum(axis=1, keepdims=True))


@bug("delta", "the probabilities")
class _(CrossEntropyLoss):
    """The gradient is that with respect to the probabilities, −1/p at the right class."""

    def backward(self, cache):
        p, y, n = cache
        delta = np.zeros_like(p)
        delta[np.arange(len(y)), y] = -1 / (n * p[np.arange(len(y)), y])
        return delta


@bug("delta")
class _(CrossEntropyLoss):
    """The one-hot targets are float64, and so the gradient of a float32 network."""

    def backward(self, cache):
        p, y, n = cache
        return (p - np.eye(p.shape[1])[y]) / n


@bug("delta", "applied again")
class _(BCEWithLogitsLoss):
    """The sigmoid's derivative is applied again, though p − t includes it."""

    def backward(self, cache):
        p = 1 / (1 + np.exp(-cache[0]))
        return super().backward(cache) * p * (1 - p)


@bug("delta", "times the number of elements")
class _(MSELoss):
    """The gradient is summed, the cost averaged."""

    def backward(self, cache):
        return 2 * cache[0]


@bug("delta", "times 1/(the number of outputs)")
class _(CrossEntropyLoss):
    """The gradient is averaged over the classes too."""

    def backward(self, cache):
        return super().backward(cache) / cache[0].shape[1]


@bug("delta", "the class before")
class _(CrossEntropyLoss):
    """The labels are taken to count from 1."""

    def backward(self, cache):
        p, y, n = cache
        return (p - (np.arange(p.shape[1]) == y[:, None] - 1)) / n


@bug("delta", "the target is left out")
class _(CrossEntropyLoss):
    """The 1 of the right class is never taken off p."""

    def backward(self, cache):
        return cache[0] / cache[2]


@bug("delta", "times −1")
class _(BCEWithLogitsLoss):
    """It is the target minus the prediction, and the step still goes down."""

    def backward(self, cache):
        return -super().backward(cache)


# Penalties


@bug("d0.bias, of a bias")
class _(L2):
    """The penalty reaches the biases."""

    def backward(self, network):
        return network.like(**{name: self.slope(p) for name, p in network.params.items()})


@bug("cost")
class _(L2):
    """The ½ is forgotten in the cost, and the gradient is the one with it."""

    def of(self, w):
        return self.alpha * (w * w).sum()


@bug("d0.weight")
class _(L2):
    """The gradient is 2αw, beside a cost of α/2 Σw²."""

    def slope(self, w):
        return 2 * self.alpha * w


@bug("cost")
class _(L2):
    """The cost is the norm of the weights, not its square."""

    def of(self, w):
        return self.alpha * np.sqrt((w * w).sum()) / 2


@bug("d0.weight")
class _(L2):
    """The gradient is a mean over the weights, the cost a sum."""

    def slope(self, w):
        return self.alpha * w / w.size


@bug("d0.weight")
class _(L1):
    """The sign is forgotten: every weight is pushed down."""

    def slope(self, w):
        return np.full_like(w, self.alpha)


@bug("cost")
class _(L1):
    """The weights are summed without their magnitude."""

    def of(self, w):
        return self.alpha * w.sum()


@bug("d0.weight")
class _(L1):
    """The gradient pushes the weights away from 0."""

    def slope(self, w):
        return -super().slope(w)


@bug("cost")
class _(ElasticNet):
    """The parts of L1 and L2 are exchanged."""

    def of(self, w):
        return ElasticNet(self.alpha, 1 - self.l1_ratio).of(w)

    def slope(self, w):
        return ElasticNet(self.alpha, 1 - self.l1_ratio).slope(w)


@bug("cost")
class _(ElasticNet):
    """The ½ of the quadratic part is forgotten in the cost."""

    def of(self, w):
        return super().of(w) + self.alpha * (1 - self.l1_ratio) * (w * w).sum() / 2


# Optimizers


@bug("weight", "not moved")
class _(SGD):
    """The parameter's name is bound to a new array, and the network keeps the old one."""

    def update(self, p, g, state):
        super().update(p.copy(), g, state)


@bug("weight", "up the gradient")
class _(SGD):
    """The step goes up the gradient."""

    def update(self, p, g, state):
        super().update(p, -g, state)


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
        b = state["momentum_buffer"] = self.momentum * state.get("momentum_buffer", 0) + g + self.weight_decay * p
        p -= self.lr * (g + self.weight_decay * p + self.momentum * b if self.nesterov else b)


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
        g = g + self.weight_decay * p
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


@bug("bias", "a convention: biases are spared by weight_decay")
class _(SGD):
    """The decay spares the biases."""

    def update(self, p, g, state):
        super().update(p, g - self.weight_decay * p if p.ndim == 1 else g, state)


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
        g = g + self.weight_decay * p
        b = state["momentum_buffer"] = self.momentum * state.get("momentum_buffer", 0) + (1 - self.momentum) * g
        p -= self.lr * (g + self.momentum * b if self.nesterov else b)


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


# Networks


@bug("dx", "σ' is left out")
class _(Network):
    """δ passes by the activations: σ' is forgotten."""

    def gradient(self, delta, tape):
        return self.backward(delta, tape)[1]

    def backward(self, delta, tape):
        gradients = []
        for layer, cache in zip(reversed(self.layers), reversed(tape), strict=True):
            below, gradient = layer.backward(delta, cache)
            delta = below if layer.params else delta
            gradients.append(gradient)
        return delta, self._of(gradients[::-1])


@bug("dx", "updated before")
class _(Network):
    """Each layer is updated before the error of the layer below is computed."""

    def gradient(self, delta, tape):
        return self.backward(delta, tape)[1]

    def backward(self, delta, tape):
        gradients = []
        for layer, cache in zip(reversed(self.layers), reversed(tape), strict=True):
            gradients.append(layer.gradient(delta, cache))
            SGD(lr=0.1).step(layer, gradients[-1])
            delta, _ = layer.backward(delta, cache)
        return delta, self._of(gradients[::-1])


@bug("d0.weight", "another parameter's")
class _(Network):
    """The gradients come in the order of the backward pass, last layer first."""

    def gradient(self, delta, tape):
        return self.backward(delta, tape)[1]

    def backward(self, delta, tape):
        dx, gradient = super().backward(delta, tape)
        return dx, self._of(gradient.layers[::-1])


@bug("dx", "σ' is left out")
class _(Network):
    """σ' reaches the gradients of the layer before, but δ goes on without it."""

    def gradient(self, delta, tape):
        return self.backward(delta, tape)[1]

    def backward(self, delta, tape):
        gradients, carried = [], delta
        for layer, cache in zip(reversed(self.layers), reversed(tape), strict=True):
            below, gradient = layer.backward(delta, cache)
            if layer.params:
                carried, _ = layer.backward(carried, cache)
                delta = carried
            else:
                delta = below
            gradients.append(gradient)
        return delta, self._of(gradients[::-1])
