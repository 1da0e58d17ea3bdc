"""One file a layer, in rooms by kind. Each ends with `examples(rng)`, the cases on which the parity tests find it."""

from manual.layers import activations, convolution, normalisation, pooling, positional, recurrent, shape
from manual.layers.activations import *
from manual.layers.bilinear import Bilinear
from manual.layers.convolution import *
from manual.layers.dropout import Dropout
from manual.layers.dropout2d import Dropout2d
from manual.layers.embedding import Embedding
from manual.layers.linear import Linear
from manual.layers.normalisation import *
from manual.layers.pooling import *
from manual.layers.positional import *
from manual.layers.recurrent import *
from manual.layers.shape import *

__all__ = ["Bilinear", "Dropout", "Dropout2d", "Embedding", "Linear"]
__all__ += activations.__all__
__all__ += convolution.__all__
__all__ += normalisation.__all__
__all__ += pooling.__all__
__all__ += positional.__all__
__all__ += recurrent.__all__
__all__ += shape.__all__
