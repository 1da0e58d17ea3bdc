from collections.abc import Iterator
from typing import Any

import numpy as np

from manual.numbers.checks import AtLeast0, InputError
from manual.numbers.number_types import Array, positive
from manual.penalty import Penalty


class ElasticNet(Penalty):
    """A mixture of L1 and L2: some weights end at 0, and those that belong together stay together.

        C = α (ρ Σ |w| + (1 − ρ)/2 Σ w²)          ρ is l1_ratio
        ∂C/∂w = α (ρ sign w + (1 − ρ) w)          sign 0 = 0 by convention, torch's too

    Raises:
        InputError: alpha is negative or not finite; l1_ratio is not in [0, 1].
    Source: Zou & Hastie, "Regularization and Variable Selection via the Elastic Net", 2005; document B, overfitting.
    Torch has none; the names are scikit-learn's.
    """

    alpha: AtLeast0
    l1_ratio: AtLeast0 = 0.5

    def __post_init__(self) -> None:
        if self.l1_ratio > 1:
            raise InputError(f"ElasticNet: l1_ratio must be in [0, 1], got {self.l1_ratio!r}")

    def of(self, w: Array, /) -> Any:
        rho = self.l1_ratio
        return self.alpha * (rho * np.abs(w).sum() + (1 - rho) * (w * w).sum() / 2)

    def slope(self, w: Array, /) -> Array:
        rho = self.l1_ratio
        return self.alpha * (rho * (np.zeros_like(w) + positive(w) - positive(-w)) + (1 - rho) * w)


def examples(rng: np.random.Generator) -> Iterator[ElasticNet]:
    yield ElasticNet(0.3)
    yield ElasticNet(0.2, l1_ratio=0.9)
