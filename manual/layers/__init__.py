"""One file a layer, in rooms by kind. Each ends with `examples(rng)`, the cases on which the parity tests find it."""

from manual.layers import activations, convolution, pooling, shape
from manual.layers.activations import *
from manual.layers.convolution import *
from manual.layers.dropout import Dropout
from manual.layers.linear import Linear
from manual.layers.pooling import *
from manual.layers.shape import *

__all__ = ["Dropout", "Linear"]
__all__ += activations.__all__
__all__ += convolution.__all__
__all__ += pooling.__all__
__all__ += shape.__all__
