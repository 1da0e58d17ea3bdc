"""A run's folder, OUT/NAME/IMPLEMENTATION/version_N, and who may write to it.

A run holds its folder's lock for as long as it lives; the system takes it from a process that is killed. So a run
without a model whose lock is free was cut off, and the same command goes on with it.
"""

import errno
import sys
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from experiments.shared.command import write
from experiments.shared.printable import printable
from experiments.shared.untrusted_files import load_yaml, read_config
from manual import InputError

CHECKPOINTS = "checkpoints"
CONFIG = "config.yaml"
LOCK = ".lock"
MODEL = "model.safetensors"
PROCESSES = ("devices", "num_nodes", "strategy")


def versions(runs: Path) -> list[Path]:
    """The folders of these runs, the latest first."""
    found = [path for path in runs.glob("version_*") if path.name.removeprefix("version_").isdecimal()]
    return sorted(found, key=lambda path: int(path.name.removeprefix("version_")), reverse=True)


def new(runs: Path, config: str) -> tuple[Path, FileLock]:
    """The first version that is not there yet, with this config in it; and its lock, held."""
    runs.mkdir(parents=True, exist_ok=True)
    n = 0
    while True:
        folder = runs / f"version_{n}"
        try:
            folder.mkdir()
        except FileExistsError:
            n += 1
        else:
            break
    lock = _lock(folder)
    lock.acquire()
    (folder / CHECKPOINTS).mkdir()
    write(folder / CONFIG, config)
    return folder, lock


def cut_off(runs: Path, config: str) -> tuple[Path, FileLock] | None:
    """The latest run of this config that neither lives nor is done, and its lock, held; none where there is no such
    run. In how many processes it is, or was, does not matter.
    """
    wanted = load_yaml("the config", config)
    for folder in versions(runs):
        if (folder / MODEL).exists() or (saved := _config(folder)) is None or _alone(saved) != _alone(wanted):
            continue
        lock = _lock(folder)
        try:
            if (folder / LOCK).is_symlink():
                raise FileExistsError(errno.EEXIST, "expected a file, got a link", str(folder / LOCK))
            lock.acquire()
        except Timeout:
            continue
        except (FileExistsError, IsADirectoryError, PermissionError) as error:  # or another user's
            print(printable(f"{error}; a new run begins, {folder} stays as it is"), file=sys.stderr)
            return None
        if not (folder / MODEL).exists():
            if saved != wanted:
                print("the run resumes with another number of processes, and not bit for bit", file=sys.stderr)
            return folder, lock
        lock.release()  # it came to its end just now
    return None


def begun_from(runs: Path, config: str) -> str:
    """The checkpoint that `--ckpt_path last` stood for in the latest run of this config, if that is not done, so that
    the same command goes on with it; else "last".
    """
    given = load_yaml("the config", config)
    for folder in versions(runs):
        saved = _config(folder)
        if saved and saved["ckpt_path"] and saved | {"ckpt_path": "last"} == given:
            return "last" if (folder / MODEL).exists() else saved["ckpt_path"]
    return "last"


def _config(folder: Path) -> dict[str, Any] | None:
    """What the run's config says; none where it has none, or not one that a run wrote."""
    try:
        saved = read_config(folder / CONFIG)
    except (OSError, InputError):
        return None
    return saved if isinstance(saved, dict) and "ckpt_path" in saved else None


def _alone(config: dict[str, Any]) -> dict[str, Any]:
    """The config without what it says of processes."""
    trainer = config.get("trainer")
    if not isinstance(trainer, dict):
        return config
    return config | {"trainer": {name: value for name, value in trainer.items() if name not in PROCESSES}}


def _lock(folder: Path) -> FileLock:
    return FileLock(folder / LOCK, timeout=0)
