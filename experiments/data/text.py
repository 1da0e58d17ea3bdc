"""A text to learn a language from: the language reference that every Python brings, or one's own file."""

import platform
from functools import cached_property
from hashlib import sha256
from itertools import pairwise
from math import log
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset

from experiments.data.ngrams import bits
from experiments.data.splits import Part, Parts
from experiments.data.tokenizer import Tokenizer, learn
from experiments.shared.model_file import WORDS
from experiments.shared.untrusted_files import read_text
from manual import InputError
from manual.numbers.checks import whole
from manual.numbers.number_types import Array
from torch_ref import to_torch

MERGES = 1_000
"""Merges at most: each is another look at the whole text, and at every merge before it."""
LONGEST = 5
"""Characters of the n-grams that a model is held against, at most."""
REFERENCE = "pydoc_data.topics"


class Text:
    """A text in three parts, as tokens: of its characters the first eight tenths train, the next tenth validates, the
    last tests. An example is a window of `context` tokens, its target the same moved on by one.

    Raises:
        InputError: no such file, or not UTF-8; a context or a number of merges that cannot be; a text that is too
            short for one window in each part.
    """

    def __init__(self, file: Path | None, context: Any, merges: Any) -> None:
        self.context = whole("data", "context", context, 1)
        if self.context > WORDS:
            raise InputError(f"data.context {context}: expected at most {WORDS:,} tokens")
        if (merges := whole("data", "merges", merges, 0)) > MERGES:
            raise InputError(f"data.merges {merges}: expected at most {MERGES:,}")
        text, self.source = _own(file) if file else _reference()
        self.characters = text
        if not text:
            raise InputError(f"{self.source}: expected a text, got an empty file")
        cuts = [len(text) * tenths // 10 for tenths in (0, 8, 9, 10)]
        self.parts = [text[a:b] for a, b in pairwise(cuts)]
        self.tokenizer: Tokenizer = learn(text, self.parts[0], merges)
        self.ids = [self.tokenizer.encode(part) for part in self.parts]
        if min(map(len, self.ids)) < 2 * self.context:
            raise InputError(
                f"data.context {context}: expected a text of at least {20 * self.context} tokens, a tenth of it to "
                f"validate, got {len(text):,} characters of {self.source}"
            )

    @property
    def settings(self) -> dict[str, Any]:
        """What a run remembers of it."""
        digest = sha256(self.characters.encode()).hexdigest()
        return {"text": self.source, "sha256": digest, "context": self.context, "classes": self.tokenizer.tokens}

    def windows(self) -> Parts:
        """All windows of each part, side by side."""
        return Parts(*(window(ids, self.context, np.arange(count(ids, self.context))) for ids in self.ids))

    def bits(self, part: int, cost: float) -> float:
        """A cost, nats a token, as bits a character."""
        return cost / log(2) * len(self.ids[part]) / len(self.parts[part])

    @cached_property
    def baselines(self) -> list[float]:
        """The bits a character of n-grams of 1, 2, … characters on the validation part."""
        single = Tokenizer(sorted({*self.characters}))
        train, validation = (single.encode(part) for part in self.parts[:2])
        return bits(train, validation, len(single.tokens), LONGEST)

    def outcome(self, costs: list[float]) -> list[str]:
        """What the costs on the validation and the test part come to, as lines."""
        said = [f"{self.bits(part, cost):.3f}" for part, cost in enumerate(costs, start=1)]
        grams = ", ".join(f"{n}-gram {b:.3f}" for n, b in enumerate(self.baselines, start=1) if n > 2)
        return [
            f"bits a character: validation {said[0]}, test {said[1]}; {grams} (Witten-Bell, validation)",
            f"text: {self.source}, {len(self.characters):,} characters, {len(self.tokenizer.tokens)} tokens, "
            f"sha256 {self.settings['sha256'][:16]}…",
        ]


def count(ids: Array, context: int) -> int:
    """Windows side by side in a text, from whichever of its first tokens they begin."""
    return (len(ids) - context) // context


def window(ids: Array, context: int, rows: Array, shift: int = 0) -> Part:
    """Windows (M, context) and their targets; window r begins at token r · context + shift."""
    places = rows[:, None] * context + shift + np.arange(context)
    return Part(ids[places], ids[places + 1])


class Windows(Dataset[Any]):
    """Training windows; in every epoch they begin elsewhere, as (seed, epoch) of the order have it."""

    def __init__(self, text: Text, order: Any) -> None:
        self.text, self.order = text, order

    def __getitem__(self, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        context = self.text.context
        shift = int(np.random.default_rng([self.order.seed, self.order.epoch]).integers(context))
        x, y = window(self.text.ids[0], context, rows.numpy(), shift)
        return to_torch(x), to_torch(y)


def _reference() -> tuple[str, str]:
    from pydoc_data.topics import topics

    text = "\n".join(topics[name] for name in sorted(topics))
    return text, f"{REFERENCE} of Python {platform.python_version()}"


def _own(file: Path) -> tuple[str, str]:
    return read_text(file, "text"), file.name
