from collections.abc import Iterator
from dataclasses import KW_ONLY, InitVar
from typing import Any

import numpy as np

from manual.described import state
from manual.layer import Layer
from manual.numbers.checks import Below1, floats, generator, mismatch
from manual.numbers.masks import mask
from manual.numbers.number_types import Array


class Dropout2d(Layer, without={"inplace": False}):
    """Switches whole channels of pictures off while training: neighbouring pixels say nearly the same, so that one that
    is off alone would hide nothing.

        y[c] = m[c] a[c] / (1 − p)         m[c] = 0 with probability p, else 1; a, y (N, C, H, W), m (N, C)
        ∂C/∂a[c] = m[c] δ[c] / (1 − p)     the same mask: what was off took no part in the cost

    The mask is a function of (seed, count, (N, C)) alone; `commit` counts one step on; `evaluated()` has no mask.

    Raises:
        InputError: p is not a number in [0, 1); rng is not a Generator; the input is not (N, C, H, W), or not of
            floats.
    Source: Tompson et al., "Efficient Object Localization Using Convolutional Networks", 2015. Same as
    torch.nn.Dropout2d, which draws its masks from torch's generator, and takes p = 1, where nothing is left to train.
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
        if a.ndim != 4:
            raise mismatch(self, "(N, C, H, W)", "float", a)
        p = self._rate
        m = mask(self.seed, self.count, p, a.shape[:2])[:, :, None, None] if p else 1
        return a * m / (1 - p), m

    def backward(self, delta: Array, m: Any, /) -> tuple[Array, "Dropout2d"]:
        return delta * m / (1 - self._rate), self

    def commit(self, m: Any, /) -> None:
        self.count += self._rate > 0

    def evaluated(self) -> "Dropout2d":
        new = self.like()
        new.training = False
        return new

    @property
    def _rate(self) -> Any:
        """The share that is switched off: p in training, none in inference."""
        return self.p if self.training else 0


def examples(rng: np.random.Generator) -> Iterator[tuple[Dropout2d, Array]]:
    yield Dropout2d(rng=rng), rng.standard_normal((3, 4, 2, 2))
    yield Dropout2d(0.25, rng=rng), rng.standard_normal((2, 5, 1, 2))
    yield Dropout2d(0.5, rng=rng).evaluated(), rng.standard_normal((2, 2, 2, 2))
