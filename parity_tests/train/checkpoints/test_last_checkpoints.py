"""The last two checkpoints: when they are written, and that there is always a whole one."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from experiments.shared import command
from experiments.train.checkpoints import checkpoint, run_folder, saving
from experiments.train.checkpoints.checkpoint import WholeCheckpoints
from experiments.train.module import Training
from parity_tests.train.checkpoints.cutting import DIGITS, cut, fit, same, steps


def test_the_last_two_checkpoints_are_kept(tmp_path):
    run = fit(tmp_path, ["--config=one_two_one", "--trainer.max_epochs=3"])
    assert [steps(run / "checkpoints" / name) for name in ("before.ckpt", "last.ckpt")] == [8, 12]


def test_within_an_epoch_a_checkpoint_is_written_when_the_last_is_a_minute_old(tmp_path, monkeypatch):
    """Of steps that take 25 seconds each; an epoch has seven."""
    saved, save, step, now = [], WholeCheckpoints.save_checkpoint, Training.training_step, 1000

    def stepped(self, batch):
        nonlocal now
        now += 25
        return step(self, batch)

    def saves(self, content, path, storage_options=None):
        saved.append(content["global_step"])
        save(self, content, path)

    monkeypatch.setattr(Training, "training_step", stepped)
    monkeypatch.setattr(WholeCheckpoints, "save_checkpoint", saves)
    monkeypatch.setattr(saving, "monotonic", lambda: now)
    fit(tmp_path, [*DIGITS, "--trainer.max_epochs=2"], every=saving.SECONDS)
    assert saved == [3, 6, 7, 10, 13, 14]


@pytest.mark.parametrize(
    "harm",
    [
        lambda path: path.unlink(),
        lambda path: path.write_bytes(path.read_bytes()[:-100]),
        lambda path: path.write_bytes(b""),
    ],
    ids=["missing", "truncated", "empty"],
)
def test_where_the_last_checkpoint_is_unreadable_the_one_before_is_taken(harm, tmp_path, wholes, capsys):
    arguments = ["--config=one_two_one", "--trainer.max_epochs=4"]
    run = cut(tmp_path, arguments, 13)
    last = run / "checkpoints" / "last.ckpt"
    harm(last)
    exists = last.exists()
    assert fit(tmp_path, arguments) == run
    *why, line = capsys.readouterr().err.splitlines()
    assert line == f"resuming {run} from step 8"
    assert len(why) == exists
    assert all(str(last) in line and line.endswith("before.ckpt, the one before it, is taken") for line in why)
    assert same(run, wholes(arguments)) == (True, True)


def test_a_broken_checkpoint_never_takes_the_place_of_the_good_one_before_it(tmp_path, capsys):
    arguments = ["--config=one_two_one", "--trainer.max_epochs=4"]
    checkpoints = cut(tmp_path, arguments, 13) / "checkpoints"
    (checkpoints / "last.ckpt").write_bytes(b"broken")
    good = (checkpoints / "before.ckpt").read_bytes()
    cut(tmp_path, arguments, 9)
    assert (checkpoints / "before.ckpt").read_bytes() == good
    assert (checkpoints / "broken.ckpt").read_bytes() == b"broken"


def test_of_two_runs_that_were_cut_off_both_are_gone_on_with(tmp_path, wholes):
    arguments = ["--config=one_two_one", "--trainer.max_epochs=3"]
    first = cut(tmp_path, arguments, 6)
    found = run_folder.cut_off(first.parent, (first / "config.yaml").read_text("utf-8"))
    assert found
    second = cut(tmp_path, arguments, 6)  # while the lock is held, as if the first lived
    found[1].release(force=True)
    assert second != first
    assert {fit(tmp_path, arguments), fit(tmp_path, arguments)} == {first, second}
    assert same(first, wholes(arguments)) == same(second, wholes(arguments)) == (True, True)


def test_where_no_checkpoint_is_readable_a_new_run_begins_and_the_old_one_stays(tmp_path, wholes, capsys):
    arguments = ["--config=one_two_one", "--trainer.max_epochs=4"]
    run = cut(tmp_path, arguments, 13)
    for path in (run / "checkpoints").iterdir():
        path.write_bytes(b"broken")
    new = fit(tmp_path, arguments)
    assert new.name == "version_1"
    assert f"a new run begins, {run} stays as it is\n" in capsys.readouterr().err
    assert {path.read_bytes() for path in (run / "checkpoints").iterdir()} == {b"broken"}
    assert same(new, wholes(arguments)) == (True, True)


def test_what_is_said_of_a_checkpoint_goes_to_the_terminal_without_control_characters(tmp_path, capsys):
    arguments = ["--config=one_two_one", "--trainer.max_epochs=4"]
    run = cut(tmp_path, arguments, 13)
    for path in (run / "checkpoints").iterdir():
        saved = torch.load(path, weights_only=True)
        saved["state_dict"] = {"\x1b]0;owned\x07": torch.tensor([float("nan")])}
        torch.save(saved, path)
    fit(tmp_path, arguments)
    said = capsys.readouterr().err
    assert "a new run begins" in said
    assert "\x1b" not in said


def test_a_log_that_lacks_rows_of_the_checkpoint_is_not_gone_on_with(tmp_path, wholes, capsys):
    arguments = ["--config=one_two_one", "--trainer.max_epochs=4"]
    run = cut(tmp_path, arguments, 13)
    os.truncate(run / "metrics.csv", checkpoint.read(run / "checkpoints" / "before.ckpt")["log"])
    assert fit(tmp_path, arguments) == run
    assert "metrics.csv lacks rows that the checkpoint of step 12 counts on; before.ckpt" in capsys.readouterr().err
    assert same(run, wholes(arguments)) == (True, True)


@pytest.fixture
def order(monkeypatch):
    """What comes to the disk, and what takes another's place, in this order."""
    order, sync, replace = [], os.fsync, Path.replace

    def synced(file):
        of = Path(f"/dev/fd/{file}").resolve()
        order.append(f"{of.name if of.is_file() else 'the folder'} is on the disk")
        sync(file)

    def replaced(self, target):
        order.append(f"{self.name} becomes {Path(target).name}")
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(Path, "replace", replaced)
    return order


def test_a_file_takes_its_place_when_it_is_on_the_disk_and_the_folder_after_it(tmp_path, order):
    path, kept = tmp_path / "last.ckpt", tmp_path / "before.ckpt"
    path.write_bytes(b"old")
    with command.replacing(path, kept) as file:
        file.write(b"new")
    assert order == [
        f"last.ckpt.{os.getpid()}.part is on the disk",
        "last.ckpt becomes before.ckpt",
        f"last.ckpt.{os.getpid()}.part becomes last.ckpt",
        "the folder is on the disk",
    ]
    assert (kept.read_bytes(), path.read_bytes()) == (b"old", b"new")


def test_the_rows_that_a_checkpoint_counts_on_are_on_the_disk_before_it(tmp_path, order):
    fit(tmp_path, ["--config=one_two_one", "--trainer.max_epochs=1"], at=3, then=order.clear, every=0)
    assert order[:3] == [
        "metrics.csv is on the disk",
        f"last.ckpt.{os.getpid()}.part is on the disk",
        "last.ckpt becomes before.ckpt",
    ]


WRITE_AND_DIE = """
import os, signal, sys
from pathlib import Path
from experiments.shared.command import replacing

def counted(function):
    def call(*arguments):
        global calls
        calls -= 1
        if calls < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*arguments)
    return call

def in_place(path, _):
    return path.open("wb")

path, writer, calls = Path(sys.argv[1]), vars()[sys.argv[2]], int(sys.argv[3])
os.fsync, Path.replace, put = counted(os.fsync), counted(Path.replace), counted(os.write)
with writer(path, path.with_name("before.ckpt")) as file:
    put(file.fileno(), b"n")
    put(file.fileno(), b"ew")
"""


@pytest.mark.parametrize(("writer", "whole"), [("replacing", True), ("in_place", False)])
def test_a_process_killed_at_any_moment_of_a_write_leaves_whole_files(writer, whole, tmp_path):
    path, kept = tmp_path / "last.ckpt", tmp_path / "before.ckpt"
    left, status = [], -signal.SIGKILL
    while status == -signal.SIGKILL:
        path.write_bytes(b"old")
        kept.write_bytes(b"older")
        typed = [sys.executable, "-c", WRITE_AND_DIE, path, writer, str(len(left))]
        status = subprocess.run(typed, check=False).returncode
        left.append({file.read_bytes() for file in (path, kept) if file.exists()})
    assert status == 0
    assert len(left) == (7 if whole else 3)
    assert left[-1] == ({b"old", b"new"} if whole else {b"older", b"new"})
    assert all(files <= {b"older", b"old", b"new"} for files in left) == whole
    assert all(files & {b"old", b"new"} for files in left) == whole, "what was last there, or what came after it"
