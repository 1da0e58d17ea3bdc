"""Functions and blocks with a backward of their own, and inputs for them."""

# pyright: reportIncompatibleMethodOverride=false, reportCallIssue=false, reportArgumentType=false

from typing import Any

import numpy as np
import torch

from manual import Block, Linear, Softmax, Tanh


def function(forward, backward):
    """A torch.autograd.Function of two plain functions; the forward's arguments are what it saves."""

    class Own(torch.autograd.Function):
        @staticmethod
        def forward(ctx, *inputs):
            ctx.save_for_backward(*inputs)
            return forward(*inputs)

        @staticmethod
        def backward(ctx, delta):  # pyright: ignore[reportIncompatibleMethodOverride]
            return backward(ctx, delta, *ctx.saved_tensors)

    return Own.apply


def scaled(reference, factor):
    """A function whose gradients are the reference's, times a factor."""
    return function(reference, lambda ctx, d, *x: tuple(factor * g for g in torch.func.vjp(reference, *x)[1](d)))


def drawn(*shapes, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(shape, generator=generator) for shape in shapes]


class Head(Block):
    """One head of attention: softmax(q kᵀ/√d) v, then a Linear."""

    width: int
    rng: Any = None

    def __post_init__(self):
        self.parts = {name: Linear(self.width, self.width, rng=self.rng) for name in "qkvo"} | {"softmax": Softmax()}

    def forward(self, x, memory, /):
        run, tape = self.runs()
        q, k, v = run("q", x), run("k", memory), run("v", memory)
        p = run("softmax", q @ k.T / 2)
        return run("o", p @ v), (tape, q, k, v, p)

    def backward(self, delta, cache, /):
        tape, q, k, v, p = cache
        back, gradient = self.backs(tape)
        dpv = back("o", delta)
        ds = back("softmax", dpv @ v.T) / 2
        dx, dmemory = back("q", ds @ k), back("k", ds.T @ q) + back("v", p.T @ dpv)
        return (dx, dmemory), gradient()


class Forgets(Head):
    """Sends nothing back to the memory by way of v."""

    def backward(self, delta, cache, /):
        (dx, _), gradient = super().backward(delta, cache)
        _, _, k, _, _ = cache
        return (dx, np.zeros_like(k)), gradient


class TorchHead(torch.nn.Module):
    """The same in torch."""

    def __init__(self, width):
        super().__init__()
        self.q, self.k, self.v, self.o = (torch.nn.Linear(width, width) for _ in range(4))

    def forward(self, x, memory):
        return self.o(torch.softmax(self.q(x) @ self.k(memory).T / 2, -1) @ self.v(memory))


class Twice(Block):
    """One layer, run twice, and both of what it gives."""

    def __post_init__(self):
        self.parts = {"f": Linear(3, 3, rng=np.random.default_rng(1)), "tanh": Tanh()}

    def forward(self, x, /):
        run, tape = self.runs()
        once = run("f", x)
        return (once, run("f", run("tanh", once))), tape

    def backward(self, delta, tape, /):
        back, gradient = self.backs(tape)
        used = [d for d in (delta[0], back("tanh", back("f", delta[1]))) if d is not None]
        return back("f", sum(used[1:], start=used[0])), gradient()


class Routed(Block):
    """Every example goes through the layer that it is sent to; then all through another, and the first two again."""

    def __init__(self, experts, rng):
        self.parts = {str(i): Linear(3, 3, rng=rng) for i in range(experts)} | {"again": Linear(3, 3, rng=rng)}

    def forward(self, x, route, /):
        run, tape = self.runs()
        y = x + 0
        for i in range(len(self.parts) - 1):
            y[route == i] = run(str(i), x[route == i])
        return run("again", run("again", y)[:2]), (tape, x, route)

    def backward(self, delta, cache, /):
        tape, x, route = cache
        back, gradient = self.backs(tape)
        dy = x * 0
        dy[:2] = back("again", delta)
        dy = back("again", dy)
        for i in range(len(self.parts) - 1):
            dy[route == i] = back(str(i), dy[route == i])
        return (dy, None), gradient()


class Shared(Routed):
    """δ is shared out between the layers, and goes back by the second run of `again` alone."""

    def backward(self, delta, cache, /):
        tape, x, route = cache
        back, gradient = self.backs(tape)
        dy = x * 0
        dy[:2] = back("again", delta)
        for i in range(len(self.parts) - 1):
            dy[route == i] = back(str(i), dy[route == i]) / 6
        return (dy, None), gradient()
