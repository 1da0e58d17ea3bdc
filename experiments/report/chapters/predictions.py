"""What networks predict on the test part, and how good that is."""

from typing import NamedTuple

import numpy as np
from markupsafe import Markup

from manual.numbers.number_types import Array

SIDES = ("manual", "torch")


class Predictions(NamedTuple):
    """The class of each test picture, the one that a network takes it for, and which of them is the positive one."""

    y: Array
    predicted: Array
    positive: int

    @property
    def accuracy(self) -> float:
        return float((self.predicted == self.y).mean())

    @property
    def precision(self) -> float | None:
        """The share of those that it takes for the positive class that are of it; of none there is none."""
        right = (self.y == self.positive)[self.predicted == self.positive]
        return float(right.mean()) if len(right) else None

    @property
    def recall(self) -> float:
        """The share of the positive class that it takes for it."""
        return float((self.predicted == self.positive)[self.y == self.positive].mean())

    @property
    def confusion(self) -> list[list[int]]:
        """How often each class (row) was taken for each (column)."""
        classes = self.y.max() + 1
        counts = np.zeros((classes, classes), int)
        np.add.at(counts, (self.y, self.predicted), 1)
        return counts.tolist()


class Pair(NamedTuple):
    """One initialisation, trained by both, and what each predicts; and when and by which code, if it was before this
    report."""

    seed: int
    before: str
    manual: Predictions
    torch: Predictions

    @property
    def same(self) -> int:
        """How many test pictures both take for the same."""
        return int((self.manual.predicted == self.torch.predicted).sum())


class Trained(NamedTuple):
    """A network: its curves, and all its initialisations."""

    title: str
    curves: Markup
    caption: str
    pairs: list[Pair]

    @property
    def mean(self) -> dict[str, float]:
        """The test accuracy over all initialisations."""
        return {side: float(np.mean([getattr(pair, side).accuracy for pair in self.pairs])) for side in SIDES}
