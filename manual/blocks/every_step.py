from collections.abc import Iterator
from dataclasses import InitVar
from typing import Any

import numpy as np

from manual.block import Block
from manual.layer import Layer
from manual.layers import GRU, LSTM
from manual.numbers.checks import InputError
from manual.numbers.number_types import Array


class EveryStep(Block):
    """What a recurrent layer gives of every step, without the state after the last: so that it fits in a Network.

        (y, h, …) = f(x)                    y of every step; the state h, … is dropped
        ∂C/∂x = (∂y/∂x)ᵀ δ                  nobody used the state, so nothing comes back by it

    Raises:
        InputError: `inner` is not a Layer, or gives one array alone.
    """

    inner: InitVar[Layer]
    only_adds_to_dx = True

    def __post_init__(self, inner: Layer) -> None:
        self.parts = {"inner": inner}

    def forward(self, x: Array, /) -> tuple[Array, Any]:
        run, tape = self.runs()
        outputs = run("inner", x)
        if not isinstance(outputs, tuple):
            raise InputError(f"{self!r}: expected an inner layer that gives several arrays, got one")
        return outputs[0], (tape, len(outputs))

    def backward(self, delta: Array, cache: Any, /) -> tuple[Array, "EveryStep"]:
        tape, outputs = cache
        back, gradient = self.backs(tape)
        return back("inner", (delta, *[None] * (outputs - 1))), gradient()


def examples(rng: np.random.Generator) -> Iterator[tuple[EveryStep, Array]]:
    yield EveryStep(LSTM(3, 2, batch_first=True, rng=rng)), rng.standard_normal((2, 4, 3))
    yield EveryStep(GRU(2, 3, rng=rng)), rng.standard_normal((3, 2, 2))
