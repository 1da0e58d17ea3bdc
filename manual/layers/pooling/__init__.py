"""One number for each window: its mean or its largest."""

from manual.layers.pooling.adaptive_avg_pool2d import AdaptiveAvgPool2d
from manual.layers.pooling.avg_pool2d import AvgPool2d
from manual.layers.pooling.max_pool1d import MaxPool1d
from manual.layers.pooling.max_pool2d import MaxPool2d

__all__ = ["AdaptiveAvgPool2d", "AvgPool2d", "MaxPool1d", "MaxPool2d"]
