"""The benchmark, without its clock; what importing `manual` loads; and what a step keeps in memory."""

import json
import os
import platform
import re
import subprocess
import sys
import time
from copy import deepcopy
from itertools import count
from typing import Any

import numpy as np
import pytest
import torch
from threadpoolctl import threadpool_info

import manual
from experiments.bench import clock, regression, startup, steps, table
from experiments.bench import command as bench
from experiments.bench.clock import Slice, Spread
from experiments.bench.memory import besides
from experiments.bench.verdict import TARGETS, judged, notes
from experiments.bench.workloads import Workload, classification, growth, workloads
from manual import SGD, Adam, Conv2d, Flatten, Layer, Linear, MSELoss, Network, ReLU
from manual.optimizer import PIECE
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


def wrong_workload(rng, width):
    class ReLU(manual.ReLU):
        def backward(self, delta, on, /):
            return delta, self

    network = Network(Linear(width, width, rng=rng), ReLU(), Linear(width, 1, rng=rng))
    return Workload(
        "wrong", network, MSELoss(), SGD(lr=0.1), rng.standard_normal((5, width)), rng.standard_normal((5, 1))
    )


def test_a_table_has_every_workload_under_the_machine_that_ran_it(quiet, capsys):
    assert bench.main(SHORT) == 0
    about, rows, _, _ = capsys.readouterr().out.split("\n\n")
    assert about.splitlines()[0] == "One training step: float32, 1 thread"
    assert [entry.split()[0] for entry in about.splitlines()[1:]] == ["CPU", "NumPy", "torch"]
    assert np.__version__ in about
    header, *lines = rows.splitlines()
    assert "torch / manual" in header
    for line, work in zip(lines, workloads(np.float32), strict=True):
        assert line.startswith(work.name)


def test_every_target_is_one_of_a_workload():
    works = {work.name: work for work in workloads(np.float32)}
    for target in TARGETS:
        assert target.quantity == "ratio" or works[target.workload].flops >= table.LARGE
        assert target.table in ("steps", "kernel")


def test_a_workload_is_trained_by_the_rule_that_its_name_says():
    for work in workloads(np.float32):
        assert isinstance(work.optimizer, Adam) == work.name.endswith("Adam")
        assert isinstance(work.optimizer, SGD) != work.name.endswith("Adam")


@pytest.mark.slow
def test_the_json_parses_and_has_every_workload_of_every_setting(quiet, monkeypatch, capsys):
    works = workloads(np.float64)[:4]
    monkeypatch.setattr(bench, "workloads", lambda dtype: works)
    before = torch.get_num_threads()
    assert bench.main(["steps", "--threads", "1", "2", "--eager", "--format", "json"]) == 0
    assert torch.get_num_threads() == before
    tables = json.loads(capsys.readouterr().out)
    settings = [(1, "float32"), (1, "float64"), (2, "float32"), (2, "float64")]
    assert [(t["threads"], t["dtype"]) for t in tables] == settings
    for timed in tables:
        assert [r["workload"] for r in timed["rows"]] == [work.name for work in works]
        assert timed.keys() == {"table", "threads", "dtype", "machine", "commit", "made", "rows", "untimed", "targets"}
        for r in timed["rows"]:
            assert {"manual", "default", "fused update"} <= r["sides_us"].keys()
            for quantity in ("manual_us", "torch_us", "ratio"):
                assert 0 < r[quantity]["q1"] <= r[quantity]["median"] <= r[quantity]["q3"]
            assert 0 < r["kept"] <= r["rounds"]


@pytest.mark.slow
@DTYPES
def test_the_steps_that_are_timed_do_the_same(dtype, agree):
    """Each is a training step, to the last bit; and those agree."""
    for work in map(a_few, workloads(dtype)):
        agree(compare_training(work.network, work.loss, work.optimizer, work.x, work.y, steps=3))
        (network, ours), (module, theirs) = steps.manual_side(work), steps.torch_sides(work)["default"]
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


def test_the_dtype_is_that_of_the_tables_name(quiet, monkeypatch):
    asked = []
    monkeypatch.setattr(bench, "workloads", lambda dtype: asked.append(dtype) or [])
    bench.main(["steps", "--threads", "1", "--dtype", "float64", "float32", "--eager"])
    assert asked == [np.float64, np.float32]


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


@pytest.mark.parametrize("width", [8, 1000])  # of the large one all but the update is compared
def test_a_wrong_network_is_not_timed(width, quiet, monkeypatch, rng, capsys):
    monkeypatch.setattr(bench, "workloads", lambda dtype: [wrong_workload(rng, width)])
    assert bench.main(SHORT) == 1
    out, error = capsys.readouterr()
    assert re.search(r"wrong: manual and torch do not compute the same.*ReLU.*differs", error)
    assert "wrong" not in out


@pytest.mark.slow
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


@pytest.mark.skipif(
    not hasattr(os, "sched_setaffinity"), reason="needs a system on which two processes can be put on one core"
)
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


@pytest.mark.slow
def test_a_machine_that_is_never_quiet_gives_no_numbers(quiet, monkeypatch, capsys):
    monkeypatch.setattr(clock, "preemptions", count().__next__)
    monkeypatch.setattr(time, "thread_time", lambda: 0.0)
    assert bench.main(SHORT) == 1
    shown, error = capsys.readouterr()
    assert error == "python -m experiments.bench: nothing was timed\n"
    assert "2-2-1, batch 1, torch / manual: at least 5 (aim 7) was asked, not timed" in shown
    rows = [line for line in shown.splitlines() if "rounds undisturbed" in line]
    assert len(rows) == len(workloads(np.float32))
    assert all(re.search(r"other processes left 0 of \d+ rounds undisturbed, fewer than 1$", row) for row in rows)
    assert bench.main([*SHORT, "--format", "json"]) == 1
    [timed] = json.loads(capsys.readouterr().out)
    assert timed["rows"] == []
    assert [missing["workload"] for missing in timed["untimed"]] == [work.name for work in workloads(np.float32)]


MACHINE = {"CPU": "one", "NumPy": "two", "torch": "three"}


def result(median, spread=0.01, name="steps", workload="digits", threads=1, machine=MACHINE):
    ratio = {"q1": median - spread, "median": median, "q3": median + spread}
    rows = [{"workload": workload, "ratio": ratio}]
    return {"table": name, "threads": threads, "dtype": "float32", "machine": machine, "rows": rows}


@pytest.mark.parametrize(
    ("now", "said", "status"),
    [
        (result(2.0), "slower: digits (steps, float32, threads: 1): torch / manual was 3 and is 2", 1),
        (result(2.6), "slower: digits (steps, float32, threads: 1): torch / manual was 3 and is 2.6", 1),
        (result(2.8), "", 0),
        (result(2.0, spread=1.2), "", 0),
        (result(4.0), "", 0),
        (result(3.0, machine=MACHINE | {"CPU": "1"}), "not the same CPU: it was one, and is 1", 0),
        (result(3.0, machine=MACHINE | {"NumPy": "2"}), "not the same NumPy: it was two, and is 2", 0),
        (result(2.0, workload="another"), "not compared: another (steps, float32, threads: 1), of one result alone", 1),
        (result(2.0, name="kernel"), "not compared: digits (steps, float32, threads: 1), of one result alone", 1),
        (result(2.0, threads=2), "not compared: digits (steps, float32, threads: 2), of one result alone", 1),
    ],
)
def test_a_ratio_that_fell_behind_an_earlier_one_is_named_and_ends_with_1(
    now, said, status, quiet, tmp_path, monkeypatch, capsys
):
    """So does a result that has nothing in common with the earlier one."""
    before = tmp_path / "before.json"
    before.write_text(json.dumps([result(3.0)]))
    monkeypatch.setattr(bench, "text", lambda table: "")
    monkeypatch.setattr(bench, "run", lambda chosen, options: [now])
    assert bench.main(["--against", str(before)]) == status
    error = capsys.readouterr().err
    assert said in error
    assert bool(said) == bool(error)


@pytest.mark.parametrize(
    "content",
    ["", "{", "3", "[]", "{}", "[{}]", '[{"rows": [{"ratio": 1}]}]', json.dumps([result(float("nan"))]),
     json.dumps([result(0.0)]), "[" * 10**5, json.dumps([result(3.0)]).replace("3.0", "9" * 400), None],
)  # fmt: skip
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
    assert regression.compare(regression.read(path), [result(3.0)]) == ([], False)


@pytest.mark.parametrize(("tables", "wanted"), [("steps", {}), ("kernel", bench.HELD)])
def test_variables_that_change_how_numpy_multiplies_are_as_wanted_before_it_loads(tables, wanted, quiet, monkeypatch):
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Prescott")
    monkeypatch.setenv("OPENBLAS_L2_SIZE", "1024")
    started = []

    def run(command, env, **_):
        started.append((command, env))
        return subprocess.CompletedProcess(command, 7)

    monkeypatch.setattr(subprocess, "run", run)
    assert bench.main([tables, "--eager"]) == 7
    ((command, environment),) = started
    assert command == [sys.executable, "-P", "-m", "experiments.bench", tables, "--eager"]
    assert {name: environment[name] for name in bench.OPENBLAS if name in environment} == wanted


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="the kernels are those of x86-64")
@pytest.mark.parametrize("wanted", ["Haswell", pytest.param("Sandybridge", marks=pytest.mark.slow)])
def test_the_kernel_that_is_named_is_the_one_that_numpy_runs(wanted, tmp_path):
    """Started again where somebody else's `experiments` lies."""
    (tmp_path / "experiments").mkdir()
    (tmp_path / "experiments" / "__init__.py").write_text("raise RuntimeError('another')")
    (tmp_path / "numbers").write_text("")
    says = "from experiments.bench.machine import kernel; print(kernel())"
    environment = os.environ | {"OPENBLAS_CORETYPE": wanted, "PYTHONPATH": str(bench.ROOT)}
    done = subprocess.run(
        [sys.executable, "-P", "-c", says], env=environment, cwd=tmp_path, capture_output=True, text=True
    )
    if "openblas" not in done.stdout:
        pytest.skip("NumPy has another BLAS")
    assert done.stdout.strip().endswith(f"kernel {wanted}")


def test_a_blas_that_is_not_held_to_avx2_gives_no_table_of_it(quiet, monkeypatch, capsys):
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Haswell")
    monkeypatch.setattr(bench, "kernel", lambda: "mkl 2024, kernel unknown")
    assert bench.main(["kernel"]) == 1
    shown, _ = capsys.readouterr()
    assert "all of them: NumPy's BLAS cannot be held to AVX2 here: mkl 2024, kernel unknown" in shown
    assert "784-512-512-10, batch 128, torch / manual: at least 1.1 was asked, not timed" in shown


@pytest.mark.slow
def test_an_earlier_result_is_found_from_any_folder(tmp_path, monkeypatch):
    """The benchmark starts itself again, as a variable is set that it does not want; the file is no result, and it
    says so."""
    (tmp_path / "before.json").write_text("[]")
    environment = os.environ | {"OPENBLAS_CORETYPE": "Haswell"}
    command = [sys.executable, "-P", "-m", "experiments.bench", "steps", "--against", "before.json"]
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "nothing was timed in it" in done.stderr


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


@pytest.mark.parametrize("optimizer", [SGD(lr=0.1), pytest.param(Adam(), marks=pytest.mark.slow)], ids=["SGD", "Adam"])
def test_memory_above_parameters_and_activations_does_not_grow(optimizer):
    """Neither with the width, nor the batch, nor the depth: what an optimizer computes on the way is of a few rows;
    Adam holds seven arrays of them at a time.
    """
    for work in growth(np.float32):
        if work.flops < 10**10:
            assert besides(work._replace(optimizer=optimizer)) < 8 * PIECE * work.x.itemsize


def test_memory_that_grows_is_seen(monkeypatch):
    monkeypatch.setattr("manual.optimizer.PIECE", 2**40)
    assert besides(classification("", [1024, 1024], 1, np.float32)) > 2**22 - 2**15  # learning rate times gradient


def timed(workload, ratio, of_gemm=None, choice="default", flops=1, us=1.0, besides_kb=0.0):
    spread = {"q1": ratio, "median": ratio, "q3": ratio}
    share = of_gemm and {"q1": of_gemm, "median": of_gemm, "q3": of_gemm}
    return {"workload": workload, "ratio": spread, "of_gemm": share, "choice": choice, "flops": flops,
            "manual_us": {"q1": us, "median": us, "q3": us}, "besides_kb": besides_kb}  # fmt: skip


def in_words(name, *rows, threads=1, dtype="float32"):
    made = {"table": name, "threads": threads, "dtype": dtype, "rows": rows}
    return [*notes(made | {"targets": judged(made)})]


def test_what_was_asked_is_said_to_be_reached_or_not():
    large = "784-512-512-10, batch 128"
    small = [timed("2-2-1, batch 1", 7), timed("1-2-1, batch 256", 5.9), timed("digits, batch 64", 2.499)]
    assert in_words("steps", *small, timed(large, 2, 0.7)) == [
        "2-2-1, batch 1, torch / manual: at least 5 (aim 7) was asked: 7, reached, and the aim",
        "1-2-1, batch 256, torch / manual: at least 4 (aim 6) was asked: 5.9, reached",
        "digits, batch 64, torch / manual: at least 2.5 (aim 3.5) was asked: 2.5, not reached",
        f"{large}, torch / manual: at least 1.7 (aim 2) was asked: 2, reached, and the aim",
        "Bluebird CNN, batch 64, torch / manual: at least 0.8 (aim 1.15) was asked, not timed",
        f"{large}, of a product's rate: at least 0.7 was asked: 0.7, reached",
        "Bluebird CNN, batch 64, of a product's rate: at least 0.4 was asked, not timed",
    ]
    assert in_words("steps", timed(large, 2), threads=2) == in_words("steps", timed(large, 2), dtype="float64") == []


def test_where_torch_is_faster_is_said_with_the_way_in_which_it_is():
    said = in_words("growth", timed("a", 1.01), timed("b", 0.5, choice="fused update"), timed("c", 0.99), threads=2)
    assert said[0] == "torch is faster in 2 of 3: b (0.5, fused update); c (0.99)"


def test_what_starts_too_late_is_said_to_miss_its_limit():
    limits = [("import torch", None, 0), ("a", 1.2, 0), ("b", 1.2, 0), ("c", 1, 0.5), ("d", 1, 0.5)]
    seconds = [2, 2.3, 2.5, 2.4, 2.6]
    taken = {startup.Start(name, (), times, more): Spread(s, s, s)
             for (name, times, more), s in zip(limits, seconds, strict=True)}  # fmt: skip
    lines = startup.text(taken).splitlines()[1:]
    assert [line.split()[-1] for line in lines[1:]] == ["reached", "missed", "reached", "missed"]
    assert "1.15" in lines[1]


def test_what_startup_checks_is_right_so_that_all_of_it_is_judged(run, tmp_path):
    status, result = run(startup.filled_in(tmp_path))
    assert (status, len(result["findings"])) == (0, 3)


def test_how_time_and_memory_grow_is_said():
    grown = (("width 128", 1, 9), ("width 256", 4, 8), ("width 1,024", 64, 160))
    widths = [timed(name, 2, flops=flops, us=us) for name, flops, us in grown]
    said = in_words("growth", *widths, timed("batch 1", 2, besides_kb=7))
    assert said == [
        "from width 256 to 1,024 an operation takes 1 to 1.25 of its time at width 256",
        "besides parameters, gradient and activations a step takes at most 7 KB of memory, at any of these sizes",
    ]
    assert in_words("growth", widths[0], widths[2])[:-1] == []  # not without what it is measured by


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
