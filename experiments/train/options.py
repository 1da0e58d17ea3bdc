"""What is typed: the parser, the configs by name, clearer errors, and what cannot go together. No Lightning is needed
to say no."""

import argparse
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from jsonargparse import ArgumentError, ArgumentParser, DefaultHelpFormatter, Namespace

from experiments.data.settings import DataSettings
from experiments.shared.command import examples_text, expected_one_of, nearest, nearest_file, program
from experiments.shared.untrusted_files import plain_yaml
from experiments.train.settings import ModelSettings, TrainerSettings
from manual import InputError

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
SECTIONS = {"trainer": TrainerSettings, "model": ModelSettings, "data": DataSettings}


@dataclass
class Options:
    """What a run is to do.

    Attributes:
        subcommand: fit, validate, test or predict.
        runs: the folder of the runs of that name and implementation.
        config: all that was typed or is a default, as a config file has it.
    """

    subcommand: str
    runs: Path
    trainer: TrainerSettings
    model: ModelSettings
    data: DataSettings
    config: dict[str, Any]

    @property
    def ckpt_path(self) -> str | None:
        """A checkpoint's file, or last."""
        return self.config["ckpt_path"]

    @ckpt_path.setter
    def ckpt_path(self, path: str) -> None:
        self.config["ckpt_path"] = path

    def as_yaml(self) -> str:
        """The config file that does the same again."""
        return yaml.safe_dump(self.config, sort_keys=False, allow_unicode=True)


class Help(DefaultHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """Help whose examples stay as they are typed."""


class ConfigParser(ArgumentParser):
    """A parser of options and config files, which it reads as UTF-8 whatever the locale is."""

    def __init__(self, **about: Any) -> None:
        named = f"--config takes a file or a name: {', '.join(sorted(configs()))}\n\n"
        epilog = named + examples_text("train", EXAMPLES)
        super().__init__(exit_on_error=False, formatter_class=Help, epilog=epilog, **about)
        self.add_argument("-c", "--config", action="config", help="A file, or the name of one.")

    def parse_path(self, path: Any, *arguments: Any, **kwargs: Any) -> Any:
        return self.parse_string(Path(path).read_text("utf-8"), path, *arguments, **kwargs)


def read(arguments: list[str]) -> Options:
    """What was typed, with the config files that it names.

    Raises:
        InputError: a word that is not known, a value that cannot be, no such file, or what cannot go together.
    """
    parser = ConfigParser(
        prog=program("train"), description="Train a network by either implementation, and look at what it learned."
    )
    added, parsers = parser.add_subcommands(), {name: _subcommand_parser(about) for name, about in ABOUT.items()}
    for name, each in parsers.items():
        added.add_subcommand(name, each, help=ABOUT[name])
    try:
        typed = parser.parse_args([*with_config_files(arguments)])
    except ArgumentError as error:
        known = [option for each in parsers.values() for option in each._option_string_actions]
        raise InputError(_clearer(" ".join(str(error).split()), known)) from None
    return _options(typed.subcommand, typed[typed.subcommand])


def _subcommand_parser(about: str) -> ConfigParser:
    parser = ConfigParser(description=about)
    parser.add_argument("--name", type=str, required=True, help="The run's name: OUT/NAME/IMPLEMENTATION/version_N.")
    parser.add_argument("--out", type=str, default="runs", help="The folder of all runs.")
    parser.add_argument("--ckpt_path", type=str | None, default=None, help="A checkpoint, or last: the latest run's.")
    for section, settings in SECTIONS.items():
        parser.add_class_arguments(settings, section, sub_configs=True)
    return parser


def _options(subcommand: str, typed: Namespace) -> Options:
    """Raise InputError where what was typed cannot go together; else the options."""
    sections = {name: settings(**typed[name].as_dict()) for name, settings in SECTIONS.items()}
    implementation, trainer = sections["model"].implementation, sections["trainer"]
    if subcommand != "fit" and typed.ckpt_path is None:
        raise InputError(f"{subcommand}: expected --ckpt_path, a file or last")
    if implementation == "manual":
        _check_one_process(trainer)
    if not re.fullmatch(r"\w[\w.-]*", typed.name):
        raise InputError(f"--name: expected letters, digits, '_', '-' and '.', no '-' or '.' first, got {typed.name!r}")
    if not typed.out:
        raise InputError("--out: expected a folder, got ''")
    config = {name: typed[name] for name in ("name", "out", "ckpt_path")}
    config |= {name: vars(settings) for name, settings in sections.items()}
    return Options(subcommand, Path(typed.out, typed.name, implementation), config=config, **sections)


def _check_one_process(trainer: TrainerSettings) -> None:
    if trainer.accelerator == "gpu":
        raise InputError("trainer.accelerator gpu: model.implementation manual is NumPy, and runs on the CPU alone")
    for option, one in (("devices", 1), ("num_nodes", 1), ("strategy", "auto")):
        if getattr(trainer, option) != one:
            raise InputError(
                f"trainer.{option} {getattr(trainer, option)}: model.implementation manual is one process on one "
                f"machine, by design; expected {one}"
            )


def _clearer(message: str, options: Iterable[str]) -> str:
    """An error of the parser; if it is about a name that is not known, with the nearest that is."""
    if found := re.match(r"unrecognized arguments: (--?[^ =]+)", message):
        return f"there is no option {found[1]!r}{nearest(found[1], options)}"
    if found := re.match(r"Subcommand '\w+' does not accept option '(.+)'", message):
        return f"the config has no {found[1]!r}{nearest(found[1], [option.removeprefix('--') for option in options])}"
    if found := re.match(r'Parser key "(.+?)": Expected a typing.Literal\[(.+)\]\. Got value: (.*)', message):
        key, known, got = found.groups()
        return f"{key}: {expected_one_of(re.findall(QUOTED, known), got)}"
    if found := re.match(UNION, message):
        key, types, got = found.groups()
        types = re.sub(NONE, "", types)  # first or last, by jsonargparse's version
        types = re.sub(r"list\[typing.Literal\[(.+)\]\]", r"a list of \1", types)
        types = re.sub(CLASS, r"\1", types)
        return f"{key}: expected {types}, got {got}"
    if found := re.match(r"argument subcommand: invalid choice: '(.*)' \(choose from (.+)\)", message):
        got, known = found.groups()
        return expected_one_of(re.findall(QUOTED, known), got)
    return message


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


def config_file(typed: str) -> Path:
    """The config of that path or name."""
    path = Path(typed)
    if typed in configs() and not path.is_file():
        return configs()[typed]
    if not path.exists():
        raise InputError(f"there is no config {typed}{nearest(typed, configs()) or nearest_file(path)}")
    return plain_yaml(path)


def configs() -> dict[str, Path]:
    """The configs that are part of this package, by name."""
    return {path.stem: path for path in CONFIGS.glob("*.yaml")}
