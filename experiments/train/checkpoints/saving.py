"""When a run is saved, and what makes it go on as if it had never stopped."""
# pyright: reportIncompatibleMethodOverride=false

from math import inf
from pathlib import Path
from signal import SIGTERM
from time import monotonic
from typing import Any

import lightning as L
from lightning.pytorch.callbacks import Checkpoint

from experiments.train.checkpoints.checkpoint import LAST
from experiments.train.csv_log import CSVLog
from experiments.train.module import steps
from experiments.train.stop import Stop, Stopped

SECONDS = 60
"""Of work that a killed run loses at most, besides the step in progress and the validation after an epoch."""


class Saving(Checkpoint):
    """Saves after an epoch, after a minute within one, and when the run is to stop. A Checkpoint is called after every
    other callback, so that what is saved of them is what they go on with.

    Args:
        folder: of the checkpoints.
        csv: the run's log, of which a checkpoint says how much there was; none in a process that is not the first.
        stop: is looked at after each step.

    Attributes:
        saved: steps that the last checkpoint has behind it; 0 before the first.
    """

    def __init__(self, folder: Path, csv: CSVLog | None, stop: Stop) -> None:
        self.folder, self.csv, self.stop, self.saved, self.ending = folder, csv, stop, 0, False

    def on_train_start(self, *_: Any) -> None:
        self.stop.listen()  # in place of Lightning, which would not save
        self.stop.waits, self._time = True, monotonic()

    def on_train_batch_end(self, trainer: L.Trainer, _: Any, __: Any, ___: Any, batch: int) -> None:
        made = batch + 1
        if trainer.should_stop or made == trainer.num_training_batches or made % (trainer.val_check_batch or inf) == 0:
            return  # validation follows, and then the end of the epoch, or the next batch
        if made % trainer.accumulate_grad_batches:
            return  # the next step has begun
        if self._any(trainer, self.stop.asked is not None or monotonic() - self._time >= SECONDS):
            self._save(trainer)

    def on_train_epoch_end(self, trainer: L.Trainer, *_: Any) -> None:
        self._save(trainer)

    def on_train_end(self, trainer: L.Trainer, *_: Any) -> None:
        self.stop.waits = False
        self._heed(trainer)

    def _save(self, trainer: L.Trainer) -> None:
        if self.csv:
            self.csv.flush()
        self.ending = trainer.should_stop
        trainer.save_checkpoint(self.folder / LAST)
        self.saved, self._time = trainer.global_step, monotonic()
        self._heed(trainer)

    def _heed(self, trainer: L.Trainer) -> None:
        if self._any(trainer, self.stop.asked is not None):
            raise self.stop.asked or Stopped(SIGTERM)  # another process was asked

    def _any(self, trainer: L.Trainer, decision: bool) -> bool:
        return trainer.strategy.reduce_boolean_decision(decision, all=False)

    def state_dict(self) -> dict[str, Any]:
        return {"ending": True} if self.ending else {}

    def on_save_checkpoint(self, _: Any, __: Any, checkpoint: dict[str, Any]) -> None:
        checkpoint["log"] = self.csv.size if self.csv else 0
        checkpoint["log_sha256"] = self.csv.sha256 if self.csv else "0" * 64

    def on_load_checkpoint(self, trainer: Any, module: Any, checkpoint: dict[str, Any]) -> None:
        self.saved, order = checkpoint["global_step"], trainer.datamodule.order
        epoch, within = divmod(self.saved, steps(trainer, len(order)))
        order.done = within * trainer.accumulate_grad_batches
        ending = checkpoint["callbacks"].get(self.state_key, {}).get("ending", False)
        trainer.should_stop = ending is True or checkpoint["moved"] < module.settings["threshold"]
        checkpoint["loops"] = {"fit_loop": between_steps(self.saved, epoch * len(order) + order.done, len(order))}
        optimizer = module.side.optimizer().state_dict()
        optimizer["param_groups"][0] |= checkpoint["settings"]
        checkpoint["optimizer_states"] = [optimizer | {"state": checkpoint["optimizer"]}]
        checkpoint["lr_schedulers"] = [{"last_epoch": self.saved}] if module.schedule else []


def between_steps(step: int, done: int, batches: int) -> dict[str, Any]:
    """The state of Lightning's training loop, with so many steps made and batches done, of so many an epoch, and none
    begun.

    What it would save itself says that the present step is not completed, and after the last that the epoch is.
    """
    made = {part: dict.fromkeys(("ready", "completed"), step) for part in ("total", "current")}
    zeroed = {part: dict.fromkeys(("ready", "started", "completed"), step) for part in ("total", "current")}
    epoch, batch = divmod(done, batches)
    begun = epoch + (batch > 0)
    epochs = {"ready": begun, "started": begun, "processed": epoch, "completed": epoch}
    return {
        "epoch_progress": {"total": epochs, "current": dict(epochs)},
        "epoch_loop.state_dict": {"_batches_that_stepped": step},  # the step in other loggers' rows
        "epoch_loop.batch_progress": {
            "total": dict.fromkeys(epochs, done),
            "current": dict.fromkeys(epochs, batch),
            "is_last_batch": False,
        },
        "epoch_loop.automatic_optimization.optim_progress": {"optimizer": {"step": made, "zero_grad": zeroed}},
    }
