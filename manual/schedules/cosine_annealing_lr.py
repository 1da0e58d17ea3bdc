from collections.abc import Iterator
from math import cos, pi
from typing import Any

import numpy as np

from manual.numbers.checks import AtLeast0, Size
from manual.schedule import Schedule


class CosineAnnealingLR(Schedule):
    """The learning rate falls along half a cosine: slowly, fast, slowly. After T_max steps it rises again.

        η_t = η_min + (η − η_min) (1 + cos(π t / T_max)) / 2

    Raises:
        InputError: T_max is not an integer >= 1; eta_min is negative or not finite.
    Source: Loshchilov & Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts", ICLR 2017, equation 5. Same
    as torch.optim.lr_scheduler.CosineAnnealingLR.
    """

    T_max: Size
    eta_min: AtLeast0 = 0

    def rate(self, t: int, lr: Any, /) -> Any:
        return self.eta_min + (lr - self.eta_min) * (1 + cos(pi * t / self.T_max)) / 2


def examples(rng: np.random.Generator) -> Iterator[CosineAnnealingLR]:
    yield CosineAnnealingLR(20)
    yield CosineAnnealingLR(5, eta_min=0.01)
