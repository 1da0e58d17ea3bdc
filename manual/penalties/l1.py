from collections.abc import Iterator
from typing import Any

import numpy as np

from manual.numbers.checks import AtLeast0
from manual.numbers.number_types import Array, positive
from manual.penalty import Penalty


class L1(Penalty):
    """The sum of the weights' magnitudes: it pulls each weight towards 0 with the same force, and many end there.

        C = α Σ |w|
        ∂C/∂w = α sign w          sign 0 = 0 by convention, torch's too

    Raises:
        InputError: alpha is negative or not finite.
    Source: Tibshirani, "Regression Shrinkage and Selection via the Lasso", 1996; document B, overfitting. Torch has
    none.
    """

    alpha: AtLeast0

    def of(self, w: Array, /) -> Any:
        return self.alpha * np.abs(w).sum()

    def slope(self, w: Array, /) -> Array:
        return self.alpha * (np.zeros_like(w) + positive(w) - positive(-w))


def examples(rng: np.random.Generator) -> Iterator[L1]:
    yield L1(0.3)
