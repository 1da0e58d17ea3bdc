from collections.abc import Iterator
from typing import Any

import numpy as np

from manual.numbers.checks import AtLeast0
from manual.schedule import Schedule


class ExponentialLR(Schedule):
    """The learning rate shrinks by the same share every step.

        η_t = η γ^t

    Raises:
        InputError: gamma is negative or not finite.
    Same as torch.optim.lr_scheduler.ExponentialLR.
    """

    gamma: AtLeast0

    def rate(self, t: int, lr: Any, /) -> Any:
        return lr * self.gamma**t


def examples(rng: np.random.Generator) -> Iterator[ExponentialLR]:
    yield ExponentialLR(0.9)
