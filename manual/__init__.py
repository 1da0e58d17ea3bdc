"""Backpropagation written by hand, in NumPy.

Read `layers/linear.py` first: equations 2, 3 and 4. Then `network.py`, which sends δ back through the layers, and
`train.py`, the loop around it.
"""

from manual import init
from manual.checks import InputError
from manual.described import parameter, state
from manual.layer import Layer
from manual.layers import Identity, Linear, ReLU, Sigmoid, Softmax, Tanh
from manual.loss import Loss
from manual.losses import BCEWithLogitsLoss, CrossEntropyLoss, HalfMSELoss, MSELoss
from manual.network import Network
from manual.number_types import Undecided, lift, positive
from manual.optimizer import Optimizer
from manual.optimizers import SGD, Adam, AdamW, RMSprop
from manual.train import Diverged, Step, batches, train

__all__ = [
    "SGD", "Adam", "AdamW", "BCEWithLogitsLoss", "CrossEntropyLoss", "Diverged", "HalfMSELoss", "Identity", "InputError",
    "Layer", "Linear", "Loss", "MSELoss", "Network", "Optimizer", "RMSprop", "ReLU", "Sigmoid", "Softmax", "Step", "Tanh",
    "Undecided", "batches", "init", "lift", "parameter", "positive", "state", "train",
]
