"""One file a layer. Each ends with `examples(rng)`, the cases on which the parity tests find it."""

from manual.layers.identity import Identity
from manual.layers.linear import Linear
from manual.layers.relu import ReLU
from manual.layers.sigmoid import Sigmoid
from manual.layers.softmax import Softmax
from manual.layers.tanh import Tanh

__all__ = ["Identity", "Linear", "ReLU", "Sigmoid", "Softmax", "Tanh"]
