"""One file a block: layers that are made of layers. Each ends with `examples(rng)`, as a layer's file does."""

from manual.blocks.bert_embeddings import BertEmbeddings
from manual.blocks.every_step import EveryStep
from manual.blocks.gpt_block import GPTBlock
from manual.blocks.multihead_attention import MultiheadAttention
from manual.blocks.residual import Residual
from manual.blocks.transformer_decoder_layer import TransformerDecoderLayer
from manual.blocks.transformer_encoder_layer import TransformerEncoderLayer

__all__ = [
    "BertEmbeddings", "EveryStep", "GPTBlock", "MultiheadAttention", "Residual", "TransformerDecoderLayer",
    "TransformerEncoderLayer",
]
