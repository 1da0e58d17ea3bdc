"""A function written in Triton, in its interpreter on the CPU, where triton is installed (tried with 3.9)."""

import os

import pytest
import torch
from torch.nn import functional

from torch_ref import check_backward
from torch_ref.comparison.verdict import AGREES, CONVENTION

os.environ.setdefault("TRITON_INTERPRET", "1")  # triton reads it where a kernel is made
triton = pytest.importorskip("triton")
tl = pytest.importorskip("triton.language")


@triton.jit
def _silu(x_ptr, y_ptr, n, BLOCK: tl.constexpr):  # pyright: ignore[reportInvalidTypeForm]
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + at, mask=at < n, other=0)
    tl.store(y_ptr + at, x / (1 + tl.exp(-x)), mask=at < n)


@triton.jit
def _dsilu(x_ptr, delta_ptr, dx_ptr, n, factor, BLOCK: tl.constexpr):  # pyright: ignore[reportInvalidTypeForm]
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + at, mask=at < n, other=0)
    s = 1 / (1 + tl.exp(-x))
    delta = tl.load(delta_ptr + at, mask=at < n, other=0)
    tl.store(dx_ptr + at, delta * s * (1 + factor * x * (1 - s)), mask=at < n)


def silu(factor):
    class Silu(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            x, y = x.contiguous(), torch.empty(x.shape, dtype=x.dtype)
            ctx.save_for_backward(x)
            if x.numel():
                _silu[(triton.cdiv(x.numel(), 16),)](x, y, x.numel(), BLOCK=16)
            return y

        @staticmethod
        def backward(ctx, delta):  # pyright: ignore[reportIncompatibleMethodOverride]
            (x,) = ctx.saved_tensors
            dx = torch.empty_like(x)
            if x.numel():
                _dsilu[(triton.cdiv(x.numel(), 16),)](x, delta.contiguous(), dx, x.numel(), factor, BLOCK=16)
            return dx

    return Silu.apply


def test_a_kernel_of_triton_is_judged_in_its_interpreter():
    x = torch.linspace(-2, 2, 15).reshape(5, 3)
    assert check_backward(silu(1.0), functional.silu, [x], dtypes=[torch.float32]).word in (AGREES, CONVENTION)
    with pytest.raises(AssertionError, match="differs"):
        check_backward(silu(0.0), functional.silu, [x], dtypes=[torch.float32])
