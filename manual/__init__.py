"""Backpropagation written by hand, in NumPy.

Read `layers/linear.py` first: equations 2, 3 and 4. Then `network.py`, which sends δ back through the layers, and
`train.py`, the loop around it.
"""

from manual import blocks, init, layers, losses, optimizers, penalties, schedules
from manual.block import Block
from manual.blocks import *
from manual.clip import clip_grad_norm_, clip_grad_value_
from manual.described import parameter, state
from manual.layer import Layer
from manual.layers import *
from manual.loss import Loss
from manual.losses import *
from manual.network import Network
from manual.numbers.checks import InputError
from manual.numbers.number_types import Undecided, greater, lift, nonpositive, positive
from manual.optimizer import Optimizer
from manual.optimizers import *
from manual.penalties import *
from manual.penalty import Penalty
from manual.schedule import Schedule
from manual.schedules import *
from manual.train import Diverged, Step, batches, train

__all__ = [
    "Block", "Diverged", "InputError", "Layer", "Loss", "Network", "Optimizer", "Penalty", "Schedule", "Step",
    "Undecided", "batches", "clip_grad_norm_", "clip_grad_value_", "greater", "init", "lift", "nonpositive",
    "parameter", "positive", "state", "train",
]
__all__ += layers.__all__
__all__ += blocks.__all__
__all__ += losses.__all__
__all__ += optimizers.__all__
__all__ += penalties.__all__
__all__ += schedules.__all__
