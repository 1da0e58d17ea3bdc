from collections.abc import Iterator
from dataclasses import KW_ONLY, InitVar
from typing import Any

import numpy as np

from manual.described import state
from manual.layer import Layer
from manual.numbers.checks import Below1, floats, generator
from manual.numbers.masks import mask
from manual.numbers.number_types import Array


class Dropout(Layer, without={"inplace": False}):
    """Switches neurons off at random while training, so that none is relied on too much.

        y = m ⊙ a / (1 − p)         m = 0 with probability p, else 1; any shape; E[y] = a
        ∂C/∂a = m ⊙ δ / (1 − p)     the same mask: what was off took no part in the cost

    The mask is a function of (seed, count, shape) alone; `commit` counts one step on; `evaluated()` has no mask.

    Raises:
        InputError: p is not a number in [0, 1); rng is not a Generator; the input is not an array of floats.
    Source: Srivastava et al., "Dropout: A Simple Way to Prevent Neural Networks from Overfitting", 2014; document B.
    Same as torch.nn.Dropout, which draws its masks from torch's generator, and takes p = 1, where nothing is left to
    train.
    """

    p: Below1 = 0.5
    seed: Array = state()
    count: Array = state()
    _: KW_ONLY
    rng: InitVar[np.random.Generator]

    def __post_init__(self, rng: np.random.Generator) -> None:
        self.seed, self.count = generator(self, rng).integers(2**32, size=()), np.zeros((), np.int64)

    def forward(self, a: Array, /) -> tuple[Array, Any]:
        floats(self, a)
        p = self._rate
        m = mask(self.seed, self.count, p, a.shape) if p else 1
        return a * m / (1 - p), m

    def backward(self, delta: Array, m: Any, /) -> tuple[Array, "Dropout"]:
        return delta * m / (1 - self._rate), self

    def commit(self, m: Any, /) -> None:
        self.count += self._rate > 0

    def evaluated(self) -> "Dropout":
        new = self.like()
        new.training = False
        return new

    @property
    def _rate(self) -> Any:
        """The share that is switched off: p in training, none in inference."""
        return self.p if self.training else 0


def examples(rng: np.random.Generator) -> Iterator[tuple[Dropout, Array]]:
    yield Dropout(rng=rng), rng.standard_normal((5, 4))
    yield Dropout(0.25, rng=rng), rng.standard_normal((2, 3, 2, 2))
    yield Dropout(0.5, rng=rng).evaluated(), rng.standard_normal((5, 4))
