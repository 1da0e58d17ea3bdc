"""Backpropagation written by hand, in NumPy.

Read `layers/linear.py` first: equations 2, 3 and 4. Then `network.py`, which sends δ back through the layers, and
`train.py`, the loop around it.
"""

from manual import init
from manual.described import parameter, state
from manual.layer import Layer
from manual.layers import (
    AvgPool2d,
    Conv2d,
    Dropout,
    Flatten,
    Identity,
    Linear,
    MaxPool2d,
    ReLU,
    Sigmoid,
    Softmax,
    Tanh,
)
from manual.loss import Loss
from manual.losses import BCEWithLogitsLoss, CrossEntropyLoss, HalfMSELoss, MSELoss
from manual.network import Network
from manual.numbers.checks import InputError
from manual.numbers.number_types import Undecided, greater, lift, nonpositive, positive
from manual.optimizer import Optimizer
from manual.optimizers import SGD, Adam, AdamW, RMSprop
from manual.penalties import L1, L2, ElasticNet
from manual.penalty import Penalty
from manual.train import Diverged, Step, batches, train

__all__ = [
    "L1", "L2", "SGD", "Adam", "AdamW", "AvgPool2d", "BCEWithLogitsLoss", "Conv2d", "CrossEntropyLoss", "Diverged",
    "Dropout", "ElasticNet", "Flatten", "HalfMSELoss", "Identity", "InputError", "Layer", "Linear", "Loss", "MSELoss",
    "MaxPool2d", "Network", "Optimizer", "Penalty", "RMSprop", "ReLU", "Sigmoid", "Softmax", "Step", "Tanh",
    "Undecided",
    "batches", "greater", "init", "lift", "nonpositive", "parameter", "positive", "state", "train",
]
