"""One subcommand, from its options to what it leaves."""

import csv
import sys
from contextlib import ExitStack
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import lightning as L
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.callbacks import (
    EarlyStopping,
    LearningRateMonitor,
    RichProgressBar,
    StochasticWeightAveraging,
    TQDMProgressBar,
)

from experiments.data.images import account
from experiments.data.module import AT_ONCE, Data, Order
from experiments.shared import model_file
from experiments.shared.command import expected_one_of
from experiments.shared.model_file import Model
from experiments.shared.printable import one_line, printable
from experiments.train.checkpoints import checkpoint, resume, run_folder
from experiments.train.checkpoints.restore import latest
from experiments.train.checkpoints.run_folder import CHECKPOINTS, MODEL
from experiments.train.checkpoints.saving import Saving
from experiments.train.classes import blamed, made
from experiments.train.csv_log import CSVLog
from experiments.train.module import Training
from experiments.train.options import Options
from experiments.train.processes import connection
from experiments.train.stop import Stop, Stopped
from experiments.train.trainer import trainer
from manual import InputError

EXACT = (EarlyStopping, LearningRateMonitor, RichProgressBar, StochasticWeightAveraging, TQDMProgressBar)
"""Callbacks with which a run that was cut off ends in the same bits."""


class Session:
    """Lightning's trainer on a network and data, and what is written and printed around it.

    Attributes:
        result: the run's folder for `fit`, or that of all runs where it left nothing; the checkpoint for the other
            subcommands.

    Raises:
        InputError: data or network that cannot be, or do not fit; a checkpoint that cannot be used.
        Diverged: a cost that is not finite.
        OSError: a file cannot be written.
        Stopped: a signal ended it.
    """

    result: Path

    def __init__(self, options: Options, stop: Stop) -> None:
        self.options, self.stop, self.saved = options, stop, {}
        self.found: dict[str, Any] = {}
        self._find_checkpoint()
        self.data = Data(options.data, options.model.dtype)
        of = options.trainer
        self.data.order.limit(of.limit_train_batches, of.overfit_batches)
        if of.val_check_interval is not None:
            self.data.order.count("val_check_interval", of.val_check_interval)
        self._check_limits()
        self.model = Training(options.model, self.data.classes)
        self.trainer = trainer(of)
        self._check()
        self._name_classes()
        with ExitStack() as self.until_done:
            self.until_done.enter_context(connection.connected(self.trainer))
            connection.start(self.trainer)
            getattr(self, options.subcommand)()

    def _find_checkpoint(self) -> None:
        options = self.options
        if options.ckpt_path == "last" and options.subcommand == "fit":
            options.ckpt_path = run_folder.begun_from(options.runs, options.as_yaml())
        if options.ckpt_path == "last":
            self.result, self.saved = latest(options.runs)
            options.ckpt_path = str(self.result)
        elif options.ckpt_path is not None:
            self.result = Path(options.ckpt_path)
            self.saved = checkpoint.read(self.result)

    def _check_limits(self) -> None:
        """Raise InputError where a limit leaves no batch of what is to be looked at; `fit` may leave out a part."""
        for name, part in (("val", self.data.validation), ("test", self.data.test), ("predict", self.data.test)):
            option, order = f"limit_{name}_batches", Order(len(part.x), AT_ONCE)
            given = getattr(self.options.trainer, option)
            if given is not None and not (given == 0 and self.options.subcommand == "fit"):
                order.count(option, given if isinstance(given, float) else min(given, len(order)))

    def _check(self) -> None:
        """Raise InputError where network, data and checkpoint do not fit each other; say which files are left out."""
        try:
            self.model.check(*self.data.train)
        except InputError as error:
            if size := self.data.settings.get("size"):
                raise InputError(f"the network does not fit pictures of data.size {size}: {error}") from None
            raise
        if self.saved:
            self._check_saved()
        if self.data.left_out and self.trainer.is_global_zero:
            read = sum(len(part.x) for part in (self.data.train, self.data.validation, self.data.test))
            print(account(self.data.left_out, read), file=sys.stderr)

    def _check_saved(self) -> None:
        try:
            with checkpoint.restoring(self.result):
                if self.options.subcommand == "fit":
                    resume.check_to_go_on(self.saved, self.model, self.data)
                    resume.check_rest(self.saved, self.model, self.data, self.trainer)
                else:
                    resume.check_to_use(self.saved, self.model, self.data)
                    self.model.load_state_dict(self.saved["state_dict"])
        except InputError as error:
            if self.options.subcommand != "fit":
                raise
            raise InputError(f"{error}; without --ckpt_path a new run begins") from None

    def fit(self) -> None:
        """Train a network, and test it."""
        first = self.trainer.is_global_zero
        if self.options.trainer.fast_dev_run:
            return self._rehearse()
        begun: Any = self._begun() if first else None
        self.result, start, logged = self.trainer.strategy.broadcast(begun)
        log = CSVLog(self.result, self.model.columns, logged) if first else None
        if log:
            self.until_done.callback(log.close)
        saving = Saving(self.result / CHECKPOINTS, log, self.stop)
        self._equip(log, self.result, saving)
        try:
            with connection.connected(self.trainer):
                self._train(start)
                trained = self._trained()
            if first:
                model_file.save(self.result / MODEL, trained)
        except (OSError, Stopped) as error:
            saved = saving.saved and self.result.exists()
            error.add_note(f"the same command {f'resumes from step {saving.saved}' if saved else 'starts anew'}")
            raise

    def _rehearse(self) -> None:
        """A batch of each part, which leaves nothing behind."""
        self.result = self.options.runs
        with TemporaryDirectory() as folder:
            self._equip(None, Path(folder))
            self._train(None)

    def _train(self, start: Path | None) -> None:
        try:
            self.trainer.fit(self.model, datamodule=self.data, ckpt_path=start, weights_only=True)
            self.found |= self.trainer.callback_metrics
            self.test()
        except (MisconfigurationException, ModuleNotFoundError) as error:  # of a callback, as it is set up
            raise InputError(f"trainer: {one_line(error)}") from None
        except (Exception, SystemExit) as error:  # whatever a class of the config does while training
            if isinstance(error, OSError) or connection.is_lost(error) or not (said := blamed(error, self.named)):
                raise
            raise InputError(f"trainer: {said}") from None

    def _equip(self, log: CSVLog | None, folder: Path, *more: L.Callback) -> None:
        """Give the trainer what the config names; what it writes is in the run's folder."""
        said = self.options.trainer
        self.trainer.callbacks += [*self.callbacks, *more]  # pyright: ignore[reportAttributeAccessIssue]
        loggers, profilers = made("logger", said.logger, folder), made("profiler", said.profiler, folder)
        self.named = [*self.callbacks, *loggers, *profilers]
        if log:
            self.trainer.loggers = [log, *loggers]
        for profiler in profilers:
            self.trainer.profiler = profiler  # pyright: ignore[reportAttributeAccessIssue]

    def _name_classes(self) -> None:
        """Make the callbacks, and try whether there are the loggers and profilers, before a run leaves anything; say
        what cannot go on to the same bits.
        """
        said, known = self.options.trainer, ["train_cost"]
        if said.limit_val_batches != 0:
            known += ["val_cost", "val_accuracy"][: 1 + (self.data.validation.y.dtype.kind != "f")]
        with TemporaryDirectory() as nowhere:
            self.callbacks = made("callbacks", said.callbacks, Path(nowhere))
            loggers = made("logger", said.logger, Path(nowhere))
            made("profiler", said.profiler, Path(nowhere))
        for callback in self.callbacks:
            self._check_callback(callback, known)
        if said.strategy == "fsdp":
            self._check_shared_out()
        if self.options.subcommand != "fit":
            return
        reasons = {
            f"trainer.max_time {said.max_time}": said.max_time,
            "other loggers may repeat rows": loggers,
            f"trainer.precision {said.precision} starts with a new loss scale": said.precision == "16-mixed",
            "callbacks keep only what they save": [c for c in self.callbacks if type(c) not in EXACT],
        }
        if (given := [name for name, there in reasons.items() if there]) and self.trainer.is_global_zero:
            print(f"an interrupted run resumes, but not bit for bit: {'; '.join(given)}", file=sys.stderr)

    def _check_callback(self, callback: L.Callback, known: list[str]) -> None:
        normalised = any(name.endswith("running_mean") for name in self.model.network.state)
        if normalised and isinstance(callback, StochasticWeightAveraging):
            raise InputError(
                "trainer.callbacks StochasticWeightAveraging: the hand-written BatchNorm keeps statistics of weights "
                "that are not averaged; expected a network without"
            )
        if (monitor := getattr(callback, "monitor", None)) not in (None, *known):
            name = type(callback).__name__
            raise InputError(f"trainer.callbacks {name}: monitor: {expected_one_of(known, str(monitor))}")

    def _check_shared_out(self) -> None:
        """Raise InputError where something needs the weights whole, of which each process is to have a share."""
        averaged = any(isinstance(callback, StochasticWeightAveraging) for callback in self.callbacks)
        whole = {"model.penalty": self.options.model.penalty, "trainer.callbacks StochasticWeightAveraging": averaged}
        if needs := [what for what, there in whole.items() if there]:
            raise InputError(
                f"trainer.strategy fsdp: {needs[0]} needs the weights whole, and each process has a share of them; "
                "expected ddp"
            )

    def _begun(self) -> tuple[Path, Path | None, int]:
        """The run's folder, the checkpoint that it starts from, and how much of its log comes before that."""
        config = self.options.as_yaml()
        if found := run_folder.cut_off(self.options.runs, config):
            run, lock = found
            self.until_done.callback(lock.release)
            if going_on := self._going_on(run):
                return run, *going_on
        run, lock = run_folder.new(self.options.runs, config)
        self.until_done.callback(lock.release)
        return run, self.result if self.saved else None, 0

    def _going_on(self, run: Path) -> tuple[Path | None, int] | None:
        """Where a run that was cut off goes on: its last checkpoint, and how much of its log comes before that. If it
        has none, it begins as it began; if it has some, and none can be used, it is left as it is.
        """
        try:
            own = resume.left(run, lambda saved: resume.check_to_go_on(saved, self.model, self.data))
            if own:
                checkpoint.set_aside(own[0])
            (run / CHECKPOINTS).mkdir(exist_ok=True)
        except (InputError, FileExistsError, IsADirectoryError) as error:
            print(printable(f"{error}; a new run begins, {run} stays as it is"), file=sys.stderr)
            return None
        start, saved = own or (self.result if self.saved else None, self.saved | {"log": 0})
        print(printable(f"resuming {run} from step {saved.get('global_step', 0)}"), file=sys.stderr)
        return start, saved["log"]

    @property
    def outcome(self) -> list[str]:
        """What came of the training, as lines."""
        lines = []
        for part, label in (("val", "validation"), ("test", "test")):
            values = {what: self.found.get(f"{part}_{what}") for what in ("cost", "accuracy")}
            if said := [f"{what} {value.item():.4g}" for what, value in values.items() if value is not None]:
                lines.append(f"{label}: {', '.join(said)}")
        if self.data.text and len(lines) == 2:
            lines += self.data.text.outcome([self.found[f"{part}_cost"].item() for part in ("val", "test")])
        return lines

    def _trained(self) -> Model:
        model, data = self.options.model, self.data
        layers, shape = self.model.settings["network"], data.train.x.shape[1:]
        return Model(self.model.network, layers, model.dtype, shape, data.classes, data.scale)

    def validate(self) -> None:
        """Say what comes of the validation part."""
        self.trainer.validate(self.model, datamodule=self.data, verbose=False)
        self.found |= self.trainer.callback_metrics

    def test(self) -> None:
        """Say what comes of the test part."""
        self.trainer.test(self.model, datamodule=self.data, verbose=False)
        self.found |= self.trainer.callback_metrics

    def predict(self) -> None:
        """Print each test example's target and prediction, as CSV."""
        found = self.trainer.predict(self.model, datamodule=self.data) or []
        if not self.trainer.is_global_zero:
            return
        rows = csv.writer(sys.stdout, lineterminator="\n")
        rows.writerow(["example", "target", "prediction"])
        pairs = (zip(targets.tolist(), predictions.tolist(), strict=True) for predictions, targets in found)
        rows.writerows([i, *pair] for i, pair in enumerate(chain.from_iterable(pairs)))
