from bisect import bisect_right
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np

from manual.numbers.checks import InputError, instance, whole
from manual.schedule import Schedule
from manual.schedules.cosine_annealing_lr import CosineAnnealingLR
from manual.schedules.linear_lr import LinearLR


class SequentialLR(Schedule):
    """One schedule after the other, each from its own step 0: warm-up, then a cosine.

        schedules[i] at t − milestones[i − 1], where milestones[i − 1] ≤ t < milestones[i]

    Raises:
        InputError: one of the schedulers is not a Schedule; milestones are not rising integers, one fewer
            than the schedulers.
    Same as torch.optim.lr_scheduler.SequentialLR.
    """

    schedulers: list[Schedule]
    milestones: list[int]

    def __post_init__(self) -> None:
        for schedule in self.schedulers:
            instance(self, "schedulers", schedule, Schedule)
        self.milestones = [whole(self, "a milestone", t, 1) for t in self.milestones]
        rising = all(a < b for a, b in pairwise(self.milestones))
        if not rising or len(self.milestones) != len(self.schedulers) - 1:
            raise InputError(f"SequentialLR: expected rising milestones, one fewer than the {len(self.schedulers)} "
                             f"schedulers, got {self.milestones}")

    def rate(self, t: int, lr: Any, /) -> Any:
        return self.at(t, {"lr": lr})["lr"]

    def at(self, t: int, own: dict[str, Any], /) -> dict[str, Any]:
        i = bisect_right(self.milestones, t)
        return self.schedulers[i].at(t - (self.milestones[i - 1] if i else 0), own)


def examples(rng: np.random.Generator) -> Iterator[SequentialLR]:
    yield SequentialLR([LinearLR(0.1, total_iters=4), CosineAnnealingLR(12), LinearLR(0.5, total_iters=3)], [4, 12])
