"""Real scanned digits, 8×8, from scikit-learn: 1,797 of them."""

from functools import cache

import numpy as np

from experiments.data.splits import Part, Parts
from manual.numbers.number_types import Array


def digits() -> Parts:
    """Test: a fifth of the digits; validation: an eighth of the rest. Each class has its share of every part, the
    split is always the same, and pixels are scaled from 0…16 to 0…1."""
    from sklearn.model_selection import train_test_split  # a second, which no other data set waits for

    x, y = _scanned()
    x, x_test, y, y_test = map(np.asarray, train_test_split(x / 16, y, test_size=1 / 5, stratify=y, random_state=0))
    x, x_val, y, y_val = map(np.asarray, train_test_split(x, y, test_size=1 / 8, stratify=y, random_state=0))
    return Parts(Part(x, y), Part(x_val, y_val), Part(x_test, y_test))


@cache
def _scanned() -> tuple[Array, Array]:
    """Pixels and classes, which are read from text once."""
    from sklearn.datasets import load_digits

    x, y = map(np.asarray, load_digits(return_X_y=True))
    return x, y
