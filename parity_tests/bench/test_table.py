"""The rows: both sides do the same, and each time is that of its own side."""

from copy import deepcopy

import numpy as np
import pytest
import torch
from threadpoolctl import threadpool_info

from experiments.bench import steps, table
from experiments.bench.clock import Slice, Spread
from experiments.bench.workloads import Workload, classification, growth, of_two_in_float64, workloads
from manual import SGD, Adam, Block, Conv2d, Flatten, Linear, MSELoss, Network, ReLU
from parity_tests.bench.conftest import a_few
from parity_tests.derived import step
from torch_ref import compare_training, to_torch, twin, twin_optimizer

DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def test_a_workload_is_trained_by_the_rule_that_its_name_says():
    for work in workloads(np.float32):
        assert isinstance(work.optimizer, Adam) == work.name.endswith("Adam")
        assert isinstance(work.optimizer, SGD) != work.name.endswith("Adam")


@pytest.mark.slow
@DTYPES
def test_the_steps_that_are_timed_do_the_same(dtype, agree):
    """Each is a training step, to the last bit; and those agree."""
    for work in map(a_few, workloads(dtype)):
        judged = of_two_in_float64(work) if isinstance(work.network.layers[0], Block) else work  # see table.check
        agree(compare_training(judged.network, judged.loss, judged.optimizer, judged.x, judged.y, steps=3))
        (network, ours), (module, theirs) = steps.manual_side(work), steps.torch_sides(work)["default"]
        by_hand, by_torch, loss = deepcopy(work.network), steps.fastest(twin(work.network)), twin(work.loss)
        rule, optimizer = deepcopy(work.optimizer), twin_optimizer(work.optimizer, by_torch)
        for _ in range(3):
            ours()
            step(by_hand, work.loss, rule, work.x, work.y)
            theirs()
            optimizer.zero_grad()
            loss(by_torch(to_torch(work.x)), to_torch(work.y)).backward()
            optimizer.step()
        for name, start in work.network.params.items():
            assert np.array_equal(network.params[name], by_hand.params[name])
            assert torch.equal(module.get_parameter(name), by_torch.get_parameter(name))
            assert not np.array_equal(network.params[name], start)


def test_each_time_is_that_of_its_own_side_and_torchs_is_its_fastest_way(monkeypatch):
    """Each side takes a time of its own; the compiled one and the product are no ways of torch eager."""
    seconds = {"manual": 4, "default": 16, "fused update": 8, "channels last": 32, "compiled": 2, "product": 1}
    marks = {name: lambda: None for name in seconds}
    names = {id(mark): name for name, mark in marks.items()}
    monkeypatch.setattr(table, "check", lambda work: None)
    monkeypatch.setattr(table, "check_first_steps", lambda *_: None)
    monkeypatch.setattr(table, "manual_side", lambda work: (work.network, marks["manual"]))
    ways = ("default", "fused update", "channels last")
    monkeypatch.setattr(table, "torch_sides", lambda work: {way: (twin(work.network), marks[way]) for way in ways})
    monkeypatch.setattr(table, "compiled_side", lambda work: (twin(work.network), marks["compiled"]))
    monkeypatch.setattr(table, "matrix_product", lambda dtype: marks["product"])
    monkeypatch.setattr(
        table, "race", lambda sides, _: [[Slice(1, seconds[names[id(side)]], 0, 0) for side in sides]] * 20
    )
    [row] = table.measure([classification("large", [512, 512], 512, np.float32)], compiled=True)
    assert isinstance(row, table.Row)
    assert {side: us.median for side, us in row.sides_us.items()} == {
        side: 1e6 * each for side, each in seconds.items()
    }
    assert (row.choice, row.ratio.median, row.manual_us.median, row.torch_us.median) == ("fused update", 2, 4e6, 8e6)
    assert (row.compiled, row.of_gemm) == (
        Spread(0.5, 0.5, 0.5),
        Spread(0.5, 0.5, 0.5),
    )  # 4 times as long for 2 products


def test_torch_has_a_fused_update_and_of_pictures_another_memory_layout(rng):
    network = Network(Conv2d(2, 4, 3, rng=rng), Flatten(), Linear(4 * 4 * 4, 2, rng=rng))
    work = Workload("", network, MSELoss(), SGD(lr=0.1), rng.standard_normal((3, 2, 6, 6)), rng.standard_normal((3, 2)))
    sides = steps.torch_sides(work)
    assert [*sides] == ["default", "fused update", "channels last"]
    assert sides["channels last"][0].get_parameter("0.weight").is_contiguous(memory_format=torch.channels_last)
    assert [*steps.torch_sides(workloads(np.float32)[0])] == ["default", "fused update"]
    module = twin(network)
    assert twin_optimizer(Adam(), module, fused=True).param_groups[0]["fused"]


def test_the_product_is_of_its_size_and_dtype():
    for dtype in (np.float32, np.float64):
        out = table.matrix_product(np.dtype(dtype))()
        assert isinstance(out, np.ndarray)
        assert (out.shape, out.dtype) == ((table.SQUARE, table.SQUARE), dtype)


@pytest.mark.parametrize("threads", [1, 2])
def test_both_sides_have_the_threads_that_are_asked_for(threads, monkeypatch):
    seen: list[tuple[int, list[int]]] = []

    def measure(works, compiled):
        blas = [library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"]
        return iter(seen.append((torch.get_num_threads(), blas)) or ())

    monkeypatch.setattr(table, "measure", measure)
    table.table("steps", threads, "float32", [])
    [(theirs, ours)] = seen
    assert theirs == threads
    assert {*ours} == {threads}


@pytest.mark.parametrize("fault", ["another rate", "a step more"])
def test_a_side_whose_first_step_leads_elsewhere_is_not_timed(fault):
    work = a_few(workloads(np.float32)[2])
    (network, ours), (right, step_right) = steps.manual_side(work), steps.torch_side(work)
    table.check_first_steps(work, {"manual": network, "default": right}, {"manual": ours, "default": step_right})
    wrong, once = steps.torch_side(work._replace(optimizer=SGD(lr=0.102)) if fault == "another rate" else work)
    twice = once if fault == "another rate" else lambda: (once(), once())
    network, ours = steps.manual_side(work)
    with pytest.raises(table.Void, match=r"digits.* torch's step \(default\) leads elsewhere, .* of it apart"):
        table.check_first_steps(work, {"manual": network, "default": wrong}, {"manual": ours, "default": twice})


def test_a_compiled_step_trains_as_the_other_does_or_says_why_it_cannot_be(monkeypatch):
    work = a_few(workloads(np.float32)[0])
    used = []
    monkeypatch.setattr(torch, "compile", lambda module: used.append(module) or module)
    made = steps.compiled_side(work)
    assert not isinstance(made, str)
    network, ours = steps.manual_side(work)
    table.check_first_steps(work, {"manual": network, "compiled": made[0]}, {"manual": ours, "compiled": made[1]})
    assert used[-1] is made[0]

    def no_compiler(module):
        def forward(x):
            raise RuntimeError("InvalidCxxCompiler: No working C++ compiler found\nand more")

        return forward

    monkeypatch.setattr(torch, "compile", no_compiler)
    assert steps.compiled_side(work) == "InvalidCxxCompiler: No working C++ compiler found"


@pytest.mark.parametrize("batch", [1, 7])
def test_the_arithmetic_of_a_step_is_counted(batch, rng):
    """By hand: Linear(3, 4) and Linear(4, 2), forward and by their weights, the second by its input too."""
    network = Network(Linear(3, 4, rng=rng), ReLU(), Linear(4, 2, rng=rng))
    x = rng.standard_normal((batch, 3))
    assert Workload("", network, MSELoss(), SGD(), x, x).flops == 2 * batch * (2 * 12 + 3 * 8)
    pictures = rng.standard_normal((batch, 2, 5, 6))
    convolution = Network(Conv2d(2, 3, (2, 1), rng=rng))  # 3 kernels of 2 x 2 x 1, at 4 x 6 places
    assert Workload("", convolution, MSELoss(), SGD(), pictures, x).flops == 2 * batch * 2 * (3 * 4) * (4 * 6)


def test_the_share_of_a_product_is_that_of_its_rate(rng):
    work = classification("large", [512, 512], 512, np.dtype("float64").type)
    assert work.flops == 4 * 512**3
    rounds = [[[Slice(1, seconds, 0, 0), Slice(1, 9, 0, 0), Slice(1, 1, 0, 0)]] * 20 for seconds in (2, 4)]
    as_fast, half = (table.row(work, ["manual", "default", "product"], each) for each in rounds)
    assert isinstance(as_fast, table.Row)
    assert isinstance(half, table.Row)
    assert (as_fast.of_gemm, half.of_gemm) == (Spread(1, 1, 1), Spread(0.5, 0.5, 0.5))


@pytest.mark.slow
def test_a_network_that_grows_does_so_by_the_arithmetic():
    works = {work.name: work for work in growth(np.float32)}
    assert works["width 4,096"].flops == 256 * works["width 256"].flops
    assert works["batch 4,096"].flops == 4096 * works["batch 1"].flops
    assert len(works["depth 64"].network.layers) == 127
    table.check(works["depth 64"])  # its gradients have not died away
