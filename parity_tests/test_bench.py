"""The benchmark, without its clock; what importing `manual` loads; and what a forward pass keeps in memory."""

import json
import os
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

import manual
from experiments import bench
from experiments.bench import Slice, Workload
from manual import SGD, Layer, Linear, MSELoss, Network, ReLU
from parity_tests.derived import step
from torch_ref import compare_training, to_torch, twin, twin_optimizer

TICK, TICK_US = 2**-6, 15_625  # seconds and microseconds, both exact in binary
DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])


@pytest.fixture
def quiet(monkeypatch):
    """A short benchmark that takes the machine for its own."""
    for name in bench.SLOWS_NUMPY:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(bench, "SECONDS", 0.02)
    monkeypatch.setattr(bench, "PATIENCE", 0.02)
    monkeypatch.setattr(bench, "FEWEST", 1)
    monkeypatch.setattr(bench, "workloads", lambda dtype, full=bench.workloads: [a_few(work) for work in full(dtype)])
    monkeypatch.setattr(bench, "preemptions", lambda: 0)


def a_few(work):
    """The same steps, on the first examples."""
    return work._replace(x=work.x[:3], y=work.y[:3])


def wrong_workload(rng):
    class ReLU(manual.ReLU):
        def backward(self, delta, on, /):
            return delta, self

    network = Network(Linear(3, 8, rng=rng), ReLU(), Linear(8, 1, rng=rng))
    return Workload("wrong", network, MSELoss(), SGD(lr=0.1), rng.standard_normal((5, 3)), rng.standard_normal((5, 1)))


def test_the_table_has_every_workload_under_the_machine_that_ran_it(quiet, capsys):
    bench.main([])
    about, table = capsys.readouterr().out.split("\n\n")
    assert [entry.split()[0] for entry in about.splitlines()] == ["CPU", "NumPy", "torch", "threads", "dtype"]
    assert np.__version__ in about
    header, *rows = table.splitlines()
    assert "torch / manual" in header
    assert [r[:28].strip() for r in rows] == [work.name for work in bench.workloads(np.float32)]


def test_the_json_parses_and_has_every_workload(quiet, capsys):
    bench.main(["--format", "json", "--dtype", "float64"])
    result = json.loads(capsys.readouterr().out)
    assert result["machine"]["dtype"] == "float64"
    assert [r["workload"] for r in result["rows"]] == [work.name for work in bench.workloads(np.float64)]
    for r in result["rows"]:
        for quantity in ("manual_us", "torch_us", "ratio"):
            assert 0 < r[quantity]["q1"] <= r[quantity]["median"] <= r[quantity]["q3"]
        assert 0 < r["kept"] <= r["rounds"]


@DTYPES
def test_the_two_steps_that_are_timed_do_the_same(dtype, agree):
    """Each is a training step, to the last bit; and those agree."""
    for work in map(a_few, bench.workloads(dtype)):
        agree(compare_training(work.network, work.loss, work.optimizer, work.x, work.y, steps=3))
        (network, ours), (module, theirs) = bench.manual_side(work), bench.torch_side(work)
        by_hand, by_torch, loss = deepcopy(work.network), twin(work.network), twin(work.loss)
        optimizer = twin_optimizer(work.optimizer, by_torch)
        for _ in range(3):
            ours()
            step(by_hand, work.loss, work.optimizer, work.x, work.y)
            theirs()
            optimizer.zero_grad()
            loss(by_torch(to_torch(work.x)), to_torch(work.y)).backward()
            optimizer.step()
        for name, start in work.network.params.items():
            assert np.array_equal(network.params[name], by_hand.params[name])
            assert torch.equal(module.get_parameter(name), by_torch.get_parameter(name))
            assert not np.array_equal(network.params[name], start)


def test_a_wrong_network_is_not_timed(quiet, monkeypatch, rng, capsys):
    monkeypatch.setattr(bench, "workloads", lambda dtype: [wrong_workload(rng)])
    with pytest.raises(SystemExit, match=r"wrong: manual and torch do not compute the same.*ReLU.*differs"):
        bench.main([])
    assert "wrong" not in capsys.readouterr().out


def test_rounds_in_which_another_process_took_the_core_are_thrown_away():
    undisturbed = (Slice(10, 10 * TICK, 0, 0), Slice(5, 25 * TICK, 0, 0))
    for_a_moment = (Slice(10, 10 * TICK, 2, TICK / 20), Slice(5, 25 * TICK, 0, 0))
    ours_preempted = (Slice(10, 5000 * TICK, 1, 4990 * TICK), Slice(5, 25 * TICK, 0, 0))
    theirs_preempted = (Slice(10, 10 * TICK, 0, 0), Slice(5, 5000 * TICK, 3, 4975 * TICK))
    assert len(bench.undisturbed([undisturbed, for_a_moment, ours_preempted, theirs_preempted])) == 2
    row: Any = bench.row("made up", [undisturbed] * 10 + [for_a_moment] * 2 + [ours_preempted] * 40 + [theirs_preempted] * 40)
    assert (row.rounds, row.kept) == (92, 12)
    assert [s.q3 for s in (row.manual_us, row.torch_us, row.ratio)] == [TICK_US, 5 * TICK_US, 5]


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="needs a system on which two processes can be put on one core")
def test_another_process_on_the_same_core_is_noticed():
    allowed = os.sched_getaffinity(0)
    core, before, patience = {min(allowed)}, bench.preemptions(), time.monotonic() + 10
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as other:
        try:
            os.sched_setaffinity(other.pid, core)
            os.sched_setaffinity(0, core)
            while bench.preemptions() == before and time.monotonic() < patience:
                pass
        finally:
            os.sched_setaffinity(0, allowed)
            other.kill()
    assert bench.preemptions() > before


def test_a_time_is_the_median_between_its_quartiles():
    row: Any = bench.row("made up", [(Slice(1, TICK, 0, 0), Slice(1, n * TICK, 0, 0)) for n in range(21)])
    assert (row.torch_us.q1, row.torch_us.median, row.torch_us.q3) == (5 * TICK_US, 10 * TICK_US, 15 * TICK_US)
    assert (row.ratio.q1, row.ratio.median, row.ratio.q3) == (5, 10, 15)


def test_times_are_written_in_three_digits_without_a_power_of_ten():
    spread = bench.Spread(0.75912, 46.68, 56_439)
    assert str(spread) == "46.7 (0.759–56,400)"


def test_a_machine_that_is_never_quiet_gives_no_numbers(quiet, monkeypatch, capsys):
    monkeypatch.setattr(bench, "preemptions", count().__next__)
    monkeypatch.setattr(time, "thread_time", lambda: 0.0)
    bench.main([])
    _, *rows = capsys.readouterr().out.split("\n\n")[1].splitlines()
    assert all(re.search(r"other processes left 0 of \d+ rounds undisturbed, fewer than 1$", row) for row in rows)
    bench.main(["--format", "json"])
    result = json.loads(capsys.readouterr().out)
    assert result["rows"] == []
    assert [missing["workload"] for missing in result["untimed"]] == [work.name for work in bench.workloads(np.float32)]


@pytest.mark.parametrize("arguments", [["--threads", "0"], ["--threads", "two"], ["--dtype", "float16"], ["--format", "xml"]])
def test_a_wrong_argument_is_one_line_that_names_it_and_exit_2(quiet, arguments, capsys):
    with pytest.raises(SystemExit) as exit_:
        bench.main(arguments)
    assert exit_.value.code == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert arguments[0] in error
    assert arguments[1] in error


def test_variables_that_slow_numpy_are_gone_before_it_loads(quiet, monkeypatch):
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Haswell")
    monkeypatch.setenv("OPENBLAS_L2_SIZE", "1024")
    started = []

    def run(command, env, cwd):
        started.append((command, env, cwd))
        return subprocess.CompletedProcess(command, 7)

    monkeypatch.setattr(subprocess, "run", run)
    with pytest.raises(SystemExit) as exit_:
        bench.main(["--threads", "1"])
    ((command, environment, folder),) = started
    assert command == [sys.executable, "-m", "experiments.bench", "--threads", "1"]
    assert (folder / "experiments" / "bench.py").samefile(bench.__file__)  # and not another's, where the user is
    assert not bench.SLOWS_NUMPY & environment.keys()
    assert exit_.value.code == 7


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
