from collections.abc import Iterator
from dataclasses import KW_ONLY, InitVar

import numpy as np

from manual.described import parameter
from manual.layer import Layer
from manual.numbers.checks import InputError, Size, generator, integer, shown
from manual.numbers.number_types import Array


class Embedding(Layer, without={"max_norm": None, "norm_type": 2.0, "scale_grad_by_freq": False, "sparse": False}):
    """A vector for each word: row i of the weight for the word with the number i.

        y = W[i]                        i (N, …) integers, W (words, size), y (N, …, size)

        ∂C/∂W[w] = Σ δ, over the places where i is w      each place took a copy of the row, so its δ is the row's

    It is Linear on a one-hot vector, without the products with 0. There is no ∂C/∂i: a number of a word cannot be
    moved a little. The word `padding_idx` stands for no word: it starts as zeros, and has no gradient, by convention,
    so that it stays what it is.

    Weights start as torch's do, normal with deviation 1.

    Raises:
        InputError: num_embeddings or embedding_dim is not an integer >= 1; padding_idx is not the number of a word; rng
            is not a Generator; the input is not an array of integers, or one of them is not the number of a word.
    Source: Bengio et al., "A Neural Probabilistic Language Model", 2003, the matrix C. Same as torch.nn.Embedding
    (without max_norm, scale_grad_by_freq and sparse).
    """

    num_embeddings: Size
    embedding_dim: Size
    padding_idx: int | None = None
    weight: Array = parameter()
    _: KW_ONLY
    rng: InitVar[np.random.Generator]

    def __post_init__(self, rng: np.random.Generator) -> None:
        words, nothing = self.num_embeddings, self.padding_idx
        self.weight = generator(self, rng).normal(0, 1, (words, self.embedding_dim))
        if nothing is not None:
            if not -words <= integer(self, "padding_idx", nothing) < words:
                raise InputError(f"Embedding: padding_idx must be a word, 0 to {words - 1}, got {nothing!r}")
            self.padding_idx = int(nothing % words)
            self.weight[self.padding_idx] = 0

    def forward(self, i: Array, /) -> tuple[Array, Array]:
        W = self.weight
        if not isinstance(i, np.ndarray) or i.dtype.kind not in "iu" or not i.ndim:
            raise InputError(f"{self!r}: expected an array of integers with an example a row, got {shown(i)}")
        if i.size and (i.min() < 0 or i.max() >= len(W)):
            at = tuple(map(int, np.argwhere((i < 0) | (i >= len(W)))[0]))
            raise InputError(f"{self!r}: expected words 0 to {len(W) - 1}, got {i[at]} at index {at}")
        return W[i], i

    def backward(self, delta: Array, i: Array, /) -> tuple[None, "Embedding"]:
        dW = np.zeros_like(self.weight)
        if self.padding_idx is not None:
            delta = delta * (i != self.padding_idx)[..., None]
        np.add.at(dW, i, delta)  # `dW[i] += δ` would count a word that comes twice once
        return None, self.like(weight=dW)


def examples(rng: np.random.Generator) -> Iterator[tuple[Embedding, Array]]:
    yield Embedding(4, 3, rng=rng), rng.integers(4, size=(5, 6))
    yield Embedding(5, 2, padding_idx=-4, rng=rng), np.array([0, 1, 1, 4, 1])
