"""When a run is saved, and what makes it go on as if it had never stopped."""
# pyright: reportIncompatibleMethodOverride=false

from pathlib import Path
from signal import SIGTERM
from time import monotonic
from typing import Any

import lightning as L

from experiments.train.checkpoints.checkpoint import LAST
from experiments.train.csv_log import CSVLog
from experiments.train.stop import Stop, Stopped

SECONDS = 60
"""Of work that a killed run loses at most, besides the step in progress and the validation after an epoch."""


class Saving(L.Callback):
    """Saves after an epoch, after a minute within one, and when the run is to stop.

    Args:
        folder: of the checkpoints.
        csv: the run's log, of which a checkpoint says how much there was; none in a process that is not the first.
        stop: is looked at after each step.

    Attributes:
        saved: steps that the last checkpoint has behind it; 0 before the first.
    """

    def __init__(self, folder: Path, csv: CSVLog | None, stop: Stop) -> None:
        self.folder, self.csv, self.stop, self.saved = folder, csv, stop, 0

    def on_train_start(self, *_: Any) -> None:
        self.stop.listen()  # in place of Lightning, which would not save
        self.stop.waits, self._time = True, monotonic()

    def on_train_batch_end(self, trainer: L.Trainer, _: Any, __: Any, ___: Any, batch: int) -> None:
        if trainer.should_stop or batch + 1 == trainer.num_training_batches:
            return  # validation follows, and then the end of the epoch
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
        trainer.save_checkpoint(self.folder / LAST)
        self.saved, self._time = trainer.global_step, monotonic()
        self._heed(trainer)

    def _heed(self, trainer: L.Trainer) -> None:
        if self._any(trainer, self.stop.asked is not None):
            raise self.stop.asked or Stopped(SIGTERM)  # another process was asked

    def _any(self, trainer: L.Trainer, decision: bool) -> bool:
        return trainer.strategy.reduce_boolean_decision(decision, all=False)

    def on_save_checkpoint(self, _: Any, __: Any, checkpoint: dict[str, Any]) -> None:
        checkpoint["log"] = self.csv.size if self.csv else 0

    def on_load_checkpoint(self, trainer: Any, module: Any, checkpoint: dict[str, Any]) -> None:
        self.saved, order = checkpoint["global_step"], trainer.datamodule.order
        order.done = self.saved % len(order)
        trainer.should_stop = checkpoint["moved"] < module.settings["threshold"]
        checkpoint["loops"] = {"fit_loop": between_steps(self.saved, len(order))}
        checkpoint["optimizer_states"] = [
            module.configure_optimizers().state_dict() | {"state": checkpoint["optimizer"]}
        ]


def between_steps(step: int, batches: int) -> dict[str, Any]:
    """The state of Lightning's training loop, with so many steps made, of so many an epoch, and none begun.

    What it would save itself says that the present step is not completed, and after the last that the epoch is.
    """
    made = dict.fromkeys(("ready", "completed"), step)
    epoch, batch = divmod(step, batches)
    begun = epoch + (batch > 0)
    epochs = {"ready": begun, "started": begun, "processed": epoch, "completed": epoch}
    return {
        "epoch_progress": {"total": epochs, "current": dict(epochs)},
        "epoch_loop.batch_progress": {
            "total": dict.fromkeys(epochs, step),
            "current": dict.fromkeys(epochs, batch),
            "is_last_batch": False,
        },
        "epoch_loop.manual_optimization.optim_step_progress": {"total": made, "current": dict(made)},
    }
