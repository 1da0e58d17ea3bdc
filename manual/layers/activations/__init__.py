"""One number in, one number out, and softmax: what stands between the sums."""

from manual.layers.activations.identity import Identity
from manual.layers.activations.relu import ReLU
from manual.layers.activations.sigmoid import Sigmoid
from manual.layers.activations.softmax import Softmax
from manual.layers.activations.tanh import Tanh

__all__ = ["Identity", "ReLU", "Sigmoid", "Softmax", "Tanh"]
