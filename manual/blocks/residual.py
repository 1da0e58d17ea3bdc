from collections.abc import Iterator
from dataclasses import InitVar
from typing import Any

import numpy as np

from manual.block import Block
from manual.layer import Layer
from manual.layers import Linear, Tanh
from manual.network import Network
from manual.numbers.checks import InputError
from manual.numbers.number_types import Array


class Residual(Block):
    """Adds its input to what its inner layer makes of it, so that a deep network begins as almost the identity.

        y = x + f(x)                        x, y of one shape
        ∂C/∂x = δ + (∂f/∂x)ᵀ δ              x goes two ways, so both add up: δ passes by f undiminished

    Its parameters are those of f, named "inner.…"; of a `Network` inside, "inner.0.weight".

    Raises:
        InputError: `inner` is not a Layer; its output has another shape or dtype than its input: nothing is broadcast.
    Source: He et al., "Deep Residual Learning for Image Recognition", 2015, equation 1.
    """

    inner: InitVar[Layer]
    only_adds_to_dx = True

    def __post_init__(self, inner: Layer) -> None:
        self.parts = {"inner": inner}

    def forward(self, x: Array, /) -> tuple[Array, Any]:
        run, tape = self.runs()
        f = run("inner", x)
        if f.shape != x.shape or f.dtype != x.dtype:
            raise InputError(f"{self!r}: expected an inner layer that keeps the input's shape {x.shape} and dtype "
                             f"{x.dtype}, got {f.shape} and {f.dtype}")
        return x + f, tape

    def backward(self, delta: Array, tape: Any, /) -> tuple[Array, "Residual"]:
        back, gradient = self.backs(tape)
        return delta + back("inner", delta), gradient()


def examples(rng: np.random.Generator) -> Iterator[tuple[Residual, Array]]:
    yield Residual(Network(Linear(3, 4, rng=rng), Tanh(), Linear(4, 3, rng=rng))), rng.standard_normal((5, 3))
    yield Residual(Tanh()), rng.standard_normal((2, 3, 4))
