"""Whether a run may go on from a checkpoint, and where one that was cut off goes on. A run goes on as it began:
anything else would pass for it and be another."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning as L

from experiments.data.module import Data
from experiments.shared.spec import build
from experiments.train.checkpoints import checkpoint
from experiments.train.checkpoints.checkpoint import BEFORE
from experiments.train.checkpoints.restore import restored
from experiments.train.checkpoints.run_folder import CHECKPOINTS
from experiments.train.csv_log import METRICS
from experiments.train.module import Training, steps
from experiments.train.settings import CLASSES
from manual import InputError

Check = Callable[[dict[str, Any]], None]


def check_to_use(saved: dict[str, Any], model: Training, data: Data) -> None:
    """Raise an error where a checkpoint is not of this network and data, or cannot be restored; the model is left as
    it is."""
    then = saved["config"]
    checkpoint.same(then["data"].get("classes"), data.settings.get("classes"), "data.classes")
    checkpoint.same(then["model"]["network"], model.settings["network"], "model.network")
    checkpoint.same(then["data"].get("scale"), data.settings.get("scale"), "data.scale")
    restored(saved)


def check_to_go_on(saved: dict[str, Any], model: Training, data: Data) -> None:
    """The same where it is not of this run."""
    then = saved["config"]
    checkpoint.same(then["data"].get("classes"), data.settings.get("classes"), "data.classes")
    for key in ("network", "implementation", "dtype"):
        checkpoint.same(then["model"][key], model.settings[key], f"model.{key}")
    for key, base in CLASSES.items():
        before, now = (spec and build(base, spec) for spec in (then["model"].get(key), model.settings[key]))
        if repr(before) != repr(now):
            what, before, now = _difference(f"model.{key}", before, now)
            raise InputError(f"the checkpoint is of another run: {what} was {before} there, and is {now} here")
    for key in data.settings:
        checkpoint.same(then["data"].get(key), data.settings[key], f"data.{key}")
    restored(saved)


def _difference(key: str, before: Any, now: Any) -> tuple[str, Any, Any]:
    """What differs of two settings, and how: an argument, or the whole."""
    if type(before) is type(now):
        for name, then in before.hyper.items():
            if repr(then) != repr(now.hyper[name]):
                return f"{key}.{name}", then, now.hyper[name]
    return key, before, now


def check_rest(saved: dict[str, Any], model: Training, data: Data, trainer: L.Trainer) -> None:
    """Raise InputError where a checkpoint leaves nothing to train."""
    step, last = saved["global_step"], (trainer.max_epochs or 0) * steps(trainer, len(data.order))
    if step >= last or 0 <= trainer.max_steps <= step or saved["moved"] < model.settings["threshold"]:
        raise InputError(f"nothing is left to train: the checkpoint is of step {step}")


def left(run: Path, check: Check) -> tuple[Path, dict[str, Any]] | None:
    """The last checkpoint of a run that was cut off, and what it says; none if it has none. `check` is `check_to_go_on`
    for the run's model and data.

    Raises:
        InputError: it has some, and none can be used, or the log lacks what they count on.
    """

    def check_with_log(saved: dict[str, Any]) -> None:
        check(saved)
        _check_log(run / METRICS, saved)

    if (run / CHECKPOINTS / BEFORE).is_dir():
        raise InputError(f"{run / CHECKPOINTS / BEFORE}: expected a checkpoint, got a folder")
    return checkpoint.newest(run / CHECKPOINTS, check_with_log)


def _check_log(rows: Path, saved: dict[str, Any]) -> None:
    """Raise InputError unless the rows before the checkpoint's step are there, as they were written."""
    step, size = saved["global_step"], saved["log"]
    logged = rows.read_bytes()[:size] if rows.is_file() else b""
    if len(logged) < size:
        raise InputError(f"{rows} lacks rows that the checkpoint of step {step} counts on")
    if hashlib.sha256(logged).hexdigest() != saved["log_sha256"]:
        raise InputError(f"the first {size} bytes of {rows} are not those that were written before step {step}")
    if logged.splitlines()[-1].split(b",")[1:2] != [b"%d" % (step - 1)]:
        raise InputError(f"the first {size} bytes of {rows} do not end with a row of step {step - 1}")
