from collections.abc import Iterator
from typing import Any

import numpy as np

from manual.numbers.checks import AtLeast0, Size
from manual.schedule import Schedule


class StepLR(Schedule):
    """The learning rate drops every so many steps.

        η_t = η γ^⌊t / step_size⌋

    Raises:
        InputError: step_size is not an integer >= 1; gamma is negative or not finite.
    Same as torch.optim.lr_scheduler.StepLR.
    """

    step_size: Size
    gamma: AtLeast0 = 0.1

    def rate(self, t: int, lr: Any, /) -> Any:
        return lr * self.gamma ** (t // self.step_size)


def examples(rng: np.random.Generator) -> Iterator[StepLR]:
    yield StepLR(3)
    yield StepLR(2, gamma=0.7)
