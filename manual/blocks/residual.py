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

    Where f changes the shape, a layer s takes x past it to the same: y = s(x) + f(x), ∂C/∂x = (∂s/∂x)ᵀ δ + (∂f/∂x)ᵀ δ.

    The parameters are those of f, named "inner.…"; of a `Network` inside, "inner.0.weight"; and of s, "shortcut.…".

    Raises:
        InputError: `inner` is not a Layer, or `shortcut` neither a Layer nor None; f(x) has another shape or dtype than
            what is added to it: nothing is broadcast.
    Source: He et al., "Deep Residual Learning for Image Recognition", 2015, equations 1 and 2.
    """

    inner: InitVar[Layer]
    shortcut: InitVar[Layer | None] = None
    only_adds_to_dx = True

    def __post_init__(self, inner: Layer, shortcut: Layer | None) -> None:
        self.parts = {"inner": inner} | ({} if shortcut is None else {"shortcut": shortcut})

    def forward(self, x: Array, /) -> tuple[Array, Any]:
        run, tape = self.runs()
        past = run("shortcut", x) if "shortcut" in self.parts else x
        f = run("inner", x)
        if f.shape != past.shape or f.dtype != past.dtype:
            raise InputError(f"{self!r}: expected an inner layer whose output has the shape {past.shape} and dtype "
                             f"{past.dtype} of what it is added to, got {f.shape} and {f.dtype}")
        return past + f, tape

    def backward(self, delta: Array, tape: Any, /) -> tuple[Array, "Residual"]:
        back, gradient = self.backs(tape)
        through = back("inner", delta)
        past = back("shortcut", delta) if "shortcut" in self.parts else delta
        return past + through, gradient()


def examples(rng: np.random.Generator) -> Iterator[tuple[Residual, Array]]:
    yield Residual(Network(Linear(3, 4, rng=rng), Tanh(), Linear(4, 3, rng=rng))), rng.standard_normal((5, 3))
    yield Residual(Tanh()), rng.standard_normal((2, 3, 4))
    yield Residual(Linear(3, 2, rng=rng), shortcut=Linear(3, 2, bias=False, rng=rng)), rng.standard_normal((5, 3))
