"""A run that is cut off goes on by the same command, and ends in the numbers of one that was not; what was saved
stays good."""

import ctypes
import errno
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import torch
from filelock import FileLock
from safetensors.numpy import load_file

from experiments.data.module import Order
from experiments.shared import command
from experiments.train import checkpoint, run_folder, saving
from experiments.train import command as train
from experiments.train.checkpoint import WholeCheckpoints
from experiments.train.csv_log import CSVLog
from experiments.train.module import Training
from experiments.train.options import configs
from experiments.train.stop import SIGNALS, Stop, Stopped
from parity_tests.drawn import draw
from parity_tests.train import forks, soak

NEVER = 1e9
"""Seconds between checkpoints within an epoch; with 0 there is one at every step."""
DROPOUT = (
    "[{Linear: {in_features: 64, out_features: 8}}, {Dropout: {p: 0.5}}, {Linear: {in_features: 8, out_features: 10}}]"
)
DIGITS = ["--config=digits", "--data.batch_size=200", f"--model.network={DROPOUT}", "--model.optimizer=Adam"]
"""Seven steps an epoch."""


class Killed(BaseException):
    """In place of SIGKILL, at a moment that can be chosen."""


def killed():
    raise Killed


def fit(out, arguments, *, at=None, then=killed, every=NEVER):
    """Train; before the step `at` something happens."""
    step = Training.training_step

    def watched(self, batch):
        if self.global_step == at:
            then()
        step(self, batch)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Training, "training_step", watched)
        patch.setattr(saving, "SECONDS", every)
        return train.run(["fit", *map(str, arguments), f"--out={out}"])


def cut(out, arguments, at, *, then=killed, every=NEVER, error: type[BaseException] = Killed):
    """The folder of a run that ended before the step `at`."""
    with pytest.raises(error):
        fit(out, arguments, at=at, then=then, every=every)
    return max(out.glob("*/*/version_*"), key=lambda folder: folder.stat().st_mtime_ns)


def same(run, whole):
    """Whether two runs have, to the bit, the same log and the same weights."""
    ours, theirs = (load_file(folder / "model.safetensors") for folder in (run, whole))
    assert ours.keys() == theirs.keys()
    weights = all(ours[name].tobytes() == theirs[name].tobytes() for name in ours)
    return (run / "metrics.csv").read_bytes() == (whole / "metrics.csv").read_bytes(), weights


def steps(path):
    return checkpoint.read(path)["global_step"]


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    return draw(tmp_path_factory.mktemp("birds"), 60, size=8)


def bluebird(folder):
    """Four steps an epoch."""
    convolution = "{Conv2d: {in_channels: 3, out_channels: 2, kernel_size: 3}}"
    return [
        "--config=bluebird_cnn",
        f"--data.folder={folder}",
        "--data.size=8",
        "--data.augment=[flip, shift]",
        "--data.batch_size=11",
        f"--model.network=[{convolution}, Flatten, {{Linear: {{in_features: 72, out_features: 4}}}}]",
    ]


@pytest.fixture(scope="module")
def wholes(tmp_path_factory, pictures):
    """A run that nothing disturbs, by what it trains and implementation; made once."""
    made, out = {}, tmp_path_factory.mktemp("whole")

    def whole(arguments):
        key = " ".join(map(str, arguments))
        if key not in made:
            made[key] = fit(out / str(len(made)), arguments)
        return made[key]

    return whole


@pytest.mark.parametrize(
    ("implementation", "at", "every", "left"),
    [
        ("manual", 0, NEVER, 0),
        ("torch", 5, NEVER, 0),
        ("manual", 6, 0, 6),
        ("torch", 7, 0, 7),
        ("manual", 9, NEVER, 7),
        ("torch", 9, NEVER, 7),
        ("torch", 13, 0, 13),
    ],
)
def test_a_run_goes_on_from_any_step(implementation, at, every, left, wholes, tmp_path, capsys):
    arguments = [*DIGITS, "--trainer.max_epochs=2", f"--model.implementation={implementation}"]
    run = cut(tmp_path, arguments, at, every=every)
    assert capsys.readouterr().err == ""
    assert fit(tmp_path, arguments) == run
    assert capsys.readouterr().err == f"going on with {run} from step {left}\n"
    assert same(run, wholes(arguments)) == (True, True)


@pytest.mark.parametrize(("implementation", "at", "every"), [("manual", 6, 0), ("torch", 6, 0), ("manual", 7, NEVER)])
def test_a_run_on_pictures_that_are_changed_in_every_epoch_goes_on(
    implementation, at, every, pictures, wholes, tmp_path
):
    arguments = [*bluebird(pictures), "--trainer.max_epochs=2", f"--model.implementation={implementation}"]
    run = cut(tmp_path, arguments, at, every=every)
    assert fit(tmp_path, arguments) == run
    assert same(run, wholes(arguments)) == (True, True)


CONVERGES = ["--config=one_two_one", "--trainer.max_epochs=40", "--model.threshold=0.08"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["--config=one_two_one", "--trainer.max_steps=6"],
        CONVERGES,
        [*CONVERGES, "--model.implementation=torch"],
    ],
)
def test_a_run_that_was_done_within_an_epoch_is_not_trained_on(arguments, wholes, tmp_path, monkeypatch):
    whole = wholes(arguments)
    done = steps(whole / "checkpoints" / "last.ckpt")
    assert done % 4, "it ends within an epoch"
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(Training, "test_step", lambda *_: killed())  # after the last checkpoint, before the model
        fit(tmp_path, arguments)
    run = fit(tmp_path, arguments, at=done)
    assert same(run, whole) == (True, True)


def forgets_the_batches_done(patch):
    patch.setattr(Order, "done", property(lambda _: 0, lambda *_: None), raising=False)


def keeps_the_rows_after_the_checkpoint(patch):
    init = CSVLog.__init__
    patch.setattr(
        CSVLog,
        "__init__",
        lambda log, folder, columns, size: init(log, folder, columns, size and (folder / "metrics.csv").stat().st_size),
    )


def loses_the_optimizers_state(patch):
    load = WholeCheckpoints.load_checkpoint
    patch.setattr(
        WholeCheckpoints, "load_checkpoint", lambda *given, **named: load(*given, **named) | {"optimizer": {}}
    )


def forgets_dropouts_count(patch):
    save = WholeCheckpoints.save_checkpoint

    def saved(self, content, path, storage_options=None):
        for tensor in content["state_dict"].values():
            if not tensor.is_floating_point():
                tensor.zero_()
        save(self, content, path)

    patch.setattr(WholeCheckpoints, "save_checkpoint", saved)


@pytest.mark.parametrize(
    ("mistake", "every", "implementation", "found"),
    [
        (forgets_the_batches_done, 0, "manual", (False, False)),
        (keeps_the_rows_after_the_checkpoint, NEVER, "manual", (False, True)),
        (loses_the_optimizers_state, 0, "torch", (False, False)),
        (forgets_dropouts_count, 0, "manual", (False, False)),
    ],
)
def test_a_mistake_in_going_on_shows(mistake, every, implementation, found, wholes, tmp_path, monkeypatch):
    arguments = [*DIGITS, "--trainer.max_epochs=2", f"--model.implementation={implementation}"]
    whole = wholes(arguments)
    mistake(monkeypatch)
    cut(tmp_path, arguments, 9, every=every)
    assert same(fit(tmp_path, arguments), whole) == found


# Whose folder it is


SHORT = ["--config=two_two_one", "--trainer.max_epochs=4"]


def test_another_config_or_a_run_that_is_done_begins_in_a_folder_of_its_own(tmp_path, capsys):
    first = cut(tmp_path, SHORT, 2)
    assert fit(tmp_path, [*SHORT, "--data.seed=1"]).name == "version_1"
    assert capsys.readouterr().err == ""
    assert fit(tmp_path, SHORT) == first
    assert fit(tmp_path, SHORT).name == "version_2"


def test_the_same_command_twice_at_once_makes_two_folders_with_the_same_run(tmp_path, wholes):
    runs = []

    def start_again():
        if not runs:
            runs.append(None)
            runs[0] = fit(tmp_path, SHORT)

    runs.append(fit(tmp_path, SHORT, at=2, then=start_again))
    assert [run.name for run in runs] == ["version_1", "version_0"]
    for run in runs:
        assert same(run, wholes(SHORT)) == (True, True)


def test_the_lock_of_a_run_that_is_done_is_not_asked_for(tmp_path):
    first = fit(tmp_path, SHORT)
    (first / ".lock").unlink()
    (first / ".lock").mkdir()  # which cannot be locked, as a file that is another user's
    assert fit(tmp_path, SHORT).name == "version_1"


def test_the_tenth_run_is_later_than_the_ninth(tmp_path):
    for name in ("version_2", "version_10", "version_9", "version_x", "other"):
        (tmp_path / name).mkdir()
    assert [run.name for run in run_folder.versions(tmp_path)] == ["version_10", "version_9", "version_2"]


def test_a_run_that_comes_to_its_end_while_its_lock_is_asked_for_is_done(tmp_path, monkeypatch):
    config, acquire, asked = "ckpt_path: null", FileLock.acquire, []
    run, its = run_folder.new(tmp_path, config)

    def acquired(self, *arguments, **options):
        (run / "model.safetensors").touch()
        its.release()
        asked.append(self)  # so that it is not given back because nobody has it any more
        return acquire(self, *arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(FileLock, "acquire", acquired)
        assert run_folder.cut_off(tmp_path, config) is None
    (run / "model.safetensors").unlink()
    found = run_folder.cut_off(tmp_path, config)
    assert found, "the lock was given back"
    assert found[0] == run


def test_a_run_that_begins_is_never_seen_as_one_that_was_cut_off(tmp_path, monkeypatch):
    """By another process, when the config is written."""
    seen, config = [], "ckpt_path: null"

    def written(path, text):
        command.write(path, text)
        seen.append(run_folder.cut_off(tmp_path, config))

    monkeypatch.setattr(run_folder, "write", written)
    _, lock = run_folder.new(tmp_path, config)
    assert seen == [None]
    lock.release()
    assert run_folder.cut_off(tmp_path, config)


def test_what_a_run_left_without_a_config_is_left_alone(tmp_path):
    (tmp_path / "two_two_one" / "manual" / "version_0").mkdir(parents=True)
    assert fit(tmp_path, SHORT).name == "version_1"


def test_a_run_does_not_go_on_with_other_pictures(tmp_path, pictures, capsys):
    copy = shutil.copytree(pictures, tmp_path / "copy")
    arguments = [*bluebird(copy), "--trainer.max_epochs=2"]
    first = cut(tmp_path, arguments, 5)
    left = (first / "checkpoints" / "last.ckpt").read_bytes()
    next(copy.glob("train/*/*.png")).unlink()
    assert fit(tmp_path, arguments).name == "version_1"
    err = capsys.readouterr().err
    assert "data.scale was" in err
    assert f"a new run begins, {first} stays as it is" in err
    assert (first / "checkpoints" / "last.ckpt").read_bytes() == left


@pytest.mark.parametrize("part", ["train", "validation"])
def test_a_run_does_not_go_on_where_two_pictures_have_changed_places(part, tmp_path, pictures, capsys):
    """Mean and deviation of the pictures are the same, and what each shows is not."""
    shutil.copytree(pictures, tmp_path / "birds")
    cut(tmp_path / "out", bluebird(tmp_path / "birds"), 5, every=0)
    one, other = (min((tmp_path / "birds" / part / name).iterdir()) for name in ("bluebird", "robin"))
    one.rename(tmp_path / "aside")
    other.rename(one)
    (tmp_path / "aside").rename(other)
    capsys.readouterr()
    run = fit(tmp_path / "out", bluebird(tmp_path / "birds"))
    assert run.name == "version_1"
    assert "the checkpoint is of another run: data.sha256 was " in capsys.readouterr().err


def test_a_run_whose_checkpoints_are_deleted_begins_anew_in_its_folder(tmp_path, wholes):
    run = cut(tmp_path, ["--config=two_two_one"], 5, every=0)
    shutil.rmtree(run / "checkpoints")
    assert same(fit(tmp_path, ["--config=two_two_one"]), wholes(["--config=two_two_one"])) == (True, True)


def test_a_run_goes_on_in_a_new_folder_from_within_an_epoch_of_another(tmp_path, wholes):
    arguments = ["--config=one_two_one", "--trainer.max_epochs=3"]
    first = fit(tmp_path, [*arguments, "--trainer.max_steps=6"])
    second = fit(tmp_path, [*arguments, f"--ckpt_path={first / 'checkpoints' / 'last.ckpt'}"])
    assert second.name == "version_1"
    whole = wholes(arguments)
    assert same(second, whole)[1]
    rows = [(folder / "metrics.csv").read_text().splitlines() for folder in (first, second, whole)]
    assert [*rows[0][:8], *rows[1][1:]] == rows[2], "header, six steps and a validation; the rest"


def test_a_run_from_the_last_of_another_goes_on_in_its_own_folder(tmp_path, wholes, capsys):
    arguments = ["--config=one_two_one", "--trainer.max_epochs=3", "--ckpt_path=last"]
    fit(tmp_path, ["--config=one_two_one", "--trainer.max_epochs=1"])
    for at in (4, 6, 9):
        run = cut(tmp_path, arguments, at)
        assert run.name == "version_1"
    assert capsys.readouterr().err == f"going on with {run} from step 4\n" * 2
    assert fit(tmp_path, arguments) == run
    assert same(run, wholes(arguments[:2]))[1]
    assert len((run / "metrics.csv").read_text().splitlines()) == 1 + 8 + 2 + 1


# The last two checkpoints


def test_the_last_two_checkpoints_are_kept(tmp_path):
    run = fit(tmp_path, ["--config=one_two_one", "--trainer.max_epochs=3"])
    assert [steps(run / "checkpoints" / name) for name in ("before.ckpt", "last.ckpt")] == [8, 12]


def test_within_an_epoch_a_checkpoint_is_written_when_the_last_is_a_minute_old(tmp_path, monkeypatch):
    """Of steps that take 25 seconds each; an epoch has seven."""
    saved, save, step, now = [], WholeCheckpoints.save_checkpoint, Training.training_step, 1000

    def stepped(self, batch):
        nonlocal now
        now += 25
        step(self, batch)

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
    assert line == f"going on with {run} from step 8"
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
        "last.ckpt.part is on the disk",
        "last.ckpt becomes before.ckpt",
        "last.ckpt.part becomes last.ckpt",
        "the folder is on the disk",
    ]
    assert (kept.read_bytes(), path.read_bytes()) == (b"old", b"new")


def test_the_rows_that_a_checkpoint_counts_on_are_on_the_disk_before_it(tmp_path, order):
    fit(tmp_path, ["--config=one_two_one", "--trainer.max_epochs=1"], at=3, then=order.clear, every=0)
    assert order[:3] == ["metrics.csv is on the disk", "last.ckpt.part is on the disk", "last.ckpt becomes before.ckpt"]


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


# Signals


@pytest.mark.parametrize(
    ("at", "number", "status"),
    [
        pytest.param(4, signal.SIGINT, 130, id="within an epoch"),
        pytest.param(6, signal.SIGTERM, 143, id="at the end of an epoch"),
        pytest.param(13, signal.SIGTERM, 143, id="at the end"),
    ],
)
def test_a_signal_saves_at_the_end_of_the_step_and_the_run_goes_on(at, number, status, wholes, tmp_path):
    handlers = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)]
    arguments = [*DIGITS, "--trainer.max_epochs=2"]
    with pytest.raises(Stopped) as stop:
        fit(tmp_path, arguments, at=at, then=lambda: os.kill(os.getpid(), number))
    assert stop.value.code == status
    assert str(stop.value) == f"stopped by {number.name}"
    assert stop.value.__notes__ == [f"the same command goes on from step {at + 1}"]
    assert handlers == [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)]
    run = tmp_path / "digits" / "manual" / "version_0"
    assert steps(run / "checkpoints" / "last.ckpt") == at + 1
    assert fit(tmp_path, arguments) == run
    assert same(run, wholes(arguments)) == (True, True)


def test_a_signal_in_the_step_that_converges_saves_too(tmp_path, wholes):
    done = steps(wholes(CONVERGES) / "checkpoints" / "last.ckpt")
    cut(tmp_path, CONVERGES, done - 1, then=lambda: os.kill(os.getpid(), signal.SIGTERM), error=Stopped)
    assert same(fit(tmp_path, CONVERGES, at=done), wholes(CONVERGES)) == (True, True)


def test_a_signal_in_the_final_test_ends_the_command_at_once(tmp_path, wholes, monkeypatch):
    test, outlived = Training.test_step, []

    def interrupted(self, batch):
        os.kill(os.getpid(), signal.SIGTERM)
        outlived.append(test(self, batch))

    with monkeypatch.context() as patch, pytest.raises(Stopped):
        patch.setattr(Training, "test_step", interrupted)
        fit(tmp_path, SHORT)
    assert not outlived
    assert same(fit(tmp_path, SHORT, at=4), wholes(SHORT)) == (True, True)


def test_a_signal_outside_of_training_ends_the_command_at_once():
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(Stopped), Stop():
        os.kill(os.getpid(), signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) == before


def interrupted(at, *numbers):
    """The command that gets signals before a step; the step is made all the same, if they let it."""
    step = Training.training_step

    def stepped(self, batch):
        for number in numbers if self.global_step == at else ():
            os.kill(os.getpid(), number)
        step(self, batch)

    Training.training_step = stepped
    forks.command("fit", *SHORT)


@forks.forked
@pytest.mark.parametrize("second", SIGNALS)
def test_ctrl_c_says_how_to_go_on_and_a_second_signal_ends_at_once(second, tmp_path):
    said = "python -m experiments.train: stopped by SIGINT; the same command goes on from step 2\n"
    assert forks.Fork(tmp_path, interrupted, 1, signal.SIGINT).end() == (130, "", said)
    run = Path("runs", "two_two_one", "manual", "version_0")
    said = f"going on with {run} from step 2\n"
    assert forks.Fork(tmp_path, interrupted, 3, signal.SIGINT, second).end() == (-second, "", said)
    assert steps(tmp_path / run / "checkpoints" / "last.ckpt") == 3, "of the end of the epoch before"


# What cannot be written


@contextmanager
def full_disk():
    """What is given lets no file of this process grow beyond so many bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("what", ["checkpoints/last.ckpt", "metrics.csv"])
def test_a_file_that_cannot_grow_is_an_error_and_the_last_checkpoint_stays_good(what, tmp_path, wholes):
    arguments = [*DIGITS, "--trainer.max_epochs=2"]
    run = tmp_path / "digits" / "manual" / "version_0"
    with pytest.raises(OSError) as error, full_disk() as largest:
        fit(tmp_path, arguments, at=9, then=lambda: largest((run / what).stat().st_size - 1))
    assert (error.value.errno, error.value.filename) == (errno.EFBIG, str(run / what))
    assert error.value.__notes__ == ["the same command goes on from step 7"]
    assert {path.name for path in (run / "checkpoints").iterdir()} == {"last.ckpt"}
    assert steps(run / "checkpoints" / "last.ckpt") == 7
    assert fit(tmp_path, arguments) == run
    assert same(run, wholes(arguments)) == (True, True)


def test_a_row_that_is_written_in_part_is_an_error(tmp_path):
    log = CSVLog(tmp_path, ["train_cost"])
    log.log_metrics({"epoch": 0, "train_cost": 0.5}, 0)
    with pytest.raises(OSError) as error, full_disk() as largest:
        largest(log.size + 3)
        log.log_metrics({"epoch": 0, "train_cost": 0.25}, 1)
    assert (error.value.errno, error.value.filename) == (errno.EFBIG, str(tmp_path / "metrics.csv"))
    log.close()
    assert (tmp_path / "metrics.csv").read_text("utf-8") == "epoch,step,train_cost\n0,0,0.5\n0,1"


def test_a_folder_that_vanishes_is_an_error_and_is_not_made_again(tmp_path):
    run = tmp_path / "two_two_one" / "manual" / "version_0"
    with pytest.raises(FileNotFoundError) as error:
        fit(tmp_path, SHORT, at=2, then=lambda: shutil.rmtree(run))
    assert "last.ckpt" in error.value.filename
    assert error.value.__notes__ == ["the same command starts anew"]
    assert not run.exists()


def on_a_disk(disk, copy):
    """Train on a disk of 100 KB: it fills up, can only be read, is as it should be. What is on it at the end is
    copied."""
    mounts_of_its_own()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=100k", "disk", disk], check=True)
    others, step = disk / "others", Training.training_step

    def full(self, batch):
        if self.global_step == 3:
            with suppress(OSError), others.open("wb", buffering=0) as file:
                while True:
                    file.write(bytes(1024))
        step(self, batch)

    def fit():
        with suppress(SystemExit):
            forks.command("fit", *LONGER, f"--out={disk}")

    Training.training_step = full
    fit()
    Training.training_step = step
    others.unlink()
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    fit()
    subprocess.run(["mount", "-o", "remount,rw", disk], check=True)
    fit()
    shutil.copytree(disk, copy)


def mounts_of_its_own():
    """What `unshare --user --map-root-user --mount` does for another process, for this one."""
    user, group = os.getuid(), os.getgid()
    new_user, new_mounts = 0x10000000, 0x00020000
    assert ctypes.CDLL(None).unshare(new_user | new_mounts) == 0
    for name, text in (("setgroups", "deny"), ("uid_map", f"0 {user} 1"), ("gid_map", f"0 {group} 1")):
        Path("/proc/self", name).write_text(text)


LONGER = ["--config=two_two_one", "--trainer.max_epochs=8"]


@forks.forked
def test_a_disk_that_is_full_or_read_only_is_one_line_and_the_run_goes_on_when_it_is_neither(tmp_path, wholes):
    if shutil.which("unshare") is None or subprocess.run(["unshare", "-Urm", "true"], check=False).returncode:
        pytest.skip("this system lets no user mount a disk")
    disk, copy, run = tmp_path / "disk", tmp_path / "copy", Path("two_two_one", "manual", "version_0")
    disk.mkdir()
    status, out, err = forks.Fork(tmp_path, on_a_disk, disk, copy).end()
    assert (status, out) == (0, f"{disk / run / 'model.safetensors'}\n"), err
    full, read_only, goes_on = err.splitlines()
    assert "No space left on device: '" in full
    assert full.endswith("; the same command goes on from step 3")
    assert "Read-only file system: '" in read_only
    assert goes_on == f"going on with {disk / run} from step 3"
    assert not [*disk.iterdir()], "it was mounted for the command alone"
    assert same(copy / run, wholes(LONGER)) == (True, True)


# Three of the kills of `make soak`


def test_every_config_has_its_killed_runs():
    assert soak.SHORT.keys() == configs().keys()


@pytest.mark.slow
@forks.forked
def test_three_killed_runs_go_on_to_the_same_end(tmp_path):
    status, out, err = forks.Fork(tmp_path, soak.main, ["3"]).end()
    assert status == 0, out + err
    counts = json.loads((tmp_path / "reports" / "soak" / "kills.json").read_text("utf-8"))
    assert [counts[name] for name in ("kills", "resumed", "unreadable", "lost")] == [3, 3, 0, 0]
