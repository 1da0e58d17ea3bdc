"""One file a block: layers that are made of layers. Each ends with `examples(rng)`, as a layer's file does."""

from manual.blocks.every_step import EveryStep
from manual.blocks.multihead_attention import MultiheadAttention
from manual.blocks.residual import Residual

__all__ = ["EveryStep", "MultiheadAttention", "Residual"]
