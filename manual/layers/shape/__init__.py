"""The same numbers in another shape."""

from manual.layers.shape.flatten import Flatten
from manual.layers.shape.transpose import Transpose
from manual.layers.shape.unflatten import Unflatten

__all__ = ["Flatten", "Transpose", "Unflatten"]
