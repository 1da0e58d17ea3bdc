"""Functions with a backward of their own, and inputs for them."""

import torch


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


def drawn(*shapes, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(shape, generator=generator) for shape in shapes]
