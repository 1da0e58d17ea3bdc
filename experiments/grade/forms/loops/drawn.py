"""Data that are drawn for a file that loads its own from elsewhere: rows or columns, and what the target may be."""

from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any

import numpy as np

from experiments.grade.forms.loops.turns.space import Names

EXAMPLES, IN_A_BATCH = 5, 3
"""Fewer in a batch, so that these are not all."""
WIDTHS = (3, 2, 4, 1)
"""How many numbers an example may have."""


class Table(np.ndarray):
    """An array that may be taken for a table of pandas'."""

    @property
    def values(self) -> Any:
        """The array itself."""
        return np.asarray(self)

    def to_numpy(self) -> Any:
        """The array itself."""
        return np.asarray(self)


def drawn(rng: np.random.Generator, widths: Sequence[int]) -> Iterator[Names]:
    """Data x and target y."""
    labels = np.array([0, 1, 1, 0, 1])
    hot = np.eye(2)[labels]
    for width, columns in product(widths, (False, True)):
        x = rng.standard_normal((EXAMPLES, width))
        for y in [labels[None, :] * 1.0, hot.T] if columns else [labels, labels[:, None] * 1.0, hot]:
            yield {"x": (x.T.copy() if columns else x).view(Table), "y": y.copy().view(Table)}
