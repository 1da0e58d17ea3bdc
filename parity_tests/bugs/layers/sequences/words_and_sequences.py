"""Mistakes with words, and with the windows of sequences."""

import numpy as np

from manual import Conv1d, Embedding, EveryStep, MaxPool1d, Transpose
from parity_tests.bugs.registry import bug, mistakes

# ---------------------------------------------------------------- Embedding


@bug("dweight")
class _(Embedding):
    """A word that comes twice counts once: `dW[i] += δ`."""

    def backward(self, delta, i):
        dW = np.zeros_like(self.weight)
        dW[i] += delta if self.padding_idx is None else delta * (i != self.padding_idx)[..., None]
        return None, self.like(weight=dW)


@bug("dweight")
class _(Embedding):
    """The padding learns, too; or, where there is none, the word 0 does not."""

    def backward(self, delta, i):
        dW = np.zeros_like(self.weight)
        np.add.at(dW, i, delta if self.padding_idx is not None else delta * (i != 0)[..., None])
        return None, self.like(weight=dW)


@bug("dweight", "times")
class _(Embedding):
    """The gradient is divided by the number of places."""

    def backward(self, delta, i):
        _, gradient = super().backward(delta, i)
        return None, self.like(weight=gradient.weight / i.size)


@bug("y")
class _(Embedding):
    """The words count from 1."""

    def forward(self, i):
        return self.weight[i - 1], i


@bug("dweight")
class _(Embedding):
    """The last place of a word alone counts."""

    def backward(self, delta, i):
        dW = np.zeros_like(self.weight)
        dW[i] = delta if self.padding_idx is None else delta * (i != self.padding_idx)[..., None]
        return None, self.like(weight=dW)


@bug("dx")
class _(Embedding):
    """It hands back a derivative by the number of a word."""

    def backward(self, delta, i):
        return delta, super().backward(delta, i)[1]


# ---------------------------------------------------------------- Conv1d


@bug("y")
class _(Conv1d):
    """The kernel is turned around: a convolution in the sense of mathematics."""

    def forward(self, a):
        return super(type(self), self.like(weight=self.weight[:, :, ::-1], bias=self.bias)).forward(a)


@bug("dx", "permuted")
class _(Conv1d):
    """δ goes back under the kernel as it is, not turned around."""

    def backward(self, delta, a):
        turned = self.like(weight=self.weight[:, :, ::-1], bias=self.bias)
        return super(type(self), turned).backward(delta, a)[0], self.gradient(delta, a)


@bug("dweight", "the last example alone")
class _(Conv1d):
    """The gradients are those of the last example alone."""

    def gradient(self, delta, a):
        return super().gradient(delta[-1:], a[-1:])


@bug("dbias", "times")
class _(Conv1d):
    """The gradient of the bias is averaged over the places."""

    def gradient(self, delta, a):
        right = super().gradient(delta, a)
        return self.like(weight=right.weight, bias=None if self.bias is None else right.bias / delta.shape[2])


@bug("y", "permuted")
class _(Conv1d):
    """The padding is on the right alone."""

    def forward(self, a):
        y, cache = super().forward(a)
        return (np.roll(y, 1, axis=2) if self.padding else y), cache


# ---------------------------------------------------------------- MaxPool1d


@bug("dx", "permuted")
class _(MaxPool1d):
    """δ goes to the first place of its window, whichever won."""

    def backward(self, delta, cache):
        shape, winner = cache
        first = np.clip(np.arange(winner.shape[2]) * self._stride - self.padding, 0, shape[2] - 1)
        return super().backward(delta, (shape, np.broadcast_to(first, winner.shape)))


@bug("dx")
class _(MaxPool1d):
    """Where windows overlap the last one's δ replaces the others'."""

    def backward(self, delta, cache):
        shape, winner = cache
        da = np.zeros_like(delta, shape=shape)
        n, c, _ = np.ogrid[tuple(map(slice, winner.shape))]
        da[n, c, winner] = delta
        return da, self


@bug("y")
class _(MaxPool1d):
    """The padding counts as 0, and wins over what is negative."""

    def forward(self, a):
        y, cache = super().forward(a)
        p = self.padding
        y = y.copy()
        if p:
            y[..., 0], y[..., -1] = np.maximum(y[..., 0], 0), np.maximum(y[..., -1], 0)
        return y, cache


@bug("dx", "δ is left out")
class _(MaxPool1d):
    """The winners are marked, without their δ."""

    def backward(self, delta, cache):
        return super().backward(np.ones_like(delta), cache)


@bug("y")
class _(MaxPool1d):
    """The smallest wins."""

    def forward(self, a):
        y, cache = super().forward(-a)
        return -y, cache


mistakes(Transpose, [
    ("The numbers are laid into the other shape as they come", "y", "it is permuted",
     {"forward": lambda self, a: (a.reshape(a.swapaxes(self.dim0, self.dim1).shape), None)}),
    ("δ is laid into the input's shape as it comes", "dx", "it is permuted",
     {"backward": lambda self, delta, _: (delta.reshape(delta.swapaxes(self.dim0, self.dim1).shape), self)}),
    ("δ goes back as it came", "dx", "σ' is left out",
     {"backward": lambda self, delta, _: (delta, self)}),
])  # fmt: skip


@bug("dx", "only the last step along axis")
class _(EveryStep):
    """δ of the last step alone goes back, as if the others were not used."""

    def backward(self, delta, cache):
        last = np.s_[:, :-1] if self.layers[0].batch_first else np.s_[:-1]  # pyright: ignore[reportAttributeAccessIssue]
        kept = delta.copy()
        kept[last] = 0
        return super().backward(kept, cache)


@bug("y")
class _(EveryStep):
    """Every step gives what the last one gives."""

    def forward(self, x):
        y, cache = super().forward(x)
        first = self.layers[0].batch_first  # pyright: ignore[reportAttributeAccessIssue]
        return np.broadcast_to(y[:, -1:] if first else y[-1:], y.shape).copy(), cache


@bug("a changed delta")
class _(EveryStep):
    """The state's δ is laid into the memory of the steps' δ."""

    def backward(self, delta, cache):
        found = super().backward(delta, cache)
        delta[...] = 0
        return found
