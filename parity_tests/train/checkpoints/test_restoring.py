"""In the place of a checkpoint that cannot be restored the one before it is taken; a run that has none begins anew."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from experiments.train import command as train
from experiments.train.backends import HandWritten
from experiments.train.checkpoints import checkpoint
from experiments.train.checkpoints.checkpoint import BEFORE, LAST
from parity_tests.train.checkpoints.small_runs import DROPOUT, fit, rewrite, weights


@pytest.fixture
def cut_off(tmp_path: Path) -> Path:
    """A run that ended before its model was written, with checkpoints of two steps and of three."""
    run = fit(tmp_path, "SGD", "manual")
    (run / "model.safetensors").unlink()
    return run


def of_another_step(last: Path, _: pytest.MonkeyPatch) -> None:
    rewrite(last, global_step=2)


def of_fewer_rows(last: Path, _: pytest.MonkeyPatch) -> None:
    rows = (last.parents[1] / "metrics.csv").read_bytes().splitlines(keepends=True)
    rewrite(last, log=sum(map(len, rows[:4])))


def of_part_of_a_row(last: Path, _: pytest.MonkeyPatch) -> None:
    rewrite(last, log=checkpoint.read(last)["log"] - 1)


def of_a_row_that_was_changed(last: Path, _: pytest.MonkeyPatch) -> None:
    log, size = last.parents[1] / "metrics.csv", checkpoint.read(last.with_name(BEFORE))["log"]
    rows = log.read_bytes()
    log.write_bytes(rows[:size] + rows[size:].replace(b"0.", b"1.", 1))


def that_does_not_load(_: Path, patch: pytest.MonkeyPatch) -> None:
    load, loaded = HandWritten.load_state_dict, []

    def fails_at_first(self: HandWritten, state: dict[str, Any]) -> None:
        loaded.append(state)
        if len(loaded) == 1:
            raise KeyError("nobody thought of it")
        load(self, state)

    patch.setattr(HandWritten, "load_state_dict", fails_at_first)


@pytest.mark.parametrize(
    "harm", [of_another_step, of_fewer_rows, of_part_of_a_row, of_a_row_that_was_changed, that_does_not_load]
)
def test_in_place_of_a_checkpoint_that_cannot_be_restored_the_one_before_is_taken(
    harm: Callable[[Path, pytest.MonkeyPatch], None], cut_off: Path, runs: Callable[[str, str], Path],
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    last, whole = cut_off / "checkpoints" / LAST, runs("SGD", "manual")
    harm(last, monkeypatch)
    capsys.readouterr()
    assert fit(cut_off.parents[2], "SGD", "manual") == cut_off
    why, line = capsys.readouterr().err.splitlines()
    assert why.startswith(f"{last} cannot be restored")
    assert why.endswith(f"; {BEFORE}, the one before it, is taken")
    assert line == f"resuming {cut_off} from step 2"
    assert weights(cut_off) == weights(whole)
    assert (cut_off / "metrics.csv").read_bytes() == (whole / "metrics.csv").read_bytes()


def test_the_last_checkpoint_of_a_run_is_the_last_that_can_be_restored(
    cut_off: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    that_does_not_load(cut_off, monkeypatch)
    options = ["--config=two_two_one", f"--model.network={DROPOUT}", "--model.start=null", "--ckpt_path=last"]
    assert train.run(["test", *options, f"--out={cut_off.parents[2]}"]) == cut_off / "checkpoints" / BEFORE
    assert capsys.readouterr().err.endswith(f"; {BEFORE}, the one before it, is taken\n")


@pytest.mark.parametrize(
    "name", [".lock", "metrics.csv", "config.yaml", f"checkpoints/{LAST}", f"checkpoints/{BEFORE}"]
)
def test_a_folder_in_the_place_of_a_run_s_file_leaves_the_run_as_it_is_and_begins_a_new_one(
    name: str, cut_off: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in (cut_off / name, *([cut_off / "checkpoints" / BEFORE] if name.endswith(LAST) else [])):
        path.unlink(missing_ok=True)
        path.mkdir()
    capsys.readouterr()
    assert fit(cut_off.parents[2], "SGD", "manual").name == "version_1"
    said = capsys.readouterr().err
    assert name == "config.yaml" or f"a new run begins, {cut_off} stays as it is" in said
    assert (cut_off / name).is_dir()


def link(path: Path) -> None:
    path.symlink_to("/no/where")


def break_the_last(cut_off: Path) -> None:
    """And put a folder where a broken one is set aside."""
    (cut_off / "checkpoints" / LAST).write_text("broken")
    (cut_off / "checkpoints" / "broken.ckpt").mkdir()


@pytest.mark.parametrize(
    "put",
    [
        lambda run: (run / ".lock").unlink(missing_ok=True) or link(run / ".lock"),
        lambda run: shutil.rmtree(run / "checkpoints") or link(run / "checkpoints"),
        break_the_last,
    ],
    ids=["a lock that is a link", "no folder for checkpoints", "no place for what is broken"],
)
def test_what_stands_in_the_way_of_a_run_leaves_it_as_it_is_and_begins_a_new_one(
    put: Callable[[Path], object], cut_off: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put(cut_off)
    capsys.readouterr()
    assert fit(cut_off.parents[2], "SGD", "manual").name == "version_1"
    assert f"a new run begins, {cut_off} stays as it is" in capsys.readouterr().err


def test_a_new_run_has_nothing_of_the_checkpoints_that_could_not_be_restored(
    cut_off: Path, runs: Callable[[str, str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise KeyError("nobody thought of it")

    monkeypatch.setattr(HandWritten, "load_state_dict", fails)
    new = fit(cut_off.parents[2], "SGD", "manual")
    assert new.name == "version_1"
    assert weights(new) == weights(runs("SGD", "manual"))
