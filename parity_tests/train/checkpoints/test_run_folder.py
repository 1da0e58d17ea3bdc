"""Whose folder it is: which run is gone on with, and which begins anew."""

import os
import shutil
from pathlib import Path

import pytest
import yaml
from filelock import FileLock

from experiments.shared import command
from experiments.shared.untrusted_files import Dumper
from experiments.train.checkpoints import run_folder
from parity_tests.train.checkpoints.cutting import LONGER, SHORT, bluebird, cut, fit, same


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


def test_a_run_goes_on_in_another_number_of_processes_and_says_so(tmp_path, capsys):
    run, lock = run_folder.new(tmp_path, "ckpt_path: null\ntrainer: {devices: 2, strategy: ddp, max_epochs: 3}")
    lock.release()
    assert run_folder.cut_off(tmp_path, "ckpt_path: null\ntrainer: {devices: 2, max_epochs: 4}") is None
    found = run_folder.cut_off(tmp_path, "ckpt_path: null\ntrainer: {devices: 1, max_epochs: 3}")
    assert found
    assert found[0] == run
    assert capsys.readouterr().err == "the run resumes with another number of processes, and not bit for bit\n"


@pytest.mark.parametrize("name", ["2026-11-29", "010", "1e3", "1_0", "no"])
def test_a_run_is_known_again_by_a_name_that_is_a_date_or_a_number_to_some(name, tmp_path):
    config = yaml.dump({"name": name, "ckpt_path": None}, Dumper=Dumper)
    run, lock = run_folder.new(tmp_path, config)
    lock.release()
    found = run_folder.cut_off(tmp_path, config)
    assert found
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


@pytest.mark.parametrize("odd", [Path.mkdir, os.mkfifo, lambda path: path.symlink_to("/dev/full")])
def test_a_run_whose_config_is_no_file_is_left_alone(odd, tmp_path):
    (tmp_path / "version_0").mkdir()
    odd(tmp_path / "version_0" / "config.yaml")
    assert run_folder.cut_off(tmp_path, "{}") is None


def test_a_run_whose_checkpoints_are_deleted_begins_anew_in_its_folder(tmp_path, wholes):
    run = cut(tmp_path, LONGER, 5, every=0)
    shutil.rmtree(run / "checkpoints")
    assert same(fit(tmp_path, LONGER), wholes(LONGER)) == (True, True)


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
    assert capsys.readouterr().err == f"resuming {run} from step 4\n" * 2
    assert fit(tmp_path, arguments) == run
    assert same(run, wholes(arguments[:2]))[1]
    assert len((run / "metrics.csv").read_text().splitlines()) == 1 + 8 + 2 + 1
