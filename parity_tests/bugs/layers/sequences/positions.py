"""Mistakes in what says where a word stands."""

import numpy as np

from manual import LearnedPositions, RotaryPositions, SinusoidalPositions
from parity_tests.bugs.registry import mistakes


def adding(change):
    """A forward that adds something else than the first T rows."""
    return {"forward": lambda self, x: (x + change(self.table, x), None)}


def halves(table):
    return np.concatenate([table[:, 1::2], table[:, ::2]], axis=1)


def exchanged(table):
    return np.stack([table[:, 1::2], table[:, ::2]], axis=2).reshape(table.shape)


mistakes(SinusoidalPositions, [
    ("The first word has the place 1", "y", "", adding(lambda table, x: np.roll(table, -1, axis=0)[: x.shape[1]])),
    ("Sines and cosines stand in two halves", "y", "", adding(lambda table, x: halves(table)[: x.shape[1]])),
    ("Cosine stands before sine", "y", "", adding(lambda table, x: exchanged(table)[: x.shape[1]])),
    ("The places go along the batch", "y", "", adding(lambda table, x: table[: len(x), None])),
    ("The word is multiplied by the pattern", "y", "", adding(lambda table, x: x * table[: x.shape[1]] - x)),
    ("δ goes back times the pattern", "dx", "",
     {"backward": lambda self, delta, _: (delta * self.table[: delta.shape[1]], self)}),
])  # fmt: skip


def learned(change):
    """A backward with another gradient of the places that there are."""

    def backward(self, delta, n):
        dW = np.zeros_like(self.weight)
        dW[:n] = change(delta)
        return delta, self.like(weight=dW)

    return {"backward": backward}


mistakes(LearnedPositions, [
    ("The gradient is halved", "dweight", "times ½", learned(lambda delta: delta.sum(axis=0) / 2)),
    ("The gradient is that of the first example", "dweight", "the first example alone",
     learned(lambda delta: delta[0])),
    ("The gradient is summed over the places", "dweight", "summed over axis 0 too",
     learned(lambda delta: delta.sum(axis=(0, 1)))),
    ("The places count from the end", "y", "",
     {"forward": lambda self, x: (x + self.weight[: x.shape[1]][::-1], x.shape[1])}),
    ("No δ goes on to the words", "dx", "",
     {"backward": lambda self, delta, n: (0 * delta, LearnedPositions.backward(self, delta, n)[1])}),
    ("The words are not added", "y", "",
     {"forward": lambda self, x: (0 * x + self.weight[: x.shape[1]], x.shape[1])}),
])  # fmt: skip


def turned(change):
    """A forward whose pairs (a, b) become `change(a, b, cos, sin)`."""

    def forward(self, x):
        c, s = self.cos[: x.shape[-2]], self.sin[: x.shape[-2]]
        return np.stack(change(x[..., ::2], x[..., 1::2], c, s), axis=-1).reshape(x.shape), None

    return {"forward": forward}


mistakes(RotaryPositions, [
    ("It turns the other way", "y", "", turned(lambda a, b, c, s: [a * c + b * s, b * c - a * s])),
    ("Both sines have the same sign", "y", "", turned(lambda a, b, c, s: [a * c + b * s, a * s + b * c])),
    ("The two of a pair are exchanged", "y", "", turned(lambda a, b, c, s: [b * c - a * s, b * s + a * c])),
    ("δ is turned as x is, not back", "dx", "",
     {"backward": lambda self, delta, _: (self._turned(delta, self.sin), self)}),
    ("δ is not turned back", "dx", "σ' is left out", {"backward": lambda self, delta, _: (delta, self)}),
    ("δ goes back at half its size", "dx", "times ½",
     {"backward": lambda self, delta, _: (self._turned(delta / 2, -self.sin), self)}),
])  # fmt: skip
