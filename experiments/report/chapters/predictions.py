"""What networks answer on the test part, and how good that is."""

from typing import NamedTuple

import numpy as np
from markupsafe import Markup

from manual.number_types import Array

SIDES = ("manual", "torch")


class Answers(NamedTuple):
    """The kind of each test picture, the one that a network takes it for, and which of them is sought."""

    y: Array
    taken: Array
    sought: int

    @property
    def accuracy(self) -> float:
        return float((self.taken == self.y).mean())

    @property
    def precision(self) -> float | None:
        """The share that is what is sought, of what is taken for it; of nothing there is none."""
        right = (self.y == self.sought)[self.taken == self.sought]
        return float(right.mean()) if len(right) else None

    @property
    def recall(self) -> float:
        """The share that is taken for what is sought, of what is."""
        return float((self.taken == self.sought)[self.y == self.sought].mean())

    @property
    def confusion(self) -> list[list[int]]:
        """How often each kind (row) was taken for each (column)."""
        kinds = range(self.y.max() + 1)
        return [[int((self.taken[self.y == kind] == other).sum()) for other in kinds] for kind in kinds]


class Pair(NamedTuple):
    """One initialisation, trained by both, and what each answers; and when and by which code, if it was before this
    report."""

    seed: int
    before: str
    manual: Answers
    torch: Answers

    @property
    def same(self) -> int:
        """How many test pictures both take for the same."""
        return int((self.manual.taken == self.torch.taken).sum())


class Trained(NamedTuple):
    """A network: its curves, and all its initialisations."""

    title: str
    curves: Markup
    told: str
    pairs: list[Pair]

    @property
    def mean(self) -> dict[str, float]:
        """The test accuracy over all initialisations."""
        return {side: float(np.mean([getattr(pair, side).accuracy for pair in self.pairs])) for side in SIDES}
