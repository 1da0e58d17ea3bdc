"""The benchmark, without its clock; what importing `manual` loads; and what a forward pass keeps in memory."""

import json
import os
import re
import subprocess
import sys
import time
import tracemalloc
from copy import deepcopy
from itertools import count
from typing import Any

import numpy as np
import pytest
import torch

import manual
from experiments import bench
from experiments.benchmarking import against, clock, steps, table
from experiments.benchmarking.clock import Slice, Spread
from experiments.benchmarking.workloads import TARGETS, Workload, classification, growth, workloads
from manual import SGD, Adam, Conv2d, Flatten, Layer, Linear, MSELoss, Network, ReLU
from parity_tests.derived import step
from torch_ref import compare_training, to_torch, twin, twin_optimizer

TICK, TICK_US = 2**-6, 15_625  # seconds and microseconds, both exact in binary
DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])
SHORT = ["steps", "--threads", "1", "--dtype", "float32", "--eager"]


@pytest.fixture
def quiet(monkeypatch):
    """A short benchmark that takes the machine for its own."""
    for name in bench.OPENBLAS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(table, "SECONDS", 0.02)
    monkeypatch.setattr(clock, "PATIENCE", 0.02)
    monkeypatch.setattr(clock, "FEWEST", 1)
    monkeypatch.setattr(table, "FEWEST", 1)
    monkeypatch.setattr(bench, "workloads", lambda dtype: [a_few(work) for work in workloads(dtype)])
    monkeypatch.setattr(clock, "preemptions", lambda: 0)


def a_few(work):
    """The same steps, on the first examples."""
    return work._replace(x=work.x[:3], y=work.y[:3])


def wrong_workload(rng):
    class ReLU(manual.ReLU):
        def backward(self, delta, on, /):
            return delta, self

    network = Network(Linear(3, 8, rng=rng), ReLU(), Linear(8, 1, rng=rng))
    return Workload("wrong", network, MSELoss(), SGD(lr=0.1), rng.standard_normal((5, 3)), rng.standard_normal((5, 1)))


def test_a_table_has_every_workload_under_the_machine_that_ran_it(quiet, capsys):
    assert bench.main(SHORT) == 0
    about, rows, _ = capsys.readouterr().out.split("\n\n")
    assert about.splitlines()[0] == "One training step: float32, 1 thread"
    assert [entry.split()[0] for entry in about.splitlines()[1:]] == ["CPU", "NumPy", "torch"]
    assert np.__version__ in about
    header, *lines = rows.splitlines()
    assert "torch / manual" in header
    for line, work in zip(lines, workloads(np.float32), strict=True):
        assert line.startswith(work.name)
        least, aim = TARGETS.get(work.name, ("", ""))
        assert (f"  {least} ({aim})  " in line) == (work.name in TARGETS)


def test_every_target_is_one_of_a_workload():
    assert TARGETS.keys() <= {work.name for work in workloads(np.float32)}


def test_the_json_parses_and_has_every_workload_of_every_setting(quiet, capsys):
    before = torch.get_num_threads()
    assert bench.main(["steps", "--threads", "1", "2", "--eager", "--format", "json"]) == 0
    assert torch.get_num_threads() == before
    tables = json.loads(capsys.readouterr().out)
    settings = [(1, "float32"), (1, "float64"), (2, "float32"), (2, "float64")]
    assert [(t["threads"], t["dtype"]) for t in tables] == settings
    for timed in tables:
        assert [r["workload"] for r in timed["rows"]] == [work.name for work in workloads(np.float64)]
        for r in timed["rows"]:
            for quantity in ("manual_us", "torch_us", "ratio"):
                assert 0 < r[quantity]["q1"] <= r[quantity]["median"] <= r[quantity]["q3"]
            assert 0 < r["kept"] <= r["rounds"]


@DTYPES
def test_the_steps_that_are_timed_do_the_same(dtype, agree):
    """Each is a training step, to the last bit; and those agree."""
    for work in map(a_few, workloads(dtype)):
        agree(compare_training(work.network, work.loss, work.optimizer, work.x, work.y, steps=3))
        (network, ours), (module, theirs) = steps.manual_side(work), steps.torch_side(work)
        by_hand, by_torch, loss = deepcopy(work.network), twin(work.network), twin(work.loss)
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


def test_of_pictures_torch_is_timed_with_channels_last_in_memory_too(quiet, monkeypatch, rng):
    raced = []
    monkeypatch.setattr(table, "race", lambda sides, seconds: raced.append(sides) or [[Slice(1, 3 - 1e-3 * i, 0, 0)
                        for i, _ in enumerate(sides)]] * 20)  # fmt: skip
    network = Network(Conv2d(2, 4, 3, rng=rng), Flatten(), Linear(4 * 4 * 4, 2, rng=rng))
    x = rng.standard_normal((3, 2, 6, 6))
    [row] = table.measure([Workload("pictures", network, MSELoss(), SGD(lr=0.1), x, rng.standard_normal((3, 2)))])
    assert isinstance(row, table.Row)
    assert (len(raced[0]), row.layout) == (3, "channels last")  # the faster, as each side here is than the one before
    module, _ = steps.torch_side(Workload("", network, MSELoss(), SGD(), x, x), torch.channels_last)
    assert module.get_parameter("0.weight").is_contiguous(memory_format=torch.channels_last)


def test_a_compiled_step_trains_as_the_other_does_or_says_why_it_cannot_be(monkeypatch):
    work = a_few(workloads(np.float32)[0])
    used = []
    monkeypatch.setattr(torch, "compile", lambda module: used.append(module) or module)
    made = steps.compiled_side(work)
    assert callable(made)
    made()
    assert len(used) == 1

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


def test_a_wrong_network_is_not_timed(quiet, monkeypatch, rng, capsys):
    monkeypatch.setattr(bench, "workloads", lambda dtype: [wrong_workload(rng)])
    assert bench.main(SHORT) == 1
    out, error = capsys.readouterr()
    assert re.search(r"wrong: manual and torch do not compute the same.*ReLU.*differs", error)
    assert "wrong" not in out


def test_a_network_that_grows_does_so_by_the_arithmetic():
    works = {work.name: work for work in growth(np.float32)}
    assert works["width 4,096"].flops == 256 * works["width 256"].flops
    assert works["batch 4,096"].flops == 4096 * works["batch 1"].flops
    assert len(works["depth 64"].network.layers) == 127
    table.check(works["depth 64"])  # its gradients have not died away


def test_rounds_in_which_another_process_took_the_core_are_thrown_away():
    undisturbed = [Slice(10, 10 * TICK, 0, 0), Slice(5, 25 * TICK, 0, 0)]
    for_a_moment = [Slice(10, 10 * TICK, 2, TICK / 20), Slice(5, 25 * TICK, 0, 0)]
    ours_preempted = [Slice(10, 5000 * TICK, 1, 4990 * TICK), Slice(5, 25 * TICK, 0, 0)]
    theirs_preempted = [Slice(10, 10 * TICK, 0, 0), Slice(5, 5000 * TICK, 3, 4975 * TICK)]
    assert len(clock.undisturbed([undisturbed, for_a_moment, ours_preempted, theirs_preempted])) == 2
    rounds = [undisturbed] * 10 + [for_a_moment] * 2 + [ours_preempted] * 40 + [theirs_preempted] * 40
    row: Any = table.row(workloads(np.float32)[0], ["manual", "default"], rounds)
    assert (row.rounds, row.kept) == (92, 12)
    assert [s.q3 for s in (row.manual_us, row.torch_us, row.ratio)] == [TICK_US, 5 * TICK_US, 5]


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="needs a system on which two processes can be put on one core")
def test_another_process_on_the_same_core_is_noticed():
    allowed = os.sched_getaffinity(0)
    core, before, patience = {min(allowed)}, clock.preemptions(), time.monotonic() + 10
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as other:
        try:
            os.sched_setaffinity(other.pid, core)
            os.sched_setaffinity(0, core)
            while clock.preemptions() == before and time.monotonic() < patience:
                pass
        finally:
            os.sched_setaffinity(0, allowed)
            other.kill()
    assert clock.preemptions() > before


def test_a_time_is_the_median_between_its_quartiles():
    rounds = [[Slice(1, TICK, 0, 0), Slice(1, n * TICK, 0, 0)] for n in range(21)]
    row: Any = table.row(workloads(np.float32)[0], ["manual", "default"], rounds)
    assert (row.torch_us.q1, row.torch_us.median, row.torch_us.q3) == (5 * TICK_US, 10 * TICK_US, 15 * TICK_US)
    assert (row.ratio.q1, row.ratio.median, row.ratio.q3) == (5, 10, 15)


def test_times_are_written_in_three_digits_without_a_power_of_ten():
    spread = Spread(0.75912, 46.68, 56_439)
    assert str(spread) == "46.7 (0.759–56,400)"


def test_a_machine_that_is_never_quiet_gives_no_numbers(quiet, monkeypatch, capsys):
    monkeypatch.setattr(clock, "preemptions", count().__next__)
    monkeypatch.setattr(time, "thread_time", lambda: 0.0)
    assert bench.main(SHORT) == 0
    rows = [line for line in capsys.readouterr().out.splitlines() if "rounds undisturbed" in line]
    assert len(rows) == len(workloads(np.float32))
    assert all(re.search(r"other processes left 0 of \d+ rounds undisturbed, fewer than 1$", row) for row in rows)
    assert bench.main([*SHORT, "--format", "json"]) == 0
    [timed] = json.loads(capsys.readouterr().out)
    assert timed["rows"] == []
    assert [missing["workload"] for missing in timed["untimed"]] == [work.name for work in workloads(np.float32)]


def result(median, spread=0.01, name="steps", workload="digits"):
    ratio = {"q1": median - spread, "median": median, "q3": median + spread}
    return {"table": name, "threads": 1, "dtype": "float32", "rows": [{"workload": workload, "ratio": ratio}]}


def test_a_ratio_that_fell_behind_an_earlier_one_is_named_and_ends_with_1(quiet, tmp_path, monkeypatch, capsys):
    before = tmp_path / "before.json"
    before.write_text(json.dumps([result(3.0)]))
    monkeypatch.setattr(bench, "text", lambda table: "")
    for now, status in ((result(2.0), 1), (result(2.9), 0), (result(2.0, spread=1.2), 0), (result(4.0), 0),
                        (result(2.0, workload="another"), 0), (result(2.0, name="kernel"), 0)):  # fmt: skip
        monkeypatch.setattr(bench, "run", lambda chosen, options, now=now: [now])
        assert bench.main(["--against", str(before)]) == status
        error = capsys.readouterr().err
        assert ("slower: digits (steps, float32, threads: 1): torch / manual was 3 and is 2" in error) == bool(status)


@pytest.mark.parametrize("content", ["", "{", "3", "[{}]", '[{"rows": [{"ratio": 1}]}]', None])
def test_an_earlier_result_that_is_none_is_one_line_and_exit_2(quiet, content, tmp_path, capsys):
    path = tmp_path / "before.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(SystemExit) as exit_:
        bench.main(["--against", str(path)])
    assert exit_.value.code == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert str(path) in error


def test_an_earlier_result_is_read_as_it_was_written(tmp_path):
    path = tmp_path / "before.json"
    path.write_text(json.dumps([result(3.0)]))
    assert against.behind(against.read(path), [result(1.0)])


@pytest.mark.parametrize(
    "arguments", [["--threads", "0"], ["--threads", "two"], ["--dtype", "float16"], ["--format", "xml"], ["steps", "grow"]]
)
def test_a_wrong_argument_is_one_line_that_names_it_and_exit_2(quiet, arguments, capsys):
    with pytest.raises(SystemExit) as exit_:
        bench.main(arguments)
    assert exit_.value.code == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert arguments[1] in error


@pytest.mark.parametrize(("tables", "wanted"), [("steps", {}), ("kernel", bench.HELD)])
def test_variables_that_change_how_numpy_multiplies_are_as_wanted_before_it_loads(tables, wanted, quiet, monkeypatch):
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Prescott")
    monkeypatch.setenv("OPENBLAS_L2_SIZE", "1024")
    started = []

    def run(command, env, cwd, **_):
        started.append((command, env, cwd))
        return subprocess.CompletedProcess(command, 7)

    monkeypatch.setattr(subprocess, "run", run)
    assert bench.main([tables, "--threads", "1"]) == 7
    ((command, environment, folder),) = started
    assert command == [sys.executable, "-m", "experiments.bench", tables, "--threads", "1"]
    assert (folder / "experiments" / "bench.py").samefile(bench.__file__)  # and not another's, where the user is
    assert {name: environment[name] for name in bench.OPENBLAS if name in environment} == wanted


def test_all_tables_are_made_each_in_its_environment(quiet, monkeypatch, capsys):
    monkeypatch.setattr(bench, "growth", lambda dtype: [classification("width 8", [8, 8], 4, dtype)])
    monkeypatch.setattr(bench, "workloads", lambda dtype: [classification("steps 8", [8, 8], 4, dtype)])
    seen = []

    def again(arguments, wanted, stdout):
        seen.append((arguments, wanted))
        return subprocess.CompletedProcess([], 0, stdout=json.dumps([result(1.0, name="kernel") | {"untimed": []}]))

    monkeypatch.setattr(bench, "again", again)
    assert bench.main(["--threads", "1", "--dtype", "float64", "--format", "json"]) == 0
    tables = json.loads(capsys.readouterr().out)
    assert [t["table"] for t in tables] == ["steps", "kernel", "growth"]
    assert seen == [(["kernel", "--format", "json"], bench.HELD)]


def test_a_table_that_another_process_could_not_make_is_no_success(quiet, monkeypatch, capsys):
    monkeypatch.setattr(bench, "again", lambda *_: subprocess.CompletedProcess([], 1, stdout=""))
    monkeypatch.setattr(bench, "growth", lambda dtype: [])
    assert bench.main(["kernel", "growth"]) == 1
    assert "the table of the kernel was not made" in capsys.readouterr().err


@pytest.mark.parametrize("sizes", [[256, 256, 256], [1024, 1024, 1024]], ids=str)
@pytest.mark.parametrize("optimizer", [SGD(lr=0.1), Adam()], ids=["SGD", "Adam"])
def test_memory_above_parameters_and_activations_does_not_grow_with_the_width(sizes, optimizer):
    work = classification("", sizes, 16, np.float32)._replace(optimizer=optimizer)
    network, train = steps.manual_side(work)
    train()  # the optimizer's state is there
    tracemalloc.start()
    train()
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    gradient = sum(p.nbytes for p in network.params.values())
    activations = work.x.itemsize * 16 * sum(sizes)
    assert most - gradient - 4 * activations < 2 * 2**20  # forward, its masks, and two delta


def test_importing_manual_does_not_import_torch():
    subprocess.run([sys.executable, "-c", "import manual, sys; assert 'torch' not in sys.modules"], check=True)


def buffers(cache):
    """The arrays that own the memory that a cache holds on to, each once."""
    if isinstance(cache, list | tuple):
        return {address: owner for part in cache for address, owner in buffers(part).items()}
    if not isinstance(cache, np.ndarray):
        return {}
    while isinstance(cache.base, np.ndarray):
        cache = cache.base
    return {id(cache): cache}


def places_that_keep_too_much(network, sizes):
    """The places of layers whose cache is more than their input, of `sizes` numbers an example, and a mask of it."""
    x = np.random.default_rng(0).random((64, sizes[0]), dtype=np.float32)
    _, tape = network.forward(x)
    excess = []
    for place, (cache, size) in enumerate(zip(tape, sizes, strict=True)):
        kept = buffers(cache).values()
        numbers, masks = (sum(a.nbytes for a in kept if (a.dtype == bool) is mask) for mask in (False, True))
        if numbers > 64 * size * x.itemsize or masks > 64 * size:
            excess.append(place)
    return excess


def digits_network(rng, activation):
    return Network(Linear(64, 128, rng=rng), activation, Linear(128, 10, rng=rng)).astype(np.float32)


def test_the_caches_hold_each_layers_input_at_most_once_and_masks(rng):
    assert places_that_keep_too_much(digits_network(rng, ReLU()), (64, 128, 128)) == []


def test_a_layer_that_keeps_its_input_twice_is_found_and_a_view_of_it_is_not(rng):
    class Views(Layer):
        def forward(self, x, /):
            return x, (x, [x[:3], x.T, x > 0])

    class Hoards(Layer):
        def forward(self, x, /):
            return x, (x, [x.copy()])

    assert places_that_keep_too_much(digits_network(rng, Views()), (64, 128, 128)) == []
    assert places_that_keep_too_much(digits_network(rng, Hoards()), (64, 128, 128)) == [1]
