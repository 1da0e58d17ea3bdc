"""Train a network by either implementation, and look at what it learned.

    python -m experiments.train fit --config digits --model.implementation torch
    python -m experiments.train test --config digits --ckpt_path last

`--config` takes a file, or the name of one in experiments/train/configs/.
A run's folder, OUT/NAME/IMPLEMENTATION/version_N, holds metrics.csv, config.yaml, checkpoints/ and, when all is
trained, model.safetensors, whose path is the last line of `fit`. What is needed to use the network is in that one file.
A run that was cut off is gone on with in its folder by the same command, and ends in the same numbers as if it had
not been. `--ckpt_path` takes a file, or `last`: what the latest run of this config left. `fit` goes on from it in a
new folder.
"""

import argparse
import csv
import logging
import os
import re
import sys
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Literal

import lightning as L
import numpy as np
import torch
from jsonargparse import ArgumentError, DefaultHelpFormatter
from jsonargparse.typing import class_from_function
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI

from experiments.data.images import account
from experiments.data.module import Data
from experiments.shared.command import (
    command,
    examples_text,
    expected_one_of,
    nearest,
    nearest_file,
    program,
    shortened,
)
from experiments.shared.printable import printable
from experiments.shared.untrusted_files import plain_yaml
from experiments.train import checkpoint, model_file, processes, run_folder
from experiments.train.csv_log import METRICS, CSVLog
from experiments.train.model_file import Model
from experiments.train.module import Training
from experiments.train.run_folder import CHECKPOINTS, MODEL
from experiments.train.saving import Saving
from experiments.train.stop import Stop, Stopped
from manual import Diverged, InputError
from manual.checks import whole
from torch_ref import NoTwin
from torch_ref.devices import prepare

CONFIGS = Path(__file__).parent / "configs"
QUOTED, CLASS = "'([^']*)'", "<class '([^']*)'>"
NONE = "<class 'NoneType'>, |, <class 'NoneType'>"
UNION = (
    r'Parser key "(.+?)": Does not validate against any of the Union subtypes '
    r"Subtypes: \[(.+)\] Errors.*Given value: (.*)"
)
ABOUT = {
    "fit": "Train, and test what came of it.",
    "validate": "Print a checkpoint's cost and accuracy on the validation part.",
    "test": "Print a checkpoint's cost and accuracy on the test part.",
    "predict": "Print each test example's target and a checkpoint's prediction, as CSV.",
}
EXAMPLES = (
    "fit --config digits",
    "fit --config digits --model.implementation torch --model.seed 1",
    "test --config digits --ckpt_path last",
)
ERRORS = (InputError, Diverged, NoTwin, ArgumentError, OSError)
"""What is said in one line."""

NOISE = (
    "LightningCLI's args parameter",  # its arguments are always given
    r"`isinstance\(treespec, LeafSpec\)` is deprecated",  # Lightning's own use of torch
    "The '.*_dataloader' does not have many workers",  # the data are in memory
    "You're resuming from a checkpoint that ended before the epoch",  # the order of the data goes on where it was
    r"It is recommended to use `self.log\(.*sync_dist=True",  # what is logged is the whole batch's already
    r"\s*(By default only one Jsonargparse|.* was deprecated in v4)",  # Lightning's own use of jsonargparse
)


def trainer(
    max_epochs: int,
    max_steps: int = -1,
    accelerator: Literal["cpu", "gpu"] = "cpu",
    enable_progress_bar: bool = True,
    devices: int = 1,
    num_nodes: int = 1,
    strategy: Literal["auto", "ddp"] = "auto",
) -> L.Trainer:
    """Lightning's trainer, with what this project varies.

    Args:
        max_epochs: passes over the training part, 1 or more; with model.threshold, at most so many.
        max_steps: training steps at most, 1 or more; -1 is no limit.
        accelerator: cpu, or, with the torch implementation, gpu.
        enable_progress_bar: show a progress bar, on a terminal.
        devices: how many on each machine; with the torch implementation. Each is a process, on the CPU too.
        num_nodes: how many machines.
        strategy: ddp, each process has a share of every batch; auto is ddp where there are several processes.
    """
    whole("trainer", "max_epochs", max_epochs, 1)
    if max_steps != -1:
        whole("trainer", "max_steps", max_steps, 1)
    if accelerator == "gpu" and not torch.cuda.is_available():
        raise InputError("trainer.accelerator gpu: torch sees no GPU on this machine")
    for name, number in (("devices", devices), ("num_nodes", num_nodes)):
        whole("trainer", name, number, 1)
    if accelerator == "gpu":
        if devices > torch.cuda.device_count():
            raise InputError(f"trainer.devices {devices}: this machine has {torch.cuda.device_count()}")
        prepare("cuda")
    if "TORCHELASTIC_RUN_ID" in os.environ and int(os.environ["WORLD_SIZE"]) != devices * num_nodes:
        raise InputError(
            f"trainer.devices {devices} on each of trainer.num_nodes {num_nodes}: expected as many processes as "
            f"torchrun has started, {os.environ['WORLD_SIZE']}"
        )
    return L.Trainer(
        max_epochs=max_epochs,
        max_steps=max_steps,
        accelerator=accelerator,
        devices=devices,
        logger=False,
        enable_checkpointing=False,  # `Saving` does it
        log_every_n_steps=1,
        plugins=[checkpoint.WholeCheckpoints()],
        num_sanity_val_steps=0,
        enable_model_summary=False,
        enable_progress_bar=enable_progress_bar and sys.stdout.isatty(),
        num_nodes=num_nodes,
        strategy=strategy,
        use_distributed_sampler=False,  # the data share out every batch themselves
    )


TRAINER = class_from_function(trainer)
"""Made once: LightningCLI would make it anew for every command, each time by reading the source of all that called
it."""


class Help(DefaultHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """Help whose examples stay as they are typed."""


class ConfigParser(LightningArgumentParser):
    """Lightning's parser, which reads a config as UTF-8 whatever the locale is."""

    def parse_path(self, path: Any, *arguments: Any, **kwargs: Any) -> Any:
        return self.parse_string(Path(path).read_text("utf-8"), path, *arguments, **kwargs)


class Command(LightningCLI):
    """LightningCLI, less what would be accepted here and ignored."""

    result: Path

    def __init__(self, arguments: list[str], stop: Stop) -> None:
        self.stop = stop
        named = f"--config takes a file or a name: {', '.join(sorted(configs()))}\n\n"
        common = {"exit_on_error": False, "epilog": named + examples_text("train", EXAMPLES), "formatter_class": Help}
        description = "Train a network by either implementation, and look at what it learned."
        with ExitStack() as self.until_done:
            super().__init__(
                Training,
                Data,
                trainer_class=TRAINER,
                args=[*with_config_files(arguments)],
                auto_configure_optimizers=False,
                load_from_checkpoint_support=False,
                save_config_callback=None,
                parser_class=ConfigParser,
                parser_kwargs={
                    **common,
                    "prog": program("train"),
                    "description": description,
                    **{name: {**common, "description": does} for name, does in ABOUT.items()},
                },
            )

    def _add_subcommands(self, parser: LightningArgumentParser, **kwargs: Any) -> None:
        super()._add_subcommands(parser, **kwargs)
        added: Any = parser._subcommands_action
        for choice in added._choices_actions:
            choice.help = ABOUT[choice.dest]

    @staticmethod
    def subcommands() -> dict[str, set[str]]:
        decided = {"ckpt_path", "weights_only", "verbose", "return_predictions"}
        return {name: skip | decided for name, skip in LightningCLI.subcommands().items()}

    def add_default_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        parser.add_argument(
            "--name", type=str, required=True, help="The run's name: OUT/NAME/IMPLEMENTATION/version_N."
        )
        parser.add_argument("--out", type=str, default="runs", help="The folder of all runs.")
        parser.add_argument(
            "--ckpt_path", type=str | None, default=None, help="A checkpoint, or last: the latest run's."
        )

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        parser.link_arguments("model.dtype", "data.dtype")
        parser.link_arguments("data.classes", "model.classes", apply_on="instantiate")

    def parse_arguments(self, parser: LightningArgumentParser, args: Any) -> None:
        try:
            super().parse_arguments(parser, args)
        except ArgumentError as error:
            raise InputError(self._clearer(" ".join(str(error).split()))) from None
        command, config = self.config.subcommand, self.config[self.config.subcommand]
        if command != "fit" and config.ckpt_path is None:
            raise InputError(f"{command}: expected --ckpt_path, a file or last")
        if config.trainer.accelerator == "gpu" and config.model.implementation == "manual":
            raise InputError("trainer.accelerator gpu: model.implementation manual is NumPy, and runs on the CPU alone")
        if config.model.implementation == "manual":
            for option, one in (("devices", 1), ("num_nodes", 1), ("strategy", "auto")):
                if config.trainer[option] != one:
                    raise InputError(
                        f"trainer.{option} {config.trainer[option]}: model.implementation manual is one process on one "
                        f"machine, by design; expected {one}"
                    )
        if not re.fullmatch(r"\w[\w.-]*", config.name):
            raise InputError(
                f"--name: expected letters, digits, '_', '-' and '.', no '-' or '.' first, got {config.name!r}"
            )
        if not config.out:
            raise InputError("--out: expected a folder, got ''")
        self.runs = Path(config.out, config.name, config.model.implementation)
        self.saved = {}
        if config.ckpt_path == "last" and command == "fit":
            config.ckpt_path = run_folder.begun_from(self.runs, self._as_yaml(config))
        if config.ckpt_path == "last":
            self.result, self.saved = latest(self.runs)
            config.ckpt_path = str(self.result)
        elif config.ckpt_path is not None:
            self.result = Path(config.ckpt_path)
            self.saved = checkpoint.read(self.result)

    def _clearer(self, message: str) -> str:
        """An error of the parser; if it is about a name that is not known, with the nearest that is."""
        options = [option for parser in self._subcommand_parsers.values() for option in parser._option_string_actions]
        if found := re.match(r"unrecognized arguments: (--?[^ =]+)", message):
            return f"there is no option {found[1]!r}{nearest(found[1], options)}"
        if found := re.match(r"Subcommand '\w+' does not accept option '(.+)'", message):
            known = [option.removeprefix("--") for option in options]
            return f"the config has no {found[1]!r}{nearest(found[1], known)}"
        if found := re.match(r'Parser key "(.+?)": Expected a typing.Literal\[(.+)\]\. Got value: (.*)', message):
            key, known, given = found.groups()
            return f"{key}: {expected_one_of(re.findall(QUOTED, known), given)}"
        if found := re.match(UNION, message):
            key, kinds, given = found.groups()
            kinds = re.sub(NONE, "", kinds)  # first or last, by jsonargparse's version
            kinds = re.sub(r"list\[typing.Literal\[(.+)\]\]", r"a list of \1", kinds)
            kinds = re.sub(CLASS, r"\1", kinds)
            return f"{key}: expected {kinds}, got {given}"
        if found := re.match(r"argument subcommand: invalid choice: '(.*)' \(choose from (.+)\)", message):
            given, known = found.groups()
            return expected_one_of(re.findall(QUOTED, known), given)
        return message

    def _parse_ckpt_path(self) -> None:
        """No checkpoint changes the config: it is what was typed."""

    def _set_seed(self) -> None:
        """Nothing here draws from a global generator."""

    def instantiate_trainer(self, **_: Any) -> L.Trainer:
        return trainer(**self.config_init[self.config.subcommand].trainer)

    def after_instantiate_classes(self) -> None:
        try:
            self.model.check(*self.datamodule.train)
        except InputError as error:
            if size := self.datamodule.settings.get("size"):
                raise InputError(f"the network does not fit pictures of data.size {size}: {error}") from None
            raise
        if self.saved:
            with checkpoint.restoring(self.result):
                self._check(self.saved)
                if self.subcommand == "fit":
                    self._check_rest(self.saved)
                else:
                    self.model.load_state_dict(self.saved["state_dict"])
        if self.datamodule.left_out and self.trainer.is_global_zero:
            read = sum(
                len(part.x) for part in (self.datamodule.train, self.datamodule.validation, self.datamodule.test)
            )
            print(account(self.datamodule.left_out, read), file=sys.stderr)
        self.until_done.enter_context(processes.connected(self.trainer))
        processes.start(self.trainer)

    def _check(self, saved: dict[str, Any]) -> None:
        """Raise an error where a checkpoint is not of this network and data, or cannot be restored; the run's own
        model is left as it is. A run goes on as it began: anything else would pass for it and be another.
        """
        then, data = saved["config"], self.datamodule.settings
        checkpoint.same(then["data"].get("classes"), data.get("classes"), "data.classes")
        checkpoint.same(then["model"]["network"], self.model.settings["network"], "model.network")
        for key in ("implementation", "dtype", "loss", "optimizer", "penalty") if self.subcommand == "fit" else ():
            checkpoint.same(then["model"][key], self.model.settings[key], f"model.{key}")
        for key in data if self.subcommand == "fit" else ("scale",):
            checkpoint.same(then["data"].get(key), data.get(key), f"data.{key}")
        restored(saved)

    def _check_rest(self, saved: dict[str, Any]) -> None:
        """Raise InputError where a checkpoint leaves nothing to train."""
        step, steps = saved["global_step"], (self.trainer.max_epochs or 0) * len(self.datamodule.order)
        if step >= steps or 0 <= self.trainer.max_steps <= step or saved["moved"] < self.model.settings["threshold"]:
            raise InputError(f"nothing is left to train: the checkpoint is of step {step}")

    def fit(self, **both: Any) -> None:
        """Train, and test what came of it. `both` are model and datamodule."""
        first = self.trainer.is_global_zero
        begun: Any = self._begun() if first else None
        self.result, start, logged = self.trainer.strategy.broadcast(begun)
        log = CSVLog(self.result, self.model.columns, logged) if first else None
        if log:
            self.trainer.logger = log
            self.until_done.callback(log.close)
        saving = Saving(self.result / CHECKPOINTS, log, self.stop)
        self.trainer.callbacks.append(saving)  # pyright: ignore[reportAttributeAccessIssue]
        try:
            with processes.connected(self.trainer):
                self.trainer.fit(**both, ckpt_path=start, weights_only=True)
                self.trainer.test(**both, verbose=False)
            if first:
                model_file.save(self.result / MODEL, self._trained())
        except (OSError, Stopped) as error:
            left = saving.saved and self.result.exists()
            error.add_note(f"the same command {f'goes on from step {saving.saved}' if left else 'starts anew'}")
            raise

    def _begun(self) -> tuple[Path, Path | None, int]:
        """The run's folder, the checkpoint that it starts from, and how much of its log comes before that."""
        config = self._as_yaml(self.config.fit)
        if found := run_folder.cut_off(self.runs, config):
            run, lock = found
            self.until_done.callback(lock.release)
            if left := self._left(run):
                return run, *left
        run, lock = run_folder.new(self.runs, config)
        self.until_done.callback(lock.release)
        return run, self.result if self.saved else None, 0

    def _left(self, run: Path) -> tuple[Path | None, int] | None:
        """Where a run that was cut off goes on: its last checkpoint, and how much of its log comes before that. If it
        has none, it begins as it began; if it has some, and none can be used, it is left as it is.
        """

        def check(saved: dict[str, Any]) -> None:
            self._check(saved)
            rows, step, size = run / METRICS, saved["global_step"], saved["log"]
            logged = rows.read_bytes()[:size] if rows.exists() else b""
            if len(logged) < size:
                raise InputError(f"{rows} lacks rows that the checkpoint of step {step} counts on")
            *_, row, end = [b"", *logged.split(b"\n")]
            if end or row.split(b",")[1:2] != [b"%d" % (step - 1)]:
                raise InputError(f"the first {size} bytes of {rows} do not end with a row of step {step - 1}")

        try:
            own = checkpoint.newest(run / CHECKPOINTS, check)
        except InputError as error:
            print(printable(f"{error}; a new run begins, {run} stays as it is"), file=sys.stderr)
            return None
        start, saved = own or (self.result if self.saved else None, self.saved | {"log": 0})
        if own:
            checkpoint.set_aside(own[0])
        (run / CHECKPOINTS).mkdir(exist_ok=True)
        print(printable(f"going on with {run} from step {saved.get('global_step', 0)}"), file=sys.stderr)
        return start, saved["log"]

    def _as_yaml(self, config: Any) -> str:
        return self._parser(self.config.subcommand).dump(config, skip_none=False)

    def _trained(self) -> Model:
        settings, data = self.model.settings, self.datamodule
        return Model(
            self.model.network, settings["network"], settings["dtype"], data.train.x.shape[1:], data.classes, data.scale
        )

    def validate(self, **both: Any) -> None:
        self.trainer.validate(**both, verbose=False)
        self._show()

    def test(self, **both: Any) -> None:
        self.trainer.test(**both, verbose=False)
        self._show()

    def _show(self) -> None:
        if self.trainer.is_global_zero:
            for name, value in self.trainer.callback_metrics.items():
                print(name, value.item())

    def predict(self, **both: Any) -> None:
        """Print each test example's target and prediction, as CSV."""
        found = self.trainer.predict(**both) or []
        if not self.trainer.is_global_zero:
            return
        rows = csv.writer(sys.stdout, lineterminator="\n")
        rows.writerow(["example", "target", "prediction"])
        for predictions, targets in found:
            for i, (prediction, target) in enumerate(zip(predictions.tolist(), targets.tolist(), strict=True)):
                rows.writerow([i, target, prediction])


def with_config_files(arguments: list[str]) -> Iterator[str]:
    """The arguments, with the file for the name of a config.

    Raises:
        InputError: there is no such file, and no such name.
    """
    option = ""
    for argument in arguments:
        if argument.startswith("--config="):
            yield f"--config={config_file(argument.removeprefix('--config='))}"
        else:
            yield str(config_file(argument)) if option in ("-c", "--config") else argument
        option = argument


def config_file(given: str) -> Path:
    """The config of that path or name."""
    path = Path(given)
    if given in configs() and not path.is_file():
        return configs()[given]
    if not path.exists():
        raise InputError(f"there is no config {given}{nearest(given, configs()) or nearest_file(path)}")
    return plain_yaml(path)


def configs() -> dict[str, Path]:
    """The configs that are part of this package, by name."""
    return {path.stem: path for path in CONFIGS.glob("*.yaml")}


def latest(runs: Path) -> tuple[Path, dict[str, Any]]:
    """The checkpoint of the latest run that left one, and what it says.

    Raises:
        InputError: there is none, or it cannot be restored.
    """
    for run in run_folder.versions(runs):
        if left := checkpoint.newest(run / CHECKPOINTS, restored):
            return left
    raise InputError(f"--ckpt_path last: no run in {runs} has left a checkpoint")


@contextmanager
def quiet() -> Iterator[None]:
    """Without Lightning's advice. NumPy's warnings of overflow are left out too: training watches its cost."""
    loggers = [logging.getLogger(f"lightning.{name}") for name in ("pytorch", "fabric")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.WARNING)
    try:
        with warnings.catch_warnings(), np.errstate(over="ignore", invalid="ignore"):
            for message in NOISE:
                warnings.filterwarnings("ignore", message)
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def run(arguments: list[str]) -> Path:
    """Run the command line's arguments; what is wrong is raised.

    Returns:
        The run's folder for `fit`, the checkpoint for the other commands.
    """
    with quiet(), Stop() as stop:
        return Command(arguments, stop).result


def load(path: Path) -> Training:
    """What a run trained; its `.network` is the manual network with the trained weights, whichever implementation it
    was.

    Raises:
        InputError: the checkpoint is missing, or cannot be read.
    """
    saved = checkpoint.read(path)
    with checkpoint.restoring(path):
        return restored(saved)


def restored(saved: dict[str, Any]) -> Training:
    """A model of the config in the checkpoint, with its weights, and whose optimizer takes what is in it."""
    training = Training(**saved["config"]["model"])
    training.load_state_dict(saved["state_dict"])
    optimizer = training.configure_optimizers()
    optimizer.load_state_dict(optimizer.state_dict() | {"state": saved["optimizer"]})
    return training


@command
def main() -> None:
    """Run the command; a known error is one line and exit 2."""
    try:
        result = run(sys.argv[1:])
    except BrokenPipeError:
        raise
    except (*ERRORS, Stopped) as error:
        if not processes.first() and isinstance(error, (Diverged, Stopped)):
            return  # every process raises it, and the first says so
        message = "; ".join([shortened(" ".join(str(error).split())), *getattr(error, "__notes__", ())])
        print(f"{program('train')}: {printable(message)}", file=sys.stderr)
        sys.exit(error.code if isinstance(error, Stopped) else 2)
    if result.is_dir() and processes.first():
        print(result / MODEL)
