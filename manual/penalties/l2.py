from collections.abc import Iterator
from typing import Any

import numpy as np

from manual.numbers.checks import AtLeast0
from manual.numbers.number_types import Array
from manual.penalty import Penalty


class L2(Penalty):
    """Half the sum of the squared weights: it pulls each weight towards 0 with a force in proportion to it.

        C = α/2 Σ w²
        ∂C/∂w = α w               what the optimizers' weight_decay adds, which does not spare the biases

    Raises:
        InputError: alpha is negative or not finite.
    Source: Hoerl & Kennard, "Ridge Regression", 1970; document B, overfitting. Torch has none.
    """

    alpha: AtLeast0

    def of(self, w: Array, /) -> Any:
        return self.alpha * (w * w).sum() / 2

    def slope(self, w: Array, /) -> Array:
        return self.alpha * w


def examples(rng: np.random.Generator) -> Iterator[L2]:
    yield L2(0.3)
