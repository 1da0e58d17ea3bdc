"""bfloat16 and float16: computed in float32, and rounded once on storing."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from parity_tests.program.functions import CASES, inputs
from torch_ref.program.derivation import bounds
from torch_ref.twins import to_numpy

TORCH_ROUNDS_MORE = {
    "batch_norm": "the kernel's own mean is a half",
    "running statistics": "the kernel's own mean is a half",
    "attention": "the fused kernel stores what it has not yet divided",
    "max_pool2d": "overlapping windows add up in halves",
    "addbmm": "every product of the stack is added to a half",
    "bilinear": "every sum but the last is a half",
    "interpolation of lines": "the weights of neighbours are halves",
    "special_i0e": "8 ulp of float32 are not what its kernel for halves does",
}
HAS_ONEDNN = {
    torch.bfloat16: torch.ops.mkldnn._is_mkldnn_bf16_supported,
    torch.float16: torch.ops.mkldnn._is_mkldnn_fp16_supported,
}
"""Whether this processor has oneDNN's convolutions of such halves; elsewhere torch's own round more."""
QUICK = ("exp", "gelu", "softmax", "layer_norm", "linear", "add with alpha", "cumsum", "amax", "sort")


def beyond(function, tensors, factor=1.0):
    """By how much of what is derived torch's outputs and gradients, the latter times a factor, are off."""
    live = [x.clone().requires_grad_() for x in tensors]
    output = function(*live)
    delta = torch.randn(output.shape, generator=torch.Generator().manual_seed(1)).to(output.dtype)
    gradients = [g * factor for g in torch.autograd.grad(output, live, delta)]
    found = bounds(function, tensors, [delta])
    worst = 0.0
    for value, bound in zip((output, *gradients), (*found.outputs, *found.gradients.values()), strict=True):
        floats = value.detach().double().numpy()
        with np.errstate(all="ignore"):
            ratio = np.abs(floats - bound.value) / (2 * bound.error)
        worst = max(worst, float(np.max(np.where(floats == bound.value, 0, ratio), initial=0)))
    return worst


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=["bfloat16", "float16"])
@pytest.mark.parametrize("name", [n if n in QUICK else pytest.param(n, marks=pytest.mark.slow) for n in CASES])
def test_torch_lies_within_what_is_derived_in_halves(name, dtype):
    tensors = [x.to(dtype) for x in inputs(CASES[name], torch.float32)]
    try:
        worst = beyond(CASES[name].function, tensors)
    except (NotImplementedError, RuntimeError, UserWarning) as error:
        pytest.skip(f"torch has none in halves: {error}")
    except Exception as error:
        if type(error).__name__ != "Undecided":
            raise
        pytest.skip("a tie of halves")
    if name.startswith("conv") and not HAS_ONEDNN[dtype]():
        pytest.skip("torch's convolutions in halves round more on this processor")
    assert worst <= 1 or name in TORCH_ROUNDS_MORE


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=["bfloat16", "float16"])
@pytest.mark.parametrize("function", [torch.exp, torch.tanh, F.gelu, lambda x: x.softmax(-1)])
def test_a_gradient_that_is_wrong_in_halves_alone_lies_beyond(function, dtype):
    tensors = [torch.randn(4, 8, generator=torch.Generator().manual_seed(0)).to(dtype)]
    assert beyond(function, tensors) <= 1 < beyond(function, tensors, factor=1.1)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=["bfloat16", "float16"])
def test_no_number_is_rounded_that_is_moved_chosen_or_added_to_0(dtype):
    """Three roundings and as many of torch's are less than seven: of gelu's slope, of δ·x, and of the result."""

    def halves(x):
        return torch.where(x[:, :4] > 9, 0, F.gelu(x[:, :4]) * x[:, 4:])

    tensors = [torch.randn(4, 8, generator=torch.Generator().manual_seed(0)).to(dtype)]
    assert beyond(halves, tensors) <= 1 < beyond(halves, tensors, factor=1 + 7 * torch.finfo(dtype).eps / 2)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=["bfloat16", "float16"])
@pytest.mark.parametrize("chosen", [
    lambda x, tenth: torch.where(x > 0, x, tenth), torch.maximum, lambda x, tenth: 0 * x + tenth,
], ids=["where", "maximum", "add"])  # fmt: skip
def test_a_number_of_another_precision_is_rounded_where_it_is_chosen_or_added_to_0(chosen, dtype):
    """A tensor without axes may be of float32, and what it gives is of x's dtype all the same."""
    x = torch.randn(4, 8, generator=torch.Generator().manual_seed(0)).to(dtype)
    value = chosen(x, torch.tensor(0.1))
    (bound,), _ = bounds(lambda x: chosen(x, torch.tensor(0.1)), [x], [torch.ones_like(value)])
    off = np.abs(bound.value - to_numpy(value.float()))
    assert off.any()
    assert np.all(off <= 2 * bound.error)
