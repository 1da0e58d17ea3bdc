"""What cannot be written."""

import ctypes
import errno
import os
import resource
import shutil
import subprocess
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from experiments.train.csv_log import CSVLog
from experiments.train.module import Training
from parity_tests.train.checkpoints.cutting import (
    DIGITS,
    LONGER,
    SHORT,
    fit,
    same,
    steps,
)
from parity_tests.train.processes import forks


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
    assert error.value.__notes__ == ["the same command resumes from step 7"]
    assert {path.name for path in (run / "checkpoints").iterdir()} == {"last.ckpt"}
    assert steps(run / "checkpoints" / "last.ckpt") == 7
    assert fit(tmp_path, arguments) == run
    assert same(run, wholes(arguments)) == (True, True)


def test_a_row_that_is_written_in_part_is_an_error(tmp_path):
    log = CSVLog(tmp_path, ["train_cost"])
    log.add({"epoch": 0, "step": 0, "train_cost": 0.5})
    with pytest.raises(OSError) as error, full_disk() as largest:
        largest(log.size + 3)
        log.add({"epoch": 0, "step": 1, "train_cost": 0.25})
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
        return step(self, batch)

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


@forks.forked
def test_a_disk_that_is_full_or_read_only_is_one_line_and_the_run_goes_on_when_it_is_neither(tmp_path, wholes):
    if shutil.which("unshare") is None or subprocess.run(["unshare", "-Urm", "true"], check=False).returncode:
        pytest.skip("this system lets no user mount a disk")
    disk, copy, run = tmp_path / "disk", tmp_path / "copy", Path("two_two_one", "manual", "version_0")
    disk.mkdir()
    status, out, err = forks.Fork(tmp_path, on_a_disk, disk, copy).end()
    assert (status, [line.partition(": ")[0] for line in out.splitlines()]) == (
        0, ["validation", "test", str(disk / run / "model.safetensors")],
    ), err  # fmt: skip
    full, read_only, goes_on = err.splitlines()
    assert "No space left on device: '" in full
    assert full.endswith("; the same command resumes from step 3")
    assert "Read-only file system: '" in read_only
    assert goes_on == f"resuming {disk / run} from step 3"
    assert not [*disk.iterdir()], "it was mounted for the command alone"
    assert same(copy / run, wholes(LONGER)) == (True, True)
