"""A language model writes: it draws a token by the probabilities that it gives, takes it for its own input, and so
on."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from experiments.data.tokenizer import Tokenizer
from experiments.shared.inference import outputs
from experiments.shared.model_file import load, takes_words
from manual import InputError
from manual.numbers.checks import at_least, whole
from manual.numbers.number_types import Array


class Writer:
    """A trained language model, by one of the two implementations.

    Raises:
        InputError: no such file, or not a model of a text.
    """

    def __init__(self, file: Path, implementation: str) -> None:
        model = load(file)
        if not takes_words(model.network) or model.classes is None:
            raise InputError(f"{file}: expected a model of a text, got one whose input is of shape {model.input}")
        self.tokenizer, [self.context] = Tokenizer(model.classes), model.input
        self.logits = outputs(model.network.evaluated(), implementation)
        """Of every token (N, T) the logits (N, classes, T) of the one that follows."""

    def write(self, prompt: str, length: int, temperature: float, top_k: int | None, seed: int) -> Iterator[str]:
        """So many tokens that follow the prompt, one by one. The same seed writes the same text.

        Raises:
            InputError: an empty prompt, or one with a character that the model does not know; a number out of its
                range; logits that are not finite.
        """
        whole("write", "length", length, 0)
        at_least("write", "temperature", temperature, 0)
        whole("write", "seed", seed, 0)
        if top_k is not None:
            whole("write", "top_k", top_k, 1)
        if not prompt:
            raise InputError("write: expected a prompt of at least one character")
        ids, rng = self.tokenizer.encode(prompt).tolist(), np.random.default_rng(seed)
        for _ in range(length):
            z = self.logits(np.array([ids[-self.context :]]))[0, :, -1].astype(np.float64)
            if not np.isfinite(z).all():
                raise InputError("write: the model's answer is not finite; its weights are too large")
            ids.append(drawn(z, temperature, top_k, rng.random()))
            yield self.tokenizer.tokens[ids[-1]]


def drawn(z: Array, temperature: float, top_k: int | None, u: float) -> int:
    """The token that a number u in [0, 1) draws.

        p = softmax(z / temperature)        over the top_k largest logits; the first whose Σ p exceeds u

    A low temperature favours what is likely, and 0 takes the likeliest.
    """
    likeliest = np.argsort(-z, kind="stable")[: 1 if temperature == 0 else top_k]
    s = (z[likeliest] - z[likeliest[0]]) / (temperature or 1)
    p = np.exp(s)
    return int(likeliest[np.searchsorted(np.cumsum(p), u * p.sum(), side="right")])
