"""One file a schedule. Each ends with `examples(rng)`, the cases on which the tests find it."""

from manual.schedules.cosine_annealing_lr import CosineAnnealingLR
from manual.schedules.exponential_lr import ExponentialLR
from manual.schedules.linear_lr import LinearLR
from manual.schedules.one_cycle_lr import OneCycleLR
from manual.schedules.sequential_lr import SequentialLR
from manual.schedules.step_lr import StepLR

__all__ = ["CosineAnnealingLR", "ExponentialLR", "LinearLR", "OneCycleLR", "SequentialLR", "StepLR"]
