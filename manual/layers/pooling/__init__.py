"""One number for each window: its mean or its largest."""

from manual.layers.pooling.avg_pool2d import AvgPool2d
from manual.layers.pooling.max_pool2d import MaxPool2d

__all__ = ["AvgPool2d", "MaxPool2d"]
