"""One file a layer. Each ends with `examples(rng)`, the cases on which the parity tests find it."""

from manual.layers.avg_pool2d import AvgPool2d
from manual.layers.conv2d import Conv2d
from manual.layers.dropout import Dropout
from manual.layers.flatten import Flatten
from manual.layers.identity import Identity
from manual.layers.linear import Linear
from manual.layers.max_pool2d import MaxPool2d
from manual.layers.relu import ReLU
from manual.layers.sigmoid import Sigmoid
from manual.layers.softmax import Softmax
from manual.layers.tanh import Tanh

__all__ = [
    "AvgPool2d", "Conv2d", "Dropout", "Flatten", "Identity", "Linear", "MaxPool2d", "ReLU", "Sigmoid", "Softmax",
    "Tanh",
]
