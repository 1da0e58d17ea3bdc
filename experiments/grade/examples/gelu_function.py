"""A torch.autograd.Function with its reference. Its backward views δ as a vector, which not every δ can be."""

import math

import torch


class Gelu(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * (1 + torch.erf(x / math.sqrt(2))) / 2

    @staticmethod
    def backward(ctx, delta):  # pyright: ignore[reportIncompatibleMethodOverride]
        (x,) = ctx.saved_tensors
        slope = (1 + torch.erf(x / math.sqrt(2))) / 2 + x * torch.exp(-x * x / 2) / math.sqrt(2 * math.pi)
        return (delta.view(-1) * slope.reshape(-1)).reshape(x.shape)


def reference(x):
    return torch.nn.functional.gelu(x)
