"""Sums over windows: convolutions."""

from manual.layers.convolution.conv1d import Conv1d
from manual.layers.convolution.conv2d import Conv2d
from manual.layers.convolution.conv_transpose2d import ConvTranspose2d

__all__ = ["Conv1d", "Conv2d", "ConvTranspose2d"]
