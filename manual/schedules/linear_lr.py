from collections.abc import Iterator
from typing import Any

import numpy as np

from manual.numbers.checks import AtLeast0, InputError, Size
from manual.schedule import Schedule


class LinearLR(Schedule):
    """Warm-up: the learning rate grows in a straight line (or falls), and then stays.

        η_t = η (a + (b − a) min(t, T) / T)       from start_factor a to end_factor b in total_iters T steps

    Raises:
        InputError: start_factor is not in (0, 1]; end_factor is not in [0, 1]; total_iters is not an integer >= 1.
    Same as torch.optim.lr_scheduler.LinearLR.
    """

    start_factor: AtLeast0 = 1 / 3
    end_factor: AtLeast0 = 1
    total_iters: Size = 5

    def __post_init__(self) -> None:
        if not 0 < self.start_factor <= 1 or self.end_factor > 1:
            raise InputError("LinearLR: start_factor must be in (0, 1] and end_factor in [0, 1], "
                             f"got {self.start_factor!r} and {self.end_factor!r}")

    def rate(self, t: int, lr: Any, /) -> Any:
        a, b = self.start_factor, self.end_factor
        return lr * (a + (b - a) * min(t, self.total_iters) / self.total_iters)


def examples(rng: np.random.Generator) -> Iterator[LinearLR]:
    yield LinearLR()
    yield LinearLR(0.01, 0.9, total_iters=8)
