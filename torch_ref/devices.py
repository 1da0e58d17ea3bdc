"""What makes a device compute as the derived tolerance supposes, and the proof that it does. All of CUDA's hazards
are here.

The tolerance (see tolerance/) is that of sums of products in the full precision, in any order. Against it stand, and
so:

    TF32, bfloat16 within float32   products of 10 or 7 bits; cuDNN's TF32 is on by default   off, and `check_precision`
    Winograd and FFT convolution    sums of other products, whose errors reach neighbours     left out, and `check_sums`
    atomic additions                another order of a sum from one run to the next           off, and `check_repeats`
    the workspace of cuBLAS         the same                                                  fixed, before CUDA starts
    autotuning                      another kernel, and other bits, from one run to the next  off
    reduced-precision reductions    sums of halves in half precision                          off

`cudnn.deterministic` does not rule out Winograd and FFT, which are deterministic (NVIDIA, cuDNN API,
`cudnnConvolutionFwdAlgo_t`); of torch's settings only `cudnn.enabled = False` does. Torch then takes Slow2d,
SlowDilated2d or CudaDepthwise2d (`select_conv_backend`, ATen/native/Convolution.cpp): im2col and a matrix product of
cuBLAS for each picture (ATen/native/cuda/ConvolutionMM2d.cu, NaiveDilatedConvolution.cu), or the sum as it is written
(DepthwiseConv2d.cu). On the CPU NNPACK has Winograd and FFT, and is left out as well. This costs speed, and is for
comparisons.

float16 and bfloat16 are no part of this: no tolerance is derived for them, and no comparison takes them.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch.nn.functional import conv2d
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter

from manual import Conv2d, CrossEntropyLoss, Flatten, InputError, Linear, MaxPool2d, Network
from torch_ref.twins import to_numpy, to_torch, twin

WORKSPACE = "CUBLAS_WORKSPACE_CONFIG"
FIXED = (":4096:8", ":16:8")
"""The settings with which cuBLAS repeats itself (NVIDIA, cuBLAS, "Results reproducibility")."""


def prepare(device: str) -> None:
    """Make the device compute as the tolerance supposes, and check that it does. Call it before anything computes
    there.

    Raises:
        InputError: there is no such device; CUDA has started already, without a fixed workspace of cuBLAS; the device
            computes otherwise all the same.
    """
    if torch.device(device).type == "cuda":
        available(device)
        fix_workspace()
    settle()
    check_sums(device)
    check_precision(device)
    check_repeats(device)


def available(device: str) -> None:
    """Raise InputError where there is no such device."""
    if torch.device(device).type == "cuda" and not torch.cuda.is_available():
        raise InputError(f"device {device}: torch sees no CUDA device on this machine")


def fix_workspace() -> None:
    """Give cuBLAS a workspace of a fixed size; it looks only when CUDA starts.

    Raises:
        InputError: it has started, without one.
    """
    if os.environ.get(WORKSPACE) in FIXED:
        return
    if torch.cuda.is_initialized():
        raise InputError(
            f"CUDA has started already, and {WORKSPACE} is not {FIXED[0]}: set it before the process starts"
        )
    os.environ[WORKSPACE] = FIXED[0]


def settle() -> None:
    """Switch off what the table above says is off, in this process."""
    torch.backends.fp32_precision = "ieee"  # pyright: ignore[reportAttributeAccessIssue]
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = (
        False  # as well: else who reads it gets an error
    )
    torch.backends.cuda.matmul.allow_fp16_reduced_precision_reduction = False
    torch.backends.cuda.matmul.allow_bf16_reduced_precision_reduction = False
    torch.backends.cuda.matmul.allow_fp16_accumulation = False
    torch.backends.cudnn.enabled = False
    torch.backends.cudnn.benchmark = False
    torch.backends.nnpack.set_flags(False)
    torch.set_deterministic_debug_mode("error")  # use_deterministic_algorithms(True) loads the compiler too


def check_precision(device: str) -> None:
    """Raise InputError unless (1 + 2⁻¹²)·1 is what it is, in float32, by a matrix product and by a convolution."""
    x = torch.full((16, 64), 1 + 2**-12)
    only = torch.eye(64)
    image, centre = x.reshape(1, 16, 8, 8), torch.zeros(16, 16, 3, 3)
    centre[range(16), range(16), 1, 1] = 1
    for what, product, expected in (
        ("a matrix product", x.to(device) @ only.to(device), x),
        ("a convolution", conv2d(image.to(device), centre.to(device), padding=1), image),
    ):
        found = product.cpu()
        if not torch.equal(found, expected):
            wrong = found[found != expected][0].item()
            raise InputError(
                f"device {device}: float32 is not computed in float32: (1 + 2⁻¹²)·1 by {what} is {wrong!r}"
            )


def check_sums(device: str) -> None:
    """Raise InputError unless a convolution, and its two derivatives, are sums of the products in the formula.

    Whole numbers, and two that are huge. A sum in which a huge number meets but zeros, or nothing, is exact then; an
    algorithm with other products (Winograd, FFT) adds and subtracts the huge number, and loses the others.
    """
    rng = np.random.default_rng(0)
    x, w, delta = (rng.integers(-3, 4, shape) for shape in ((2, 4, 12, 12), (4, 4, 3, 3), (2, 4, 12, 12)))
    x[0, 0, 5, 5], delta[0, :, 4:7, 4:7] = HUGE, 0
    delta[1, 0, 5, 5], x[1, :, 4:7, 4:7] = HUGE, 0
    layer = Conv2d(4, 4, 3, padding=1, bias=False, rng=rng).like(weight=w)
    y, cache = layer.forward(x)
    dx, gradient = layer.backward(delta, cache)
    for dtype in (np.float32, np.float64):
        inputs, weight = (to_torch(a.astype(dtype), device).requires_grad_() for a in (x, w))
        output = conv2d(inputs, weight, padding=1)
        by_input, by_weight = torch.autograd.grad(output, [inputs, weight], to_torch(delta.astype(dtype), device))
        for what, found, expected in (
            ("its output", output, y), ("its derivative by the input", by_input, dx),
            ("its derivative by the weight", by_weight, gradient.params["weight"]),
        ):  # fmt: skip
            small = np.abs(expected) < HUGE // 8  # where no huge number is among the terms
            if not np.array_equal(to_numpy(found)[small], expected[small]):
                raise InputError(
                    f"device {device}: a convolution in {np.dtype(dtype)} is not the sum of its products "
                    f"(Winograd or FFT?): {what} is wrong"
                )


HUGE = 2**58
"""Beyond float64 too: beside it a whole number is lost."""


def check_repeats(device: str) -> None:
    """Raise InputError unless two runs of a network have equal bits: output, cost and every gradient."""
    rng = np.random.default_rng(0)
    layers = [Conv2d(3, 16, 3, rng=rng), MaxPool2d(3, 2), Flatten(), Linear(16 * 6 * 6, 10, rng=rng)]
    module, loss = twin(Network(*layers).astype(np.float32), device), twin(CrossEntropyLoss(), device)
    x, y = (
        to_torch(rng.standard_normal((32, 3, 16, 16)).astype(np.float32), device),
        to_torch(rng.integers(0, 10, 32), device),
    )

    def run() -> list[torch.Tensor]:
        output = module(x)
        cost = loss(output, y)
        return [output, cost, *torch.autograd.grad(cost, [*module.parameters()])]

    if not all(torch.equal(one, other) for one, other in zip(run(), run(), strict=True)):
        raise InputError(f"device {device}: two runs of one network differ in their bits")


@contextmanager
def staying(device: str) -> Iterator[None]:
    """Within, no tensor leaves the device for the CPU, so that what is computed is computed there.

    Raises:
        RuntimeError: one does.
    """
    if torch.device(device).type == "cpu":
        yield
    else:
        with _Staying():
            yield


class _Staying(TorchDispatchMode):
    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        homes = {a.device for a in tree_iter((args, kwargs)) if isinstance(a, torch.Tensor) and a.device.type != "cpu"}
        for result in tree_iter(out):
            if homes and isinstance(result, torch.Tensor) and result.device.type == "cpu":
                raise RuntimeError(f"{func} took a tensor from {homes.pop()} to the CPU, to compute there")
        return out
