"""Words become numbers: a text as tokens, which are characters, or pieces that pairs of them were merged to.

The vocabulary is a list of strings. First come the characters that the text has; then, for each merge, what it made:

    learn    count every pair of neighbours; the most frequent one becomes a token, everywhere; again
    encode   each character is a token; then the merges, in the order in which they were learned
    decode   the tokens' strings, one after the other

Without merges the tokens are the characters. Source: Sennrich, Haddow & Birch, "Neural Machine Translation of Rare
Words with Subword Units", ACL 2016, algorithm 1.
"""

from collections.abc import Sequence

import numpy as np

from manual import InputError
from manual.numbers.number_types import Array


class Tokenizer:
    """A vocabulary, and what makes tokens of a text.

    Raises:
        InputError: two tokens are the same string, or one is not made of two that come before it.
    """

    def __init__(self, tokens: Sequence[str]) -> None:
        self.tokens, self._merges = [*tokens], list[tuple[int, int, int]]()
        self._characters = {token: i for i, token in enumerate(tokens) if len(token) == 1}
        if len({*tokens}) < len(tokens) or not self._characters:
            raise InputError(f"a vocabulary: expected {len(tokens)} different tokens, of which some are characters")
        for i, token in enumerate(tokens):
            if len(token) != 1:
                pair = self.encode(token).tolist()
                if len(pair) != 2:
                    raise InputError(f"a vocabulary: expected {token!r} to be made of two tokens before it")
                self._merges.append((*pair, i))

    def encode(self, text: str) -> Array:
        """The numbers of the text's tokens.

        Raises:
            InputError: a character is not in the vocabulary.
        """
        if unknown := {*text} - self._characters.keys():
            raise InputError(
                f"{min(unknown)!r} is not among the {len(self._characters)} characters of the model's text"
            )
        ids = np.array([self._characters[character] for character in text], dtype=np.int64)
        for a, b, new in self._merges:
            ids = merged(ids, a, b, new)
        return ids

    def decode(self, ids: Sequence[int]) -> str:
        """The text of these tokens."""
        return "".join(self.tokens[i] for i in ids)


def learn(alphabet: str, text: str, merges: int) -> Tokenizer:
    """The characters of `alphabet`, and so many merges of the most frequent pairs in `text`, or as many as there are
    pairs that come twice. Of two as frequent ones the pair of the older tokens is merged."""
    tokens = sorted({*alphabet})
    ids = Tokenizer(tokens).encode(text)
    for new in range(len(tokens), len(tokens) + merges):
        pairs, counts = np.unique(ids[:-1] * new + ids[1:], return_counts=True)
        pairs, counts = pairs[counts > 1], counts[counts > 1]
        for a, b in (divmod(int(pair), new) for pair in pairs[np.argsort(-counts, kind="stable")]):
            if tokens[a] + tokens[b] not in tokens:
                break
        else:
            break
        tokens.append(tokens[a] + tokens[b])
        ids = merged(ids, a, b, new)
    return Tokenizer(tokens)


def merged(ids: Array, a: int, b: int, new: int) -> Array:
    """The tokens with `new` wherever b follows a; of a row of equal ones, from the left."""
    at = np.flatnonzero((ids[:-1] == a) & (ids[1:] == b))
    if a == b and len(at):  # in a a a the second pair has lost its first
        runs = np.split(at, np.flatnonzero(np.diff(at) > 1) + 1)
        at = np.concatenate([run[::2] for run in runs])
    ids = ids.copy()
    ids[at] = new
    return np.delete(ids, at + 1)
