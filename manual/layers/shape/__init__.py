"""The same numbers in another shape."""

from manual.layers.shape.flatten import Flatten

__all__ = ["Flatten"]
