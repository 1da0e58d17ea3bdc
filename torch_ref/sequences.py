"""Torch's layers of sequences, with the inputs of the manual ones; and those that torch lacks.

Attention runs as plain operations, unless its `backends` are set otherwise: the fused ones have derivatives by
formulas of their own.
"""

from typing import Any

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel


class LSTM(torch.nn.LSTM):
    """torch.nn.LSTM with its state as two inputs, not a pair."""

    def forward(self, x: Tensor, *start: Tensor) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        return super().forward(x, start or None)  # pyright: ignore[reportArgumentType, reportCallIssue]


class LSTMCell(torch.nn.LSTMCell):
    """Likewise."""

    def forward(self, x: Tensor, *start: Tensor) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        return super().forward(x, start or None)  # pyright: ignore[reportArgumentType]


class MultiheadAttention(torch.nn.MultiheadAttention):
    """torch.nn.MultiheadAttention with x for query, key and value, its masks last, and `causal` as an attn_mask."""

    backends = (SDPBackend.MATH,)

    def __init__(self, embed_dim: int, num_heads: int, causal: bool, **how: bool) -> None:
        super().__init__(embed_dim, num_heads, **how)
        self.causal = causal

    def forward(self, *inputs: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        given = [x for x in inputs if x.dtype != torch.bool]
        padding, mask, *_ = [*inputs[len(given) :], None, None]
        query, key, value = given * 3 if len(given) == 1 else given
        mask = _and_later(mask, self.causal, query, key, self.batch_first)
        with sdpa_kernel([*self.backends]):
            return super().forward(query, key, value, padding, need_weights=False, attn_mask=mask)[0]


class TransformerEncoderLayer(torch.nn.TransformerEncoderLayer):
    """torch.nn.TransformerEncoderLayer without dropout, with `causal` as a src_mask."""

    backends = (SDPBackend.MATH,)

    def __init__(self, d_model: int, nhead: int, dim_feedforward: int, *, causal: bool, **how: Any) -> None:
        super().__init__(d_model, nhead, dim_feedforward, dropout=0.0, **how)
        self.causal = causal

    def forward(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, x: Tensor, padding: Tensor | None = None, mask: Tensor | None = None
    ) -> Tensor:
        mask = _and_later(mask, self.causal, x, x, self.self_attn.batch_first)
        with sdpa_kernel([*self.backends]):
            return super().forward(x, mask, padding)


class TransformerDecoderLayer(torch.nn.TransformerDecoderLayer):
    """Likewise, with `causal` as a tgt_mask."""

    backends = (SDPBackend.MATH,)

    def __init__(self, d_model: int, nhead: int, dim_feedforward: int, *, causal: bool, **how: Any) -> None:
        super().__init__(d_model, nhead, dim_feedforward, dropout=0.0, **how)
        self.causal = causal

    def forward(self, tgt: Tensor, memory: Tensor, *masks: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        padding, memory_padding, mask, memory_mask, *_ = [*masks, None, None, None, None]
        mask = _and_later(mask, self.causal, tgt, tgt, self.self_attn.batch_first)
        with sdpa_kernel([*self.backends]):
            return super().forward(tgt, memory, mask, memory_mask, padding, memory_padding)


def _and_later(mask: Tensor | None, causal: bool, query: Tensor, key: Tensor, batch_first: bool) -> Tensor | None:
    """The mask, and if it is to be causal True where a key comes after the query."""
    if not causal:
        return mask
    at = query.dim() - 2 if batch_first else 0
    later = torch.ones(query.shape[at], key.shape[at], dtype=torch.bool, device=query.device).triu(1)
    return later if mask is None else later | mask


class GPTBlock(torch.nn.Module):
    """x + attn(ln_1(x)), and to that its mlp(ln_2(…)), which torch lacks."""

    def __init__(self, embed_dim: int, num_heads: int, bias: bool) -> None:
        super().__init__()
        self.ln_1 = torch.nn.LayerNorm(embed_dim, bias=bias)
        self.attn = MultiheadAttention(embed_dim, num_heads, bias=bias, batch_first=True, causal=True)
        self.ln_2 = torch.nn.LayerNorm(embed_dim, bias=bias)
        wide = torch.nn.Linear(embed_dim, 4 * embed_dim, bias)
        self.mlp = torch.nn.Sequential(wide, torch.nn.GELU("tanh"), torch.nn.Linear(4 * embed_dim, embed_dim, bias))

    def forward(self, x: Tensor) -> Tensor:
        z = x + self.attn(self.ln_1(x))
        return z + self.mlp(self.ln_2(z))


class BertEmbeddings(torch.nn.Module):
    """LayerNorm of the sum of three embeddings, which torch lacks."""

    def __init__(
        self, vocab_size: int, hidden_size: int, padding_idx: int | None, layer_norm_eps: float, **of: int
    ) -> None:
        super().__init__()
        self.word_embeddings = torch.nn.Embedding(vocab_size, hidden_size, padding_idx)
        self.position_embeddings = torch.nn.Embedding(of["max_position_embeddings"], hidden_size)
        self.token_type_embeddings = torch.nn.Embedding(of["type_vocab_size"], hidden_size)
        self.LayerNorm = torch.nn.LayerNorm(hidden_size, layer_norm_eps)

    def forward(self, i: Tensor, s: Tensor | None = None) -> Tensor:
        places = torch.arange(i.shape[1], device=i.device)
        types = self.token_type_embeddings(torch.zeros_like(i) if s is None else s)
        return self.LayerNorm(self.word_embeddings(i) + self.position_embeddings(places) + types)


class SinusoidalPositions(torch.nn.Module):
    """x + table, which torch lacks."""

    table: Tensor

    def __init__(self, max_len: int, embed_dim: int) -> None:
        super().__init__()
        self.register_buffer("table", torch.zeros(max_len, embed_dim))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.table[: x.shape[1]].to(x.dtype)


class LearnedPositions(torch.nn.Module):
    """x + weight, which torch lacks."""

    def __init__(self, max_len: int, embed_dim: int) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(max_len, embed_dim))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.weight[: x.shape[1]]


class RotaryPositions(torch.nn.Module):
    """Pairs of numbers as complex ones, turned, which torch lacks."""

    cos: Tensor
    sin: Tensor

    def __init__(self, max_len: int, dim: int, base: Any) -> None:
        super().__init__()
        del base  # the tables are the layer's
        for name in ("cos", "sin"):
            self.register_buffer(name, torch.zeros(max_len, dim // 2))

    def forward(self, x: Tensor) -> Tensor:
        turn = torch.complex(self.cos.to(x.dtype), self.sin.to(x.dtype))[: x.shape[-2]]
        pairs = torch.view_as_complex(x.reshape(*x.shape[:-1], -1, 2))
        return torch.view_as_real(pairs * turn).reshape(x.shape)


SEQUENCES: dict[str, Any] = {c.__name__: c for c in (
    LSTM, LSTMCell, MultiheadAttention, TransformerEncoderLayer, TransformerDecoderLayer, GPTBlock, BertEmbeddings,
    SinusoidalPositions,
    LearnedPositions, RotaryPositions,
)}  # fmt: skip
