"""The pretended device computes what the CPU computes, and refuses what a GPU refuses."""

import copy
import sys
from itertools import islice

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy, linear

from experiments.report.record import survey
from manual import SGD, Adam, AdamW, Linear
from parity_tests.bugs.devices import DEVICE_BUGS
from parity_tests.devices.pretend import NAME
from torch_ref import compare_optimizer, devices, to_numpy, to_torch


def same(ours, theirs):
    return len(ours) == len(theirs) and all(np.array_equal(a, b) for a, b in zip(ours, theirs, strict=True))


TAKEN_APART = {"SiLU", "Mish", "LSTM", "EveryStep"}
"""What is one kernel on a CPU and on a GPU, or holds an LSTM; the pretended device takes it apart, to other bits."""


@pytest.mark.parametrize(("dtype", "every"), [
    (np.float32, 12), *(pytest.param(dtype, 1, marks=pytest.mark.slow) for dtype in (np.float32, np.float64)),
])  # fmt: skip
@pytest.mark.parametrize("compared", [survey.layers, survey.losses, survey.optimizers, survey.networks])
def test_every_comparison_on_the_pretended_device_is_that_of_the_cpu_to_the_last_bit(compared, dtype, every):
    here, there = (
        {
            name: survey.together(device, each)
            for name, each in islice(compared(np.dtype(dtype), device), 0, None, every)
        }
        for device in ("cpu", NAME)
    )
    assert {subject for subject in here if here[subject].comparisons != there[subject].comparisons} <= TAKEN_APART
    assert all(there[subject].agrees for subject in here)


RUNS = {bug.right.__name__: bug.right for bug in DEVICE_BUGS}


@pytest.mark.parametrize("run", RUNS.values(), ids=RUNS)
def test_a_run_ends_in_equal_bits_on_the_pretended_device(run):
    assert same(run(NAME), run("cpu"))


@pytest.mark.parametrize("bug", [pytest.param(bug, id=bug.name) for bug in DEVICE_BUGS])
def test_a_mistake_with_devices_is_invisible_on_the_cpu_and_caught_on_the_pretended_device(bug, monkeypatch):
    bug.wrong(monkeypatch)
    here = bug.right("cpu")
    with pytest.raises((RuntimeError, TypeError, AssertionError), match=bug.shows or None):
        assert same(bug.right(NAME), here), "other numbers"


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
