"""What the benchmark prints, with which threads, dtype and kernel; without its clock."""

import json
import os
import platform
import re
import subprocess
import sys
import time
from itertools import count

import numpy as np
import pytest
import torch

import manual
from experiments.bench import clock, own_process, tables
from experiments.bench import command as bench
from experiments.bench.workloads import Workload, classification, workloads
from manual import SGD, Linear, MSELoss, Network
from parity_tests.bench.conftest import a_few
from parity_tests.bench.test_regression import result

SHORT = ["steps", "--threads", "1", "--dtype", "float32", "--eager"]


def wrong_workload(rng, width):
    class ReLU(manual.ReLU):
        def backward(self, delta, on, /):
            return delta, self

    network = Network(Linear(width, width, rng=rng), ReLU(), Linear(width, 1, rng=rng))
    return Workload(
        "wrong", network, MSELoss(), SGD(lr=0.1), rng.standard_normal((5, width)), rng.standard_normal((5, 1))
    )


@pytest.mark.parametrize("few", [3, pytest.param(None, marks=pytest.mark.slow)])
def test_a_table_has_every_workload_under_the_machine_that_ran_it(few, quiet, monkeypatch, capsys):
    works = [a_few(work) for work in workloads(np.float32)[:few]]
    monkeypatch.setattr(tables, "workloads", lambda dtype: works)
    assert bench.main(SHORT) == 0
    about, rows, _, _ = capsys.readouterr().out.split("\n\n")
    assert about.splitlines()[0] == "One training step: float32, 1 thread"
    assert [entry.split()[0] for entry in about.splitlines()[1:]] == ["CPU", "NumPy", "torch"]
    assert np.__version__ in about
    header, *lines = rows.splitlines()
    assert "torch / manual" in header
    for line, work in zip(lines, works, strict=True):
        assert line.startswith(work.name)


@pytest.mark.slow
def test_the_json_parses_and_has_every_workload_of_every_setting(quiet, monkeypatch, capsys):
    works = workloads(np.float64)[:4]
    monkeypatch.setattr(tables, "workloads", lambda dtype: works)
    before = torch.get_num_threads()
    assert bench.main(["steps", "--threads", "1", "2", "--eager", "--format", "json"]) == 0
    assert torch.get_num_threads() == before
    printed = json.loads(capsys.readouterr().out)
    settings = [(1, "float32"), (1, "float64"), (2, "float32"), (2, "float64")]
    assert [(t["threads"], t["dtype"]) for t in printed] == settings
    for timed in printed:
        assert [r["workload"] for r in timed["rows"]] == [work.name for work in works]
        assert timed.keys() == {"table", "threads", "dtype", "machine", "commit", "made", "rows", "untimed", "targets"}
        for r in timed["rows"]:
            assert {"manual", "default", "fused update"} <= r["sides_us"].keys()
            for quantity in ("manual_us", "torch_us", "ratio"):
                assert 0 < r[quantity]["q1"] <= r[quantity]["median"] <= r[quantity]["q3"]
            assert 0 < r["kept"] <= r["rounds"]


def test_the_dtype_is_that_of_the_tables_name(quiet, monkeypatch):
    asked = []
    monkeypatch.setattr(tables, "workloads", lambda dtype: asked.append(dtype) or [])
    bench.main(["steps", "--threads", "1", "--dtype", "float64", "float32", "--eager"])
    assert asked == [np.float64, np.float32]


@pytest.mark.parametrize("width", [8, 1000])  # of the large one all but the update is compared
def test_a_wrong_network_is_not_timed(width, quiet, monkeypatch, rng, capsys):
    monkeypatch.setattr(tables, "workloads", lambda dtype: [wrong_workload(rng, width)])
    assert bench.main(SHORT) == 1
    out, error = capsys.readouterr()
    assert re.search(r"wrong: manual and torch do not compute the same.*ReLU.*differs", error)
    assert "wrong" not in out


@pytest.mark.slow
def test_a_machine_that_is_never_quiet_gives_no_numbers(quiet, monkeypatch, capsys):
    monkeypatch.setattr(clock, "preemptions", count().__next__)
    monkeypatch.setattr(time, "thread_time", lambda: 0.0)
    assert bench.main(SHORT) == 1
    shown, error = capsys.readouterr()
    assert error == "python -m experiments.bench: nothing was timed\n"
    assert "2-2-1, batch 1, torch / manual: aim at least 5 (ideal 7), not timed" in shown
    rows = [line for line in shown.splitlines() if "rounds undisturbed" in line]
    assert len(rows) == len(workloads(np.float32))
    assert all(re.search(r"other processes left 0 of \d+ rounds undisturbed, fewer than 1$", row) for row in rows)
    assert bench.main([*SHORT, "--format", "json"]) == 1
    [timed] = json.loads(capsys.readouterr().out)
    assert timed["rows"] == []
    assert [missing["workload"] for missing in timed["untimed"]] == [work.name for work in workloads(np.float32)]


@pytest.mark.parametrize(("name", "wanted"), [("steps", {}), ("kernel", own_process.HELD)])
def test_variables_that_change_how_numpy_multiplies_are_as_wanted_before_it_loads(name, wanted, quiet, monkeypatch):
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Prescott")
    monkeypatch.setenv("OPENBLAS_L2_SIZE", "1024")
    started = []

    def run(command, env, **_):
        started.append((command, env))
        return subprocess.CompletedProcess(command, 7)

    monkeypatch.setattr(subprocess, "run", run)
    assert bench.main([name, "--eager"]) == 7
    ((command, environment),) = started
    assert command == [sys.executable, "-P", "-m", "experiments.bench", name, "--eager"]
    assert {name: environment[name] for name in own_process.OPENBLAS if name in environment} == wanted


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="the kernels are those of x86-64")
@pytest.mark.parametrize("wanted", ["Haswell", pytest.param("Sandybridge", marks=pytest.mark.slow)])
def test_the_kernel_that_is_named_is_the_one_that_numpy_runs(wanted, tmp_path):
    """Started again where somebody else's `experiments` lies."""
    (tmp_path / "experiments").mkdir()
    (tmp_path / "experiments" / "__init__.py").write_text("raise RuntimeError('another')")
    (tmp_path / "numbers").write_text("")
    says = "from experiments.bench.machine import kernel; print(kernel())"
    environment = os.environ | {"OPENBLAS_CORETYPE": wanted, "PYTHONPATH": str(own_process.ROOT)}
    done = subprocess.run(
        [sys.executable, "-P", "-c", says], env=environment, cwd=tmp_path, capture_output=True, text=True
    )
    if "openblas" not in done.stdout:
        pytest.skip("NumPy has another BLAS")
    assert done.stdout.strip().endswith(f"kernel {wanted}")


def test_a_blas_that_is_not_held_to_avx2_gives_no_table_of_it(quiet, monkeypatch, capsys):
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Haswell")
    monkeypatch.setattr(tables, "kernel", lambda: "mkl 2024, kernel unknown")
    assert bench.main(["kernel"]) == 1
    shown, _ = capsys.readouterr()
    assert "all of them: NumPy's BLAS cannot be held to AVX2 here: mkl 2024, kernel unknown" in shown
    assert "784-512-512-10, batch 128, torch / manual: aim at least 1.1, not timed" in shown


def test_all_tables_are_made_each_in_its_environment(quiet, monkeypatch, capsys):
    monkeypatch.setattr(tables, "growth", lambda dtype: [classification("width 8", [8, 8], 4, dtype)])
    monkeypatch.setattr(tables, "workloads", lambda dtype: [classification("steps 8", [8, 8], 4, dtype)])
    seen = []

    def again(arguments, wanted, stdout):
        seen.append((arguments, wanted))
        return subprocess.CompletedProcess([], 0, stdout=json.dumps([result(1.0, name="kernel") | {"untimed": []}]))

    monkeypatch.setattr(own_process, "again", again)
    assert bench.main(["--threads", "1", "--dtype", "float64", "--format", "json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert [t["table"] for t in printed] == ["steps", "kernel", "growth"]
    assert seen == [(["kernel", "--format", "json"], own_process.HELD)]


def test_a_table_that_another_process_could_not_make_is_no_success(quiet, monkeypatch, capsys):
    monkeypatch.setattr(own_process, "again", lambda *_: subprocess.CompletedProcess([], 1, stdout=""))
    monkeypatch.setattr(tables, "growth", lambda dtype: [])
    assert bench.main(["kernel", "growth"]) == 1
    assert "the table of the kernel was not made" in capsys.readouterr().err
