"""The same numbers in another shape."""

from manual.layers.shape.flatten import Flatten
from manual.layers.shape.unflatten import Unflatten

__all__ = ["Flatten", "Unflatten"]
