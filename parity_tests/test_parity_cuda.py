"""The file that a person with a GPU sends back, made on the pretended device."""

from itertools import islice
from pathlib import Path

import pytest
import torch

from experiments.reporting.compare import difference
from experiments.reporting.record import read
from experiments.reporting.survey import survey
from manual import Dropout
from parity_tests import parity_cuda
from parity_tests.pretend import NAME


def made(out: Path, device: str) -> int:
    """The command's exit status, with few tests, one network to train, and six rows of the survey."""
    mode, cudnn = torch.get_deterministic_debug_mode(), torch.backends.cudnn.enabled
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parity_cuda, "TESTS", [str(Path(__file__).with_name("test_dropout.py"))])
        patch.setattr(parity_cuda, "TRAINED", ["two_two_one"])
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
    assert record.made["Tests"] == "2 passed"
    assert record.made["float16, bfloat16"] == "reported among the results, not gated"
    assert [row.kind for row in record.rows] == ["layer"] * 6 + ["training run", "test"]
    assert {row.parity.device for row in record.rows} == {NAME}
    [tests] = [row for row in record.rows if row.kind == "test"]
    assert tests.subject == "parity_tests/test_dropout.py"
    assert len(tests.parity.comparisons) == 4  # two of a pass and two of training, the worst of each
    assert all("[DEVICE-float" in c.place for c in tests.parity.comparisons)


def test_beside_the_cpu_only_the_environment_differs(records):
    found = difference(records["cpu"], records[NAME])
    assert found.status == 0
    assert found.compared == sum(len(row.parity.comparisons) for row in records[NAME].rows)
    assert [found.verdicts, found.alone, found.moved, found.results] == [[], [], [], []]


def test_half_precision_is_among_the_results_and_in_no_comparison(records):
    errors = {r.quantity: r.value for r in records[NAME].results if "not gated" in r.quantity}
    assert [*errors] == [f"largest error of a gradient in {name}, relative; not gated" for name in ("float16", "bfloat16")]
    assert 2**-24 < errors["largest error of a gradient in float16, relative; not gated"] < min(0.1, *[*errors.values()][1:])
    assert {c.dtype for row in records[NAME].rows for c in row.parity.comparisons} <= {"float32", "float64"}


def test_a_wrong_backward_is_written_down_and_ends_in_1(tmp_path, monkeypatch):
    monkeypatch.setattr(Dropout, "backward", lambda self, delta, m: (delta * m, self))
    assert made(tmp_path / "parity.json", NAME) == 1
    record = read(tmp_path / "parity.json")
    assert not record.outcome.agrees
    assert "0 passed, 2 failed: parity_tests/test_dropout.py::" in record.made["Tests"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--device=cuda"], "device cuda: torch sees no CUDA device on this machine"),
        (["--device=tpu"], "argument --device: invalid choice: 'tpu'"),
        (["--device=cpu", "--out=nowhere/parity.json"], "--out: there is no folder nowhere"),
    ],
)
def test_what_cannot_be_made_is_an_error_of_one_line(arguments, message, capsys, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(SystemExit) as stopped:
        parity_cuda.main(arguments)
    said = capsys.readouterr().err
    assert stopped.value.code == 2
    assert said.startswith(f"python -m parity_tests.parity_cuda: {message}")
    assert said.count("\n") == 1
