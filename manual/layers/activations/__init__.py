"""One number in, one number out, and softmax: what stands between the sums."""

from manual.layers.activations.elu import ELU
from manual.layers.activations.gelu import GELU
from manual.layers.activations.identity import Identity
from manual.layers.activations.leaky_relu import LeakyReLU
from manual.layers.activations.log_softmax import LogSoftmax
from manual.layers.activations.relu import ReLU
from manual.layers.activations.sigmoid import Sigmoid
from manual.layers.activations.silu import SiLU
from manual.layers.activations.softmax import Softmax
from manual.layers.activations.softplus import Softplus
from manual.layers.activations.tanh import Tanh

__all__ = [
    "ELU", "GELU", "Identity", "LeakyReLU", "LogSoftmax", "ReLU", "SiLU", "Sigmoid", "Softmax", "Softplus", "Tanh",
]
