"""Sums over windows: convolutions."""

from manual.layers.convolution.conv2d import Conv2d

__all__ = ["Conv2d"]
