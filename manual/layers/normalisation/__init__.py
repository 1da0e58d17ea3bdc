"""Numbers brought to mean 0 and variance 1, over the batch or over the features."""

from manual.layers.normalisation.batch_norm import BatchNorm1d, BatchNorm2d
from manual.layers.normalisation.group_norm import GroupNorm
from manual.layers.normalisation.layer_norm import LayerNorm
from manual.layers.normalisation.rms_norm import RMSNorm

__all__ = ["BatchNorm1d", "BatchNorm2d", "GroupNorm", "LayerNorm", "RMSNorm"]
