"""One file an optimizer. Each ends with `examples(rng)`, the cases on which the parity tests find it."""

from manual.optimizers.adadelta import Adadelta
from manual.optimizers.adagrad import Adagrad
from manual.optimizers.adam import Adam
from manual.optimizers.adamw import AdamW
from manual.optimizers.muon import Muon
from manual.optimizers.nadam import NAdam
from manual.optimizers.radam import RAdam
from manual.optimizers.rmsprop import RMSprop
from manual.optimizers.sgd import SGD

__all__ = ["SGD", "Adadelta", "Adagrad", "Adam", "AdamW", "Muon", "NAdam", "RAdam", "RMSprop"]
