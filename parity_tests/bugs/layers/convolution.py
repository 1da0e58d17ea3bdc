"""Mistakes in a convolution: the kernel's turn, the padding, the stride, the channels, a window too few."""

from functools import partial

import numpy as np

from manual import Conv2d
from parity_tests.bugs.layers.average_pooling import without_stride
from parity_tests.bugs.registry import bug, edits, gradient_but_for, mistakes


def turned(layer: Conv2d) -> Conv2d:
    """The layer with its kernel turned by 180°."""
    return layer.like(weight=layer.weight[:, :, ::-1, ::-1], bias=layer.bias)


weight, bias = (partial(gradient_but_for, Conv2d, name) for name in ("weight", "bias"))

mistakes(Conv2d, [
    ("The kernel is turned in the forward pass alone", "y", "the kernel is turned",
     {"forward": lambda self, a: Conv2d.forward(turned(self), a)}),
    ("δ goes back through the kernel as it is, which is not turned", "dx", "the kernel is turned",
     {"backward": lambda self, delta, a: (Conv2d.backward(turned(self), delta, a)[0], self.gradient(delta, a))}),
    ("The weight gradient comes from a library's convolution, which turns it", "dweight", "the kernel is turned",
     {"gradient": lambda self, delta, a: turned(Conv2d.gradient(self, delta, a))}),
    ("The stride is ignored in the forward pass", "y", "the stride is left out",
     {"forward": lambda self, a: (without_stride(self, a), Conv2d.forward(self, a)[1])}),
    ("The kernel is turned, a convolution as mathematics has it, and its derivatives are right for that", "y",
     "the kernel is turned",
     {"forward": lambda self, a: Conv2d.forward(turned(self), a),
      "backward": lambda self, delta, a: (Conv2d.backward(turned(self), delta, a)[0], self.gradient(delta, a)),
      "gradient": lambda self, delta, a: turned(Conv2d.gradient(self, delta, a))}),
    ("The weight gradient is (in, out, …)", "dweight", "the channels are exchanged",
     weight(lambda g, delta, a: g.transpose(1, 0, 2, 3))),
    ("The weight gradient's rows are (u, v, channel), and reshaped as if they were (channel, u, v)", "dweight",
     "permuted", weight(lambda g, delta, a: g.transpose(0, 2, 3, 1).reshape(g.shape))),
    ("The bias gradient is summed over the batch, as Linear's is, and not over the pixels", "dbias",
     "not summed over the pixels", bias(lambda g, delta, a: delta.sum(axis=0))),
    ("The bias gradient is summed over the pixels of the first picture: right for a batch of 1", "dbias",
     "the first example alone", bias(lambda g, delta, a: delta[0].sum(axis=(1, 2)))),
    ("The bias gradient is the mean over the pixels and the batch", "dbias", "times 1/",
     bias(lambda g, delta, a: delta.mean(axis=(0, 2, 3)))),
    ("The bias gradient is summed over the channels in place of the pictures", "dbias",
     "δ is summed over axes 1 and 2 and 3, not over axes 0 and 2 and 3",
     bias(lambda g, delta, a: delta.sum(axis=(1, 2, 3)))),
])  # fmt: skip


edits(Conv2d, "backward", [
    ("The kernel's columns are turned on the way back, its rows are not", "dx", "the kernel is turned",
     "turned(self.weight, self.groups)", "turned(self.weight, self.groups)[:, :, ::-1]"),
    ("δ is laid down K − p from the edge, where it is K − 1 − p", "dx", "the padding is off by one",
     "(u - 1 - p, v - 1 - q)", "(u - p, v - q)"),
    ("The gradient of the padded picture is cropped at its first corner, not at the picture's", "dx",
     "the padding is left out",
     "(u - 1 - p, v - 1 - q)", "(u - 1, v - 1)"),
    ("The pixels of δ are laid side by side: the stride is forgotten on the way back", "dx", "the stride is left out",
     "v - 1 - q), self._stride,", "v - 1 - q), (1, 1),"),
    ("In and out channels of the kernel are exchanged by a reshape on the way back", "dx", "",
     "turned(self.weight, self.groups)",
     "self.weight[:, :, ::-1, ::-1].reshape(self.in_channels, -1, *self._kernel)"),
    ("The loop over the rows of windows stops one short on the way back", "dx", "the last row of windows is left out",
     "correlate(delta,", "correlate(delta * (np.arange(delta.shape[2]) < delta.shape[2] - 1)[:, None],"),
])  # fmt: skip

edits(Conv2d, "forward", [
    ("Every window begins one pixel too early", "y", "the padding is off by one",
     "self._padding, (1, 1)", "[p + 1 for p in self._padding], (1, 1)"),
])  # fmt: skip

edits(Conv2d, "gradient", [
    ("The stride is forgotten in the weight gradient", "dweight", "the stride is left out", "self._stride", "(1, 1)"),
    ("In a loop over the pictures, = stands where += belongs in the weight gradient", "dweight",
     "the last example alone",
     "correlate_pictures(a, delta,", "correlate_pictures(a[-1:], delta[-1:],"),
    ("The loop over the columns of windows stops one short in the weight gradient", "dweight",
     "the last column of windows is left out",
     "correlate_pictures(a, delta,", "correlate_pictures(a, delta * (np.arange(delta.shape[3]) < delta.shape[3] - 1),"),
])  # fmt: skip


@bug("y")
class _(Conv2d):
    """The picture is padded with its own edge, not with 0."""

    def forward(self, a):
        (p, q), valid = self._padding, self.like()
        valid._padding = 0, 0
        return Conv2d.forward(valid, np.pad(a, ((0, 0), (0, 0), (p, p), (q, q)), "edge"))[0], a


@bug("dweight", "not summed over the batch")
class _(Conv2d):
    """The weight gradient is not summed over the batch."""

    def gradient(self, delta, a):
        right, alone = super().gradient(delta, a), [slice(n, n + 1) for n in range(len(a))]
        each = [super(type(self), self).gradient(delta[n], a[n]).weight for n in alone]
        return right.like(weight=np.stack(each), bias=right.bias)


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
