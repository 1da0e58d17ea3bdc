"""The baseline that a language model is held against: counts of short pieces of text, smoothed by Witten and Bell.

    P₀(c) = 1 / V                                                     V characters
    P_k(c | h) = (n(h c) + T(h) P_{k−1}(c | h')) / (n(h) + T(h))      h: the k − 1 characters before; h': its last k − 2

n counts in the training part; T(h) is how many different characters follow h there: so much weight has the shorter
context, from which c would be new. An h that was never seen leaves P_{k−1}. Source: Witten & Bell, "The Zero-Frequency
Problem", 1991, method C; Chen & Goodman, "An Empirical Study of Smoothing Techniques for Language Modeling", 1998.
"""

from collections.abc import Iterator

import numpy as np

from manual.numbers.number_types import Array


def bits(train: Array, text: Array, characters: int, longest: int) -> list[float]:
    """The bits a character that n-grams of 1 to `longest` need for a text; both are numbers below `characters`. The
    text's first characters, which have no whole context before them, are left out."""
    found = []
    for p in probabilities(train, text, characters, longest):
        found.append(float(-np.log2(p[longest - 1 :]).mean()))
    return found


def probabilities(train: Array, text: Array, characters: int, longest: int) -> Iterator[Array]:
    """P₁, P₂, … of each character of the text, given those before it."""
    p = np.full(len(text), 1 / characters)
    for k in range(1, longest + 1):
        pieces, counts = np.unique(_pieces(train, k, characters), return_counts=True)
        contexts, first, follow = np.unique(pieces // characters, return_index=True, return_counts=True)
        seen = np.add.reduceat(counts, first)
        asked = _pieces(text, k, characters)
        n_hc, n_h, t_h = (
            _at(pieces, counts, asked), _at(contexts, seen, asked // characters),
            _at(contexts, follow, asked // characters),
        )  # fmt: skip
        p = p.copy()
        shorter, known = p[k - 1 :], n_h > 0
        p[k - 1 :] = np.where(known, (n_hc + t_h * shorter) / np.maximum(n_h + t_h, 1), shorter)
        yield p


def _pieces(text: Array, k: int, characters: int) -> Array:
    """Every k characters in a row as one number."""
    total = np.zeros(len(text) - k + 1, np.int64)
    for i in range(k):
        total = total * characters + text[i : len(text) - k + 1 + i]
    return total


def _at(keys: Array, values: Array, asked: Array) -> Array:
    """The values of these keys, which are in order; 0 for one that is not there."""
    place = np.minimum(np.searchsorted(keys, asked), len(keys) - 1)
    return np.where(keys[place] == asked, values[place], 0)
