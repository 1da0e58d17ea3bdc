"""The file that a person with a GPU sends back, made on the pretended device."""

import ast
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch

from experiments.report import make as report
from experiments.report.record.comparison import difference
from experiments.report.record.json_record import read
from experiments.report.record.survey import TRAINING, survey
from manual import L2, SGD, Dropout, InputError, Linear, MSELoss, Network
from parity_tests import parity_cuda
from parity_tests.devices.pretend import NAME
from torch_ref import (
    Parity,
    compare_end_to_end,
    compare_layer,
    compare_loss,
    compare_network,
    compare_optimizer,
    compare_penalty,
    compare_training,
)

HERE = Path(__file__).parents[1]


class OneCaseEach(parity_cuda.Suite):
    """Of every test that the command runs, its first case."""

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        super().pytest_collection_modifyitems(items)
        items[:] = {item.nodeid.partition("[")[0]: item for item in reversed(items)}.values()


def that_take_a_device() -> set[str]:
    """The tests that have an argument "device", by file."""
    return {
        f"{file.relative_to(HERE.parent).as_posix()}::{test.name}"
        for file in HERE.rglob("test_*.py") for test in ast.parse(file.read_text("utf-8")).body
        if isinstance(test, ast.FunctionDef) and test.name.startswith("test_")
        and "device" in {a.arg for a in test.args.args}
    }  # fmt: skip


def made(out: Path, device: str) -> int:
    """The command's exit status, with one case of every test, two networks to train, and six rows of the survey."""
    mode, cudnn = torch.get_deterministic_debug_mode(), torch.backends.cudnn.enabled
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parity_cuda, "Suite", OneCaseEach)
        patch.setattr(parity_cuda, "TRAINED", ["two_two_one", "bluebird_softmax"])
        patch.setattr(report, "PICTURES", 80)
        patch.setattr(parity_cuda, "survey", lambda device: islice(survey(device), 6))
        try:
            return parity_cuda.main([f"--device={device}", f"--out={out}"])
        finally:
            torch.set_deterministic_debug_mode(mode)
            torch.backends.cudnn.enabled = cudnn


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    """What the command made on the CPU and on the pretended device."""
    folder, found = tmp_path_factory.mktemp("parity"), {}
    for device in ("cpu", NAME):
        out = folder / f"parity-{device}.json"
        assert made(out, device) == 0
        found[device] = read(out)
    return found


def test_the_file_says_what_it_was_made_on_and_holds_tests_survey_and_training(records):
    record = records[NAME]
    assert {"Commit", "torch", "NumPy", "CPU"} <= record.made.keys()
    assert record.made["Device"] == NAME
    assert record.made["float16, bfloat16"] == "reported among the results, not gated"
    tests = {row.subject: row.parity.comparisons for row in record.rows if row.kind == "test"}
    assert [row.kind for row in record.rows] == ["layer"] * 6 + ["training run"] * 2 + ["test"] * len(tests)
    assert {row.parity.device for row in record.rows} == {NAME}
    dropout = tests["parity_tests/manual/test_dropout.py"]
    assert len(dropout) == 2  # of a pass and of training, the worst of each
    assert all("[DEVICE-float" in c.place for c in dropout)


def test_every_test_that_takes_a_device_runs_there_and_passes(records):
    expected = that_take_a_device()
    assert records[NAME].made["Tests"] == f"{len(expected)} passed"
    assert {row.subject for row in records[NAME].rows if row.kind == "test"} == {
        test.partition("::")[0] for test in expected
    }


def test_every_network_that_the_report_trains_is_trained(rows, trained):
    compared = parity_cuda.training_rows({name: trained[name] for name in parity_cuda.TRAINED}, "cpu")
    assert [row.subject for row in compared] == [row.subject for row in rows if row.kind == TRAINING]


def test_beside_the_cpu_only_the_environment_differs(records):
    found = difference(records["cpu"], records[NAME])
    assert found.status == 0
    assert found.compared == sum(len(row.parity.comparisons) for row in records[NAME].rows)
    moved = [both for both in found.moved if "LSTM" not in both.a.place]  # taken apart there: see recurrent.py
    assert [found.verdicts, found.alone, moved, found.results] == [[], [], [], []]


def test_half_precision_is_among_the_results_and_in_no_comparison(records):
    errors = {r.quantity: r.value for r in records[NAME].results if "not gated" in r.quantity}
    assert [*errors] == [
        f"largest error of a gradient in {name}, relative; not gated" for name in ("float16", "bfloat16")
    ]
    assert (
        2**-24
        < errors["largest error of a gradient in float16, relative; not gated"]
        < min(0.1, *[*errors.values()][1:])
    )
    assert {c.dtype for row in records[NAME].rows for c in row.parity.comparisons} <= {"float32", "float64"}


HALF = Linear(3, 2, rng=np.random.default_rng(0)).astype(np.float16)
X, Y = np.ones((4, 3), np.float16), np.ones((4, 2), np.float16)
COMPARISONS: dict[str, Callable[[], Parity]] = {
    "a layer": lambda: compare_layer(HALF, X, np.random.default_rng(0)),
    "a loss": lambda: compare_loss(MSELoss(), Y, 0 * Y),
    "a penalty": lambda: compare_penalty(L2(1), Network(HALF)),
    "an optimizer": lambda: compare_optimizer(SGD(lr=0.1), HALF, np.random.default_rng(0)),
    "a network": lambda: compare_network(Network(HALF), MSELoss(), X, Y),
    "a network, end to end": lambda: compare_end_to_end(Network(HALF), MSELoss(), X, Y),
    "training": lambda: compare_training(Network(HALF), MSELoss(), SGD(lr=0.1), X, Y, 1),
}


@pytest.mark.parametrize("what", COMPARISONS)
def test_no_comparison_takes_half_precision(what):
    with pytest.raises(
        InputError, match="expected an array of float32 or float64, got float16, for which none is derived"
    ):
        COMPARISONS[what]()


@pytest.mark.slow
def test_a_wrong_backward_is_written_down_and_ends_in_1(tmp_path, monkeypatch):
    monkeypatch.setattr(parity_cuda, "TESTS", [str(HERE / "manual" / "test_dropout.py")])
    monkeypatch.setattr(Dropout, "backward", lambda self, delta, m: (delta * m, self))
    assert made(tmp_path / "parity.json", NAME) == 1
    record = read(tmp_path / "parity.json")
    assert not record.summary.agrees
    assert "0 passed, 1 failed: parity_tests/manual/test_dropout.py::" in record.made["Tests"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--device=cuda"], "device cuda: torch sees no CUDA device on this machine"),
        (["--device=tpu"], "'tpu'"),
        (["--device=cpu", "--out=nowhere/parity.json"], "--out: there is no folder nowhere"),
    ],
)
def test_what_cannot_be_made_is_an_error_of_one_line(arguments, message, capsys, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(SystemExit) as stopped:
        parity_cuda.main(arguments)
    said = capsys.readouterr().err
    assert stopped.value.code == 2
    assert said.startswith("python -m parity_tests.parity_cuda: ")
    assert message in said
    assert said.count("\n") == 1
