from collections.abc import Iterator
from dataclasses import KW_ONLY, InitVar
from typing import Any

import numpy as np

from manual.block import Block
from manual.layers import Embedding, LayerNorm, LearnedPositions
from manual.numbers.checks import InputError, shown
from manual.numbers.number_types import Array


class BertEmbeddings(Block):
    """All that an encoder is told of a word: which one it is, where it stands, and in which of two sentences.

        z = word_embeddings[i] + position_embeddings[t] + token_type_embeddings[s],  y = LayerNorm(z)

    A sum sends its δ to each of its terms. With d = LayerNormᵀ δ:

        ∂C/∂word_embeddings[w] = Σ d, over the places where i is w;  token_type_embeddings likewise
        ∂C/∂position_embeddings[t] = Σₙ d[n, t]

        i (N, T) integers; a second input, s (N, T), says which sentence a word is of: 0, unless it is given;
        y (N, T, hidden_size)

    The word `padding_idx` has no gradient, as in Embedding.

    Raises:
        InputError: a size is not an integer >= 1; padding_idx is not the number of a word; layer_norm_eps is negative
            or not finite; rng is not a Generator; i or s holds no words, or they differ in shape; there are more places
            than max_position_embeddings.
    Source: Devlin et al., "BERT: Pre-training of Deep Bidirectional Transformers", 2019, figure 2. The names are those
    of BERT's published weights.
    """

    vocab_size: int
    hidden_size: int
    max_position_embeddings: int = 512
    type_vocab_size: int = 2
    _: KW_ONLY
    padding_idx: int | None = 0
    layer_norm_eps: Any = 1e-12
    rng: InitVar[np.random.Generator]

    def __post_init__(self, rng: np.random.Generator) -> None:
        d = self.hidden_size
        self.parts = {
            "word_embeddings": Embedding(self.vocab_size, d, self.padding_idx, rng=rng),
            "position_embeddings": LearnedPositions(self.max_position_embeddings, d, rng=rng),
            "token_type_embeddings": Embedding(self.type_vocab_size, d, rng=rng),
            "LayerNorm": LayerNorm(d, self.layer_norm_eps),
        }

    def forward(self, i: Array, /, *types: Array) -> tuple[Array, Any]:
        s = types[0] if types else np.zeros_like(i)
        if getattr(i, "ndim", 0) != 2 or np.shape(s) != i.shape:
            raise InputError(f"{self!r}: expected words (N, T), and types of that shape, got {shown(i)} and {shown(s)}")
        run, tape = self.runs()
        z = run("position_embeddings", run("word_embeddings", i)) + run("token_type_embeddings", s)
        return run("LayerNorm", z), (tape, len(types))

    def backward(self, delta: Array, cache: Any, /) -> tuple[Any, "BertEmbeddings"]:
        tape, types = cache
        back, gradient = self.backs(tape)
        d = back("LayerNorm", delta)
        back("token_type_embeddings", d)
        back("word_embeddings", back("position_embeddings", d))
        return (None, None) if types else None, gradient()


def examples(rng: np.random.Generator) -> Iterator[tuple[BertEmbeddings, Any]]:
    i = np.array([[1, 2, 1, 0], [3, 4, 4, 1]])
    yield BertEmbeddings(5, 4, 6, layer_norm_eps=0.1, rng=rng), i
    yield BertEmbeddings(5, 2, 4, 3, padding_idx=None, layer_norm_eps=0.1, rng=rng), (i, i // 2)
