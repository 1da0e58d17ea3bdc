"""A device computes as the comparison needs, bit for bit and without reduced precision, or is refused."""

import itertools
import os

import numpy as np
import pytest
import torch
from torch.nn.functional import conv2d, pad
from torch.utils._pytree import tree_map_only

from manual import InputError
from parity_tests.devices import pretend
from parity_tests.devices.pretend import NAME, aten
from torch_ref import devices

REDUCED = (
    "allow_fp16_reduced_precision_reduction",
    "allow_bf16_reduced_precision_reduction",
    "allow_fp16_accumulation",
)


@pytest.fixture
def unsettled():
    """A process with every setting as it should not be; afterwards they are put back."""
    matmul, mode = torch.backends.cuda.matmul, torch.get_deterministic_debug_mode()
    before = {name: getattr(matmul, name) for name in REDUCED}
    for name in REDUCED:
        setattr(matmul, name, True)
    torch.set_deterministic_debug_mode("default")
    with (
        torch.backends.cudnn.flags(enabled=True, benchmark=True, allow_tf32=True),
        torch.backends.nnpack.flags(enabled=True),
    ):
        yield
    torch.set_deterministic_debug_mode(mode)
    for name, value in before.items():
        setattr(matmul, name, value)


@pytest.mark.parametrize("place", ["cpu", NAME])
def test_a_right_device_is_accepted_and_the_process_settled(place, unsettled):
    devices.prepare(place)
    backends = torch.backends
    assert backends.cuda.matmul.fp32_precision == backends.cudnn.fp32_precision == "ieee"
    assert not backends.cuda.matmul.allow_tf32
    assert not backends.cudnn.allow_tf32
    assert not any(getattr(backends.cuda.matmul, name) for name in REDUCED)
    assert not backends.cudnn.enabled
    assert not backends.cudnn.benchmark
    assert not torch._C._get_nnpack_enabled()
    assert torch.are_deterministic_algorithms_enabled()
    assert not torch.is_deterministic_algorithms_warn_only_enabled()


def plant(monkeypatch, *wrong):
    """Let the pretended device compute operations in another way: each a pair of an operation and a function."""
    right = pretend.compute

    def compute(op, args, kwargs):
        for planted, function in wrong:
            if op is planted:
                out = function(*pretend.hidden(args), **pretend.hidden(kwargs))
                return tree_map_only(torch.Tensor, pretend.Pretend, out)
        return right(op, args, kwargs)

    monkeypatch.setattr(pretend, "compute", compute)


def reduced(op, bits):
    """The operation on inputs that are rounded to so many bits behind the point."""

    def rounded(a):
        if a.dtype != torch.float32:
            return a
        mantissa, exponent = torch.frexp(a)
        return torch.ldexp(torch.round(mantissa * 2 ** (bits + 1)) / 2 ** (bits + 1), exponent)

    return lambda *args, **kwargs: op(*tree_map_only(torch.Tensor, rounded, args), **kwargs)


@pytest.mark.parametrize(
    ("op", "what"), [(aten.mm.default, "a matrix product"), (aten.convolution.default, "a convolution")]
)
@pytest.mark.parametrize("bits", [7, 10])
def test_bfloat16_and_tf32_in_place_of_float32_are_seen(op, what, bits, monkeypatch, unsettled):
    plant(monkeypatch, (op, reduced(op, bits)))
    with pytest.raises(InputError, match=rf"device pretend: float32 is not computed in float32: .* by {what} is 1\.0$"):
        devices.prepare(NAME)


def by_fft(a, k):
    """The correlation of pictures (n, c, h, w) with kernels (o, c, i, j), by Fourier transforms."""
    size = a.shape[2:]
    spectrum = torch.einsum("nchw,ochw->nohw", torch.fft.rfft2(a), torch.fft.rfft2(k, s=size).conj())
    return torch.fft.irfft2(spectrum, s=size)[:, :, : size[0] - k.shape[2] + 1, : size[1] - k.shape[3] + 1]


def by_winograd(a, k):
    """The same for kernels of 3×3, by F(2×2, 3×3): Lavin & Gray, "Fast Algorithms for Convolutional Neural Networks",
    2015."""
    b, g, t = (
        torch.tensor(m, dtype=a.dtype)
        for m in (
            [[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, 1, 0, -1]],
            [[1, 0, 0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0, 0, 1]],
            [[1, 1, 1, 0], [0, 1, -1, -1]],
        )
    )
    tiles = b @ a.unfold(2, 4, 2).unfold(3, 4, 2) @ b.T
    y = t @ torch.einsum("nchwij,ocij->nohwij", tiles, g @ k @ g.T) @ t.T
    return y.permute(0, 1, 2, 4, 3, 5).flatten(4).flatten(2, 3)


def convolution(correlate):
    return lambda x, w, bias, *_: correlate(pad(x, (1, 1, 1, 1)), w)


def convolution_backward(correlate, quantity):
    """The backward of a convolution, in which one of the two derivatives is computed by `correlate`."""

    def backward(delta, x, w, *about):
        dx, dw, db = aten.convolution_backward(delta, x, w, *about)
        if quantity == "input":
            dx = correlate(pad(delta, (1, 1, 1, 1)), w.flip(2, 3).transpose(0, 1).contiguous())
        else:
            dw = correlate(pad(x, (1, 1, 1, 1)).transpose(0, 1), delta.transpose(0, 1)).transpose(0, 1)
        return dx, dw, db

    return backward


FORWARD, BACKWARD = aten.convolution.default, aten.convolution_backward.default
CONVOLVED = {
    "fft, its output": (FORWARD, convolution(by_fft)),
    "winograd, its output": (FORWARD, convolution(by_winograd)),
    "fft, its derivative by the input": (BACKWARD, convolution_backward(by_fft, "input")),
    "winograd, its derivative by the input": (BACKWARD, convolution_backward(by_winograd, "input")),
    "fft, its derivative by the weight": (BACKWARD, convolution_backward(by_fft, "weight")),
}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
@pytest.mark.parametrize("what", CONVOLVED)
def test_a_convolution_by_fft_or_winograd_is_seen_though_it_is_good_on_ordinary_numbers(
    what, dtype, monkeypatch, unsettled
):
    op, function = CONVOLVED[what]
    plant(monkeypatch, (op, lambda *args: (function if args[0].dtype == dtype else op)(*args)))
    rng = np.random.default_rng(0)
    ordinary = [torch.tensor(rng.standard_normal(shape), dtype=dtype) for shape in ((2, 4, 12, 12), (4, 4, 3, 3))]
    right, found = (convolved(*(a.to(device).requires_grad_() for a in ordinary)) for device in ("cpu", NAME))
    for a, b in zip(right, found, strict=True):
        torch.testing.assert_close(b.cpu(), a)
    name, quantity = str(dtype).removeprefix("torch."), what.partition(", ")[2]
    with pytest.raises(
        InputError, match=rf"a convolution in {name} is not the sum of its products .*: {quantity} is wrong"
    ):
        devices.prepare(NAME)


def convolved(x, w):
    y = conv2d(x, w, padding=1)
    return y, *torch.autograd.grad(y, [x, w], torch.ones_like(y))


def test_two_runs_with_other_bits_are_seen(monkeypatch, unsettled):
    calls, pooled = itertools.count(), aten.max_pool2d_with_indices_backward.default
    plant(monkeypatch, (pooled, lambda *args: pooled(*args) * (1 + next(calls) * 2**-23)))
    with pytest.raises(InputError, match="device pretend: two runs of one network differ in their bits"):
        devices.prepare(NAME)


def test_without_cuda_a_device_cuda_is_an_error_of_one_line():
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(InputError, match="device cuda: torch sees no CUDA device on this machine"):
        devices.prepare("cuda")


@pytest.mark.parametrize("given", [None, ":0:0"])
def test_the_workspace_of_cublas_is_fixed_before_cuda_starts_and_not_after(given, monkeypatch):
    if given is None:
        monkeypatch.delenv(devices.WORKSPACE, raising=False)
    else:
        monkeypatch.setenv(devices.WORKSPACE, given)
    with (
        monkeypatch.context() as started,
        pytest.raises(InputError, match=r"CUDA has started already, and CUBLAS_WORKSPACE"),
    ):
        started.setattr(torch.cuda, "is_initialized", lambda: True)
        devices.fix_workspace()
    with monkeypatch.context() as waiting:
        waiting.setattr(torch.cuda, "is_initialized", lambda: False)
        devices.fix_workspace()
    assert os.environ[devices.WORKSPACE] == ":4096:8"


def test_cuda_that_started_without_a_fixed_workspace_is_refused(monkeypatch):
    monkeypatch.delenv(devices.WORKSPACE, raising=False)
    for name in ("is_available", "is_initialized"):
        monkeypatch.setattr(torch.cuda, name, lambda: True)
    with pytest.raises(InputError, match="set it before the process starts"):
        devices.prepare("cuda")


def test_a_workspace_that_is_fixed_is_kept_though_cuda_has_started(monkeypatch):
    monkeypatch.setenv(devices.WORKSPACE, ":16:8")
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    devices.fix_workspace()
    assert os.environ[devices.WORKSPACE] == ":16:8"
