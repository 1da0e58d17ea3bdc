"""Mistakes with words, and with the windows of sequences."""

import numpy as np

from manual import Conv1d, Embedding, EveryStep, MaxPool1d, Transpose
from parity_tests.bugs.registry import bug, edits, mistakes

# ---------------------------------------------------------------- Embedding


edits(Embedding, "backward", [
    ("A word that comes twice counts once: `dW[i] += δ`", "dweight", "", "np.add.at(dW, i, delta)", "dW[i] += delta"),
    ("The padding learns, too; or, where there is none, the word 0 does not", "dweight", "",
     "self.padding_idx is not None", "self.padding_idx is None",
     "i != self.padding_idx", "i != 0"),
    ("The gradient is divided by the number of places", "dweight", "times", "weight=dW", "weight=dW / i.size"),
    ("The last place of a word alone counts", "dweight", "", "np.add.at(dW, i, delta)", "dW[i] = delta"),
    ("It hands back a derivative by the number of a word", "dx", "", "return None,", "return delta,"),
])  # fmt: skip

edits(Embedding, "forward", [
    ("The words count from 1", "y", "", "W[i], i", "W[i - 1], i"),
])  # fmt: skip


# ---------------------------------------------------------------- Conv1d


edits(Conv1d, "forward", [
    ("The kernel is turned around: a convolution in the sense of mathematics", "y", "",
     "W[:, :, None]", "W[:, :, None, ::-1]"),
])  # fmt: skip

edits(Conv1d, "backward", [
    ("δ goes back under the kernel as it is, not turned around", "dx", "permuted",
     "turned(self.weight[:, :, None], self.groups)", "turned(self.weight[:, :, None], self.groups)[..., ::-1]"),
    ("The dilation is forgotten on the way back", "dx", "", "self._stride, self._dilation", "self._stride"),
])  # fmt: skip

edits(Conv1d, "gradient", [
    ("The gradients are those of the last example alone", "dweight", "the last example alone",
     "a[:, :, None], delta[:, :, None]", "a[-1:, :, None], delta[-1:, :, None]",
     "delta.sum(", "delta[-1:].sum("),
    ("The gradient of the bias is averaged over the places", "dbias", "times",
     "delta.sum(axis=(0, 2))", "delta.sum(axis=(0, 2)) / delta.shape[2]"),
])  # fmt: skip


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


edits(MaxPool1d, "backward", [
    ("Where windows overlap the last one's δ replaces the others'", "dx", "",
     "np.add.at(da, (n, c, winner), delta)", "da[n, c, winner] = delta"),
    ("The winners are marked, without their δ", "dx", "δ is left out",
     "winner), delta)", "winner), np.ones_like(delta))"),
])  # fmt: skip

edits(MaxPool1d, "forward", [
    ("The smallest wins", "y", "", "greater(place, y)", "greater(y, place)", "np.maximum", "np.minimum"),
])  # fmt: skip


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
