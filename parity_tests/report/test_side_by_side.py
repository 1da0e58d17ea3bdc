"""Training runs side by side: what differs in their configs, what came of them, and what cannot be read."""

import html
import re
from pathlib import Path

import pytest

from experiments.report import command
from experiments.report.record.side_by_side import found, page, text
from manual import InputError

CONFIG = "name: a\nmodel: {{optimizer: {{class_path: SGD, init_args: {{lr: {lr}}}}}, loss: MSELoss}}\n"
LOG = "epoch,step,train_cost,moved,val_cost\n0,0,0.5,1,\n0,1,nan,1,\n0,2,0.25,1,\n0,2,,,0.125\n"


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Two runs, of which one was cut off, and two folders of files that are none."""
    configs = {
        "<b>": CONFIG.format(lr=0.1),
        "deep/er": CONFIG.format(lr=0.2),
        "bad": "[1",
        "worse": CONFIG.format(lr=1),
    }
    for name, config in configs.items():
        folder = tmp_path / "runs" / name
        folder.mkdir(parents=True)
        (folder / "config.yaml").write_text(config)
        (folder / "metrics.csv").write_text("step,train_cost\n0,much\n" if name == "worse" else LOG)
    (tmp_path / "runs" / "<b>" / "model.safetensors").touch()
    return tmp_path / "runs"


def test_runs_stand_side_by_side_with_what_differs_and_what_came_of_them(runs: Path) -> None:
    result = found(runs)
    assert result.rows == [
        ("run", "model.optimizer.init_args.lr", "steps", "train cost", "val cost", ""),
        ("<b>", "0.1", "3", "0.25", "0.125", ""),
        ("deep/er", "0.2", "3", "0.25", "0.125", "cut off"),
    ]
    left = [line for line in text(result).splitlines() if line.startswith("left out: ")]
    assert [Path(line.split(": ")[1]).name for line in left] == ["bad", "worse"]
    shown = page(result)
    for cell in (cell for row in result.rows for cell in row):
        assert html.escape(cell) in shown
    assert "<b>" not in shown
    assert re.findall('points="(.*?)"', shown) == ["0.0,0.0 320.0,120.0"] * 2, "the cost that is not finite is left out"


def test_the_command_writes_the_page(runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--runs", str(runs), "--out", str(tmp_path / "out")]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == str(tmp_path / "out" / "runs.html")
    assert (tmp_path / "out" / "runs.html").is_file()


@pytest.mark.parametrize(("folder", "said"), [("nowhere", "there is no folder"), (".", "expected a folder of runs")])
def test_a_folder_without_runs_is_refused(folder: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=said):
        found(tmp_path / folder)
