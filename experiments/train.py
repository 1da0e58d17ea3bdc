"""Train a network by either implementation, and look at what it learned.

    python -m experiments.train fit --config digits --model.implementation torch
    python -m experiments.train test --config digits --ckpt_path last

`--config` takes a file, or the name of one in experiments/configs/.
A run's folder, OUT/NAME/IMPLEMENTATION/version_N, holds metrics.csv, config.yaml, checkpoints/ and, when all is trained,
model.safetensors, whose path is the last line of `fit`. What is needed to use the network is in that one file.
`--ckpt_path` takes a file, or `last`: what the latest run of this config left. `fit` goes on from it.
"""

import argparse
import csv
import logging
import re
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import lightning as L
import numpy as np
import torch
from jsonargparse import ArgumentError, DefaultHelpFormatter
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI

from experiments.command import examples_text, expected_one_of, nearest, nearest_file, program
from experiments.data import Data
from experiments.data.images import account
from experiments.training import checkpoint, model_file
from experiments.training.log import CSVLog
from experiments.training.model_file import Model
from experiments.training.module import Training
from manual import Diverged, InputError
from manual.checks import whole
from torch_ref import NoTwin

CONFIGS = Path(__file__).parent / "configs"
QUOTED = "'([^']*)'"
ABOUT = {
    "fit": "Train, and test what came of it.",
    "validate": "Print a checkpoint's cost and accuracy on the validation part.",
    "test": "Print a checkpoint's cost and accuracy on the test part.",
    "predict": "Print each test example's target and a checkpoint's prediction, as CSV.",
}
EXAMPLES = (
    "fit --config digits", "fit --config digits --model.implementation torch --model.seed 1",
    "test --config digits --ckpt_path last",
)
MODEL = "model.safetensors"
ERRORS = (InputError, Diverged, NoTwin, ArgumentError, OSError)
"""What is said in one line."""

NOISE = (
    "LightningCLI's args parameter",  # its arguments are always given
    r"`isinstance\(treespec, LeafSpec\)` is deprecated",  # Lightning's own use of torch
    "The '.*_dataloader' does not have many workers",  # the data are in memory
    "The dirpath has changed from",  # a run that goes on has a folder of its own
    r"\s*(By default only one Jsonargparse|.* was deprecated in v4)",  # Lightning's own use of jsonargparse
)


def trainer(
    max_epochs: int,
    max_steps: int = -1,
    accelerator: Literal["cpu", "gpu"] = "cpu",
    enable_progress_bar: bool = True,
) -> L.Trainer:
    """Lightning's trainer, with what this project varies.

    Args:
        max_epochs: passes over the training part, 1 or more; with model.threshold, at most so many.
        max_steps: training steps at most, 1 or more; -1 is no limit.
        accelerator: cpu, or, with the torch implementation, gpu.
        enable_progress_bar: show a progress bar, on a terminal.
    """
    whole("trainer", "max_epochs", max_epochs, 1)
    if max_steps != -1:
        whole("trainer", "max_steps", max_steps, 1)
    if accelerator == "gpu" and not torch.cuda.is_available():
        raise InputError("trainer.accelerator gpu: torch sees no GPU on this machine")
    last = ModelCheckpoint(filename="last", enable_version_counter=False, save_on_train_epoch_end=True)
    return L.Trainer(
        max_epochs=max_epochs, max_steps=max_steps, accelerator=accelerator, devices=1, logger=False,
        callbacks=[last],
        log_every_n_steps=1, plugins=[checkpoint.WholeCheckpoints()], num_sanity_val_steps=0, enable_model_summary=False,
        enable_progress_bar=enable_progress_bar and sys.stdout.isatty(),
    )


class Help(DefaultHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """Help whose examples stay as they are typed."""


class Command(LightningCLI):
    """LightningCLI, less what would be accepted here and ignored."""

    result: Path

    def __init__(self, arguments: list[str]) -> None:
        named = f"--config takes a file or a name: {', '.join(sorted(configs()))}\n\n"
        common = {"exit_on_error": False, "epilog": named + examples_text("train", EXAMPLES), "formatter_class": Help}
        description = "Train a network by either implementation, and look at what it learned."
        super().__init__(
            Training, Data, trainer_class=trainer, args=[*with_config_files(arguments)], auto_configure_optimizers=False,
            load_from_checkpoint_support=False, save_config_callback=None,
            parser_kwargs={
                **common, "prog": program("train"), "description": description,
                **{name: {**common, "description": does} for name, does in ABOUT.items()},
            },
        )

    def _add_subcommands(self, parser: LightningArgumentParser, **kwargs: Any) -> None:
        super()._add_subcommands(parser, **kwargs)
        assert parser._subcommands_action is not None
        for choice in parser._subcommands_action._choices_actions:
            choice.help = ABOUT[choice.dest]

    @staticmethod
    def subcommands() -> dict[str, set[str]]:
        decided = {"ckpt_path", "weights_only", "verbose", "return_predictions"}
        return {name: skip | decided for name, skip in LightningCLI.subcommands().items()}

    def add_default_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        parser.add_argument("--name", type=str, required=True, help="The run's name: OUT/NAME/IMPLEMENTATION/version_N.")
        parser.add_argument("--out", type=str, default="runs", help="The folder of all runs.")
        parser.add_argument("--ckpt_path", type=str | None, default=None, help="A checkpoint, or last: the latest run's.")

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
        if not re.fullmatch(r"\w[\w.-]*", config.name):
            raise InputError(f"--name: expected letters, digits, '_', '-' and '.', no '-' or '.' first, got {config.name!r}")
        if not config.out:
            raise InputError("--out: expected a folder, got ''")
        self.runs = Path(config.out, config.name, config.model.implementation)
        if config.ckpt_path == "last":
            config.ckpt_path = str(latest(self.runs))
        self.saved = {}
        if config.ckpt_path is not None:
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
        if found := re.match(r"argument subcommand: invalid choice: '(.*)' \(choose from (.+)\)", message):
            given, known = found.groups()
            return expected_one_of(re.findall(QUOTED, known), given)
        return message

    def _set_seed(self) -> None:
        """Nothing here draws from a global generator."""

    def instantiate_trainer(self, **_: Any) -> L.Trainer:
        return trainer(**self.config_init[self.config.subcommand].trainer)

    def after_instantiate_classes(self) -> None:
        self.model.check(*self.datamodule.train)
        if self.saved:
            with checkpoint.restoring(self.result):
                self._restore()
        if self.datamodule.left_out:
            read = sum(len(part.x) for part in (self.datamodule.train, self.datamodule.validation, self.datamodule.test))
            print(account(self.datamodule.left_out, read), file=sys.stderr)

    def _restore(self) -> None:
        """Load what was saved. For `fit` Lightning loads it again; what does not fit is found here, before a folder is made."""
        for key in ("classes", "scale"):
            checkpoint.same(self.saved["config"]["data"].get(key), self.datamodule.settings.get(key), f"data.{key}")
        checkpoint.same(self.saved["config"]["model"]["network"], self.model.settings["network"], "model.network")
        self.model.load_state_dict(self.saved["state_dict"])
        if self.subcommand == "fit":
            self._check_resume()
            [optimizer] = self.saved["optimizer_states"]
            self.model.configure_optimizers().load_state_dict(optimizer)
            self.trainer.fit_loop.load_state_dict(self.saved["loops"]["fit_loop"])

    def fit(self, **both: Any) -> None:
        """Train, and test what came of it. `both` are model and datamodule."""
        start = self.result if self.saved else None
        self.result = new_folder(self.runs)
        self._parser("fit").save(self.config.fit, self.result / "config.yaml", skip_none=False, multifile=False)
        self.trainer.logger = log = CSVLog(self.result, self.model.columns)
        folder = self.result / "checkpoints"
        [last] = self.trainer.checkpoint_callbacks
        last.dirpath = str(folder)  # pyright: ignore[reportAttributeAccessIssue]
        try:
            self.trainer.fit(**both, ckpt_path=start, weights_only=True)
            self.trainer.test(**both, verbose=False)
        except SystemExit:  # what Lightning makes of Ctrl-C
            left = [*folder.glob("last.ckpt")]
            raise KeyboardInterrupt(f"the last checkpoint is {left[0]}" if left else "there is no checkpoint yet") from None
        finally:
            log.close()
        model_file.save(self.result / MODEL, self._trained())

    def _trained(self) -> Model:
        settings, data = self.model.settings, self.datamodule
        return Model(
            self.model.network, settings["network"], settings["dtype"], data.train.x.shape[1:], data.classes, data.scale
        )

    def _check_resume(self) -> None:
        """A run goes on as it began, from the end of an epoch: anything else would pass for it and be another."""
        saved = self.saved["config"]
        for key in ("implementation", "dtype", "loss", "optimizer"):
            checkpoint.same(saved["model"][key], self.model.settings[key], f"model.{key}")
        for key, value in self.datamodule.settings.items():
            checkpoint.same(saved["data"][key], value, f"data.{key}")
        step, epoch = self.saved["global_step"], len(self.datamodule.order)
        if step % epoch:
            raise InputError(f"the checkpoint is of step {step}, within an epoch of {epoch} steps; only one of its end goes on")
        if step >= (self.trainer.max_epochs or 0) * epoch or 0 <= self.trainer.max_steps <= step:
            raise InputError(f"nothing is left to train: the checkpoint is of step {step}, the end of epoch {step // epoch}")

    def validate(self, **both: Any) -> None:
        self.trainer.validate(**both, verbose=False)
        self._show()

    def test(self, **both: Any) -> None:
        self.trainer.test(**both, verbose=False)
        self._show()

    def _show(self) -> None:
        for name, value in self.trainer.callback_metrics.items():
            print(name, value.item())

    def predict(self, **both: Any) -> None:
        """Print each test example's target and prediction, as CSV."""
        rows = csv.writer(sys.stdout, lineterminator="\n")
        rows.writerow(["example", "target", "prediction"])
        for predictions, targets in self.trainer.predict(**both) or []:
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
    if path.exists():
        return path
    if given not in configs():
        raise InputError(f"there is no config {given}{nearest(given, configs()) or nearest_file(path)}")
    return configs()[given]


def configs() -> dict[str, Path]:
    """The configs that are part of this package, by name."""
    return {path.stem: path for path in CONFIGS.glob("*.yaml")}


def new_folder(runs: Path) -> Path:
    """The first `version_N` that is not there yet, made."""
    runs.mkdir(parents=True, exist_ok=True)
    n = 0
    while True:
        try:
            (runs / f"version_{n}").mkdir()
        except FileExistsError:
            n += 1
        else:
            return runs / f"version_{n}"


def latest(runs: Path) -> Path:
    """The checkpoint of the latest run that left one.

    Raises:
        InputError: there is none.
    """
    left = sorted(runs.glob("version_*/checkpoints/last.ckpt"), key=lambda path: int(path.parts[-3].removeprefix("version_")))
    if not left:
        raise InputError(f"--ckpt_path last: no run in {runs} has left a checkpoint")
    return left[-1]


@contextmanager
def quiet() -> Iterator[None]:
    """Without Lightning's advice. NumPy's warnings of overflow are left out too: training watches its cost."""
    logger = logging.getLogger("lightning.pytorch")
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        with warnings.catch_warnings(), np.errstate(over="ignore", invalid="ignore"):
            for message in NOISE:
                warnings.filterwarnings("ignore", message)
            yield
    finally:
        logger.setLevel(level)


def run(arguments: list[str]) -> Path:
    """Run the command line's arguments; what is wrong is raised.

    Returns:
        The new run's folder for `fit`, the checkpoint for the other commands.
    """
    with quiet():
        return Command(arguments).result


def load(path: Path) -> Training:
    """What a run trained; its `.network` is the manual network with the trained weights, whichever implementation it was.

    Raises:
        InputError: the checkpoint is missing, or cannot be read.
    """
    saved = checkpoint.read(path)
    with checkpoint.restoring(path):
        training = Training(**saved["config"]["model"])
        training.load_state_dict(saved["state_dict"])
    return training


def main() -> None:
    """Run the command; a known error is one line and exit 2."""
    try:
        result = run(sys.argv[1:])
    except ERRORS as error:
        print(f"{program('train')}: {' '.join(str(error).split())}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt as stop:
        print(": ".join([program("train"), "interrupted", *stop.args]), file=sys.stderr)
        sys.exit(130)
    if result.is_dir():
        print(result / MODEL)


if __name__ == "__main__":
    main()
