"""One number in, one number out, and softmax: what stands between the sums."""

from manual.layers.activations.elu import ELU
from manual.layers.activations.gelu import GELU
from manual.layers.activations.hardsigmoid import Hardsigmoid
from manual.layers.activations.identity import Identity
from manual.layers.activations.leaky_relu import LeakyReLU
from manual.layers.activations.log_softmax import LogSoftmax
from manual.layers.activations.mish import Mish
from manual.layers.activations.relu import ReLU
from manual.layers.activations.selu import SELU
from manual.layers.activations.sigmoid import Sigmoid
from manual.layers.activations.silu import SiLU
from manual.layers.activations.softmax import Softmax
from manual.layers.activations.softplus import Softplus
from manual.layers.activations.tanh import Tanh

__all__ = [
    "ELU", "GELU", "SELU", "Hardsigmoid", "Identity", "LeakyReLU", "LogSoftmax", "Mish", "ReLU", "SiLU", "Sigmoid",
    "Softmax", "Softplus", "Tanh",
]
