"""The pretended device computes what the CPU computes, and refuses what a GPU refuses; a device is right, or
refused."""

import copy
import itertools
import os
import sys

import numpy as np
import pytest
import torch
from torch.nn.functional import conv2d, cross_entropy, linear, pad
from torch.utils._pytree import tree_map_only

from experiments.report.record.survey import survey
from manual import SGD, Adam, AdamW, InputError, Linear
from parity_tests import device_bugs, pretend
from parity_tests.device_bugs import BUGS
from parity_tests.pretend import NAME, aten
from torch_ref import compare_optimizer, devices, to_numpy, to_torch


def same(ours, theirs):
    return len(ours) == len(theirs) and all(np.array_equal(a, b) for a, b in zip(ours, theirs, strict=True))


def test_every_comparison_on_the_pretended_device_is_that_of_the_cpu_to_the_last_bit():
    here, there = [*survey("cpu")], [*survey(NAME)]
    assert [row[:3] for row in here] == [row[:3] for row in there]
    assert all(row.parity.device == NAME for row in there)
    assert [row.parity.comparisons for row in here] == [row.parity.comparisons for row in there]


RUNS = ("compared", "compared_by_squares", "trained", "resumed", "embedded")


@pytest.mark.parametrize("run", RUNS)
def test_a_run_ends_in_equal_bits_on_the_pretended_device(run):
    run = getattr(device_bugs, run)
    assert same(run(NAME), run("cpu"))


@pytest.mark.parametrize("bug", [pytest.param(bug, id=bug.name) for bug in BUGS])
def test_a_mistake_with_devices_is_invisible_on_the_cpu_and_caught_on_the_pretended_device(bug, monkeypatch):
    bug.plant(monkeypatch)
    here = bug.run("cpu")
    with pytest.raises((RuntimeError, TypeError, AssertionError), match=bug.says or None):
        assert same(bug.run(NAME), here), "other numbers"


@pytest.mark.parametrize("way", ["foreach", "fused"])
@pytest.mark.parametrize("optimizer", [Adam(), AdamW(), SGD(lr=0.1, momentum=0.9, weight_decay=0.1)], ids=repr)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_ways_in_which_a_gpu_computes_an_update_agree_too(way, optimizer, dtype, rng, agree, monkeypatch):
    def in_that_way(optimizer, module):
        return getattr(torch.optim, type(optimizer).__name__)(module.parameters(), **optimizer.hyper, **{way: True})

    monkeypatch.setattr(sys.modules["torch_ref.comparison.optimizers"], "twin_optimizer", in_that_way)
    agree(compare_optimizer(optimizer, Linear(3, 4, rng=rng).astype(dtype), rng, steps=5))


def test_an_update_that_is_computed_on_the_cpu_is_refused(rng, monkeypatch):
    class There(torch.optim.SGD):
        def step(self, closure=None):
            for p in self.param_groups[0]["params"]:
                p.detach().copy_(p.detach().cpu() - 0.1 * p.grad.cpu())

    def there(_, module):
        return There(module.parameters(), lr=0.1)

    monkeypatch.setattr(sys.modules["torch_ref.comparison.optimizers"], "twin_optimizer", there)
    assert compare_optimizer(SGD(lr=0.1), Linear(3, 4, rng=rng), rng).agrees
    with pytest.raises(RuntimeError, match="to the CPU, to compute there"):
        compare_optimizer(SGD(lr=0.1), Linear(3, 4, rng=rng), rng, device=NAME)


def test_a_tensor_that_is_given_by_its_name_does_not_leave_the_device_either():
    with torch.library._scoped_library("parity_tests", "DEF") as library:
        library.define("moved(*, Tensor tensor, Device device) -> Tensor")
        library.impl("moved", lambda *, tensor, device: tensor.to(device, copy=True), "CompositeExplicitAutograd")
        moved = torch.ops.parity_tests.moved
        x = on(MATRIX)
        assert moved(tensor=x, device="cpu").tolist() == MATRIX
        with devices.staying(NAME), pytest.raises(RuntimeError, match="took a tensor from pretend:0 to the CPU"):
            moved(tensor=x, device="cpu")


# What a GPU refuses


def on(values):
    return to_torch(np.asarray(values), NAME)


MATRIX = [[1.0, 2.0], [3.0, 4.0]]
REFUSED = {
    "a matrix of the CPU": (lambda x: x + torch.ones(2, 2), "two devices"),
    "a matrix of the CPU, in place": (lambda x: torch.ones(2, 2).add_(x), "two devices"),
    "a matrix of the CPU, in a list": (lambda x: torch.cat([x, torch.ones(2, 2)]), "two devices"),
    "a number of the CPU, in a list": (lambda x: torch.stack([x[0, 0], torch.ones(())]), "two devices"),
    "a number of the CPU, written to": (lambda x: torch.zeros(()).add_(x[0, 0]), "two devices"),
    "a matrix of the CPU, indexed": (lambda x: torch.ones(2, 2)[x.long() > 1], "two devices"),
    "labels of the CPU": (lambda x: cross_entropy(x, torch.tensor([0, 1])), "two devices"),
    "a matrix of the CPU, in inference": (torch.inference_mode()(lambda x: linear(x, torch.ones(2, 2))), "two devices"),
    "NumPy": (lambda x: x.numpy(), "can't convert"),
    "np.asarray": (np.asarray, "can't convert"),
    "torch.from_numpy": (torch.from_numpy, ""),
    "a generator of the CPU": (
        lambda x: torch.rand(2, device=NAME, generator=torch.Generator()), "generator but found 'cpu'",
    ),
    "a generator of the CPU, in place": (
        lambda x: x.uniform_(generator=torch.Generator()), "for generator but found 'cpu'",
    ),
    "a generator of the CPU, for an order": (
        lambda x: torch.randperm(3, device=NAME, generator=torch.Generator()), "generator but found 'cpu'",
    ),
    "pinned memory": (lambda x: torch.empty(2, device=x.device, pin_memory=True), "can be pinned"),
    "to be pinned": (lambda x: x.pin_memory(), ""),
    "a gradient of the CPU": (lambda x: setattr(x, "grad", torch.ones(2, 2)), ""),
    "another shape in place": (lambda x: x.resize_(3), "reshapes"),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_the_pretended_device_refuses(what):
    refused, message = REFUSED[what]
    with pytest.raises((RuntimeError, TypeError, NotImplementedError), match=message or None):
        refused(on(MATRIX).float())


ACCEPTED = {
    "a number of the CPU": lambda x: x * torch.tensor(2.0),
    "indices of the CPU": lambda x: x[torch.tensor([1, 0])],
    "indices of its own": lambda x: x[(x[:, 0] > 1)],
    "a copy from the CPU": lambda x: x.clone().copy_(torch.eye(2)),
    "a change through a view": lambda x: (y := x.clone(), y[0].add_(1))[0],
    "a matrix of none": lambda x: torch.eye(2, device=x.device) + torch.arange(2, device=x.device),
    "in inference": torch.inference_mode()(lambda x: linear(x, x)),
    "in half precision": lambda x: torch.nn.Parameter(x).half(),
    "a copy of its own": copy.deepcopy,
}


@pytest.mark.parametrize("what", ACCEPTED)
def test_the_pretended_device_accepts_what_a_gpu_accepts_and_computes_what_the_cpu_computes(what):
    x = torch.tensor(MATRIX)
    here, there = ACCEPTED[what](x), ACCEPTED[what](x.to(NAME))
    assert there.device.type == NAME
    assert np.array_equal(to_numpy(here), to_numpy(there))
    assert here.tolist() == there.tolist()


def test_a_module_on_the_pretended_device_changes_its_dtype_and_is_saved_for_the_cpu(tmp_path):
    module = torch.nn.Linear(2, 3)
    moved = copy.deepcopy(module).to(NAME)
    assert torch.equal(moved.double()(on(MATRIX)).cpu(), module.double()(torch.tensor(MATRIX).double()))
    torch.save(moved.state_dict(), tmp_path / "weights")
    saved = torch.load(tmp_path / "weights", weights_only=True)
    assert saved["weight"].device.type == "cpu"
    assert torch.equal(saved["weight"], module.weight)


def test_what_moves_to_the_cpu_is_a_copy():
    x = on(MATRIX)
    x.cpu().zero_()
    assert x.tolist() == MATRIX


# A device is what it should be, or is refused


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
