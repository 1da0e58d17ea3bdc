"""What is typed: the parser, configs by name, clear errors, what cannot go together. To refuse takes no Lightning."""

import argparse
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any, Literal

import yaml
from jsonargparse import ArgumentError, ArgumentParser, DefaultHelpFormatter, Namespace, set_loader

from experiments.data.settings import DataSettings
from experiments.shared.command import examples_text, expected_one_of, nearest, nearest_file, program
from experiments.shared.printable import one_line, printable
from experiments.shared.spec import build
from experiments.shared.untrusted_files import Dumper
from experiments.train.layering import NAMED, Layers
from experiments.train.settings import CLASSES, ModelSettings, TrainerSettings
from manual import InputError

CONFIGS = Path(__file__).parent / "configs"
QUOTED, CLASS = "'([^']*)'", "<class '([^']*)'>"
NONE = "<class 'NoneType'>, |, <class 'NoneType'>"
REQUIRED = "the following arguments are required: "
UNION = (
    r'Parser key "(.+?)": Does not validate against any of the Union subtypes '
    r"Subtypes: \[(.+)\] Errors.*Given value: (.*)"
)
ABOUT = {
    "fit": "Train a network, and test it.",
    "validate": "Print a checkpoint's cost and accuracy on the validation part.",
    "test": "Print a checkpoint's cost and accuracy on the test part.",
    "predict": "Print each test example's target and a checkpoint's prediction, as CSV.",
}
EXAMPLES = (
    "fit --config digits",
    "fit --config digits --model.implementation torch --model.seed 1",
    "test --config digits --ckpt_path last",
)
set_loader("typed", lambda text: text)  # what is YAML has been read
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
        return yaml.dump(self.config, Dumper=Dumper, sort_keys=False, allow_unicode=True)


class Help(DefaultHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """Help whose examples stay as they are typed."""


def parser(about: str) -> ArgumentParser:
    """What says of each key of a config what it may be, and shows it as help."""
    named = f"--config takes a file or a name: {', '.join(sorted(configs()))}\n\n"
    epilog = named + examples_text("train", EXAMPLES)
    made = ArgumentParser(
        prog=program("train"), description=about, epilog=epilog, exit_on_error=False, formatter_class=Help,
        parser_mode="typed",
    )  # fmt: skip
    made.add_argument(
        "-c", "--config", type=str | None, help="A config file, or the name of one; the last setting wins."
    )
    made.add_argument("--name", type=str, required=True, help="The run's name: OUT/NAME/IMPLEMENTATION/version_N.")
    made.add_argument("--out", type=str, default="runs", help="The folder of all runs.")
    made.add_argument(
        "--ckpt_path", type=str | None, default=None, help="A checkpoint file, or last: the latest run's."
    )
    for section, settings in SECTIONS.items():
        made.add_class_arguments(settings, section)
    return made


@cache
def _made_once(about: str) -> ArgumentParser:
    """The same, which takes a quarter of a short run to make: what trains often, as the report does, waits once."""
    return parser(about)


def read(arguments: list[str]) -> Options:
    """What was typed, with the config files and the environment variables.

    Raises:
        InputError: a word that is not known, a value that cannot be, no such file, or what cannot go together.
        SystemExit: with --help, the help of a class or --print_config, which is shown.
    """
    subcommand, *rest = arguments or [""]
    if subcommand in ("-h", "--help", ""):
        print(_overview())
        raise SystemExit(0 if subcommand else 2)
    if subcommand not in ABOUT:
        raise InputError(expected_one_of(ABOUT, subcommand))
    if {"-h", "--help"} & {*rest}:
        each = parser(ABOUT[subcommand])
        each.prog += f" {subcommand}"
        print(each.format_help(), end="")  # argparse would not say that it cannot be written
        raise SystemExit(0)
    for option, name in _pairs(rest):
        if (key := option.removeprefix("--").removesuffix(".help")) in NAMED and option.endswith(".help"):
            from experiments.train.classes import class_help

            print(class_help(key, name))
            raise SystemExit(0)
    each = _made_once(ABOUT[subcommand])
    layers = _layers(subcommand, rest, each)
    try:
        typed = each.parse_object(layers.config, env=False)
    except ArgumentError as error:
        raise InputError(_unsaid(subcommand, clearer(one_line(error)))) from None
    options = _options(subcommand, typed)
    for note in dict.fromkeys(layers.notes):
        print(printable(note), file=sys.stderr)
    if "--print_config" in rest:
        print(options.as_yaml(), end="")
        raise SystemExit(0)
    return options


def _overview() -> str:
    lines = [f"usage: {program('train')} {{{','.join(ABOUT)}}} [options]", ""]
    lines += ["Train a network by either implementation, and look at what it learned.", ""]
    lines += [f"  {name:10}{about}" for name, about in ABOUT.items()]
    return "\n".join([*lines, "", "fit --help, and so on, lists the options.", "", examples_text("train", EXAMPLES)])


def _layers(subcommand: str, words: list[str], each: ArgumentParser) -> Layers:
    """The environment's variables, PL_FIT__MODEL__SEED and the like, and over them what was typed, in its order."""
    types = {action.dest: getattr(action, "_typehint", None) for action in each._actions}
    layers = Layers({key: types[key] for key in types if key not in ("help", "config", "print_config", *SECTIONS)})
    prefix = f"PL_{subcommand.upper()}__"
    for name in sorted(os.environ):
        if name.startswith(prefix):
            key = name.removeprefix(prefix).lower().replace("__", ".")
            _lay(layers, name, key, os.environ[name])
    for option, value in _pairs(words):
        _lay(layers, option, "config" if option == "-c" else option.removeprefix("--"), value)
    return layers


def _pairs(words: list[str]) -> Iterator[tuple[str, str]]:
    """What was typed, as options and their values."""
    waiting = iter(words)
    for word in waiting:
        option, separator, value = word.partition("=")
        if not option.startswith("-"):
            raise InputError(f"expected an option, as --model.seed, got {word!r}")
        if option == "--print_config":
            if separator:
                raise InputError(f"{word}: expected --print_config alone, which prints all of it")
            continue
        if not separator and (value := next(waiting, None)) is None:
            raise InputError(f"{option}: expected a value, got none")
        yield option, str(value)


def _lay(layers: Layers, where: str, key: str, value: str) -> None:
    if key == "config":
        layers.add_file(config_file(value))
    else:
        layers.add_option(where, key, value)


def _options(subcommand: str, typed: Namespace) -> Options:
    """Raise InputError where what was typed cannot go together; else the options."""
    sections = {name: settings(**typed[name].as_dict()) for name, settings in SECTIONS.items()}
    for name, section in sections.items():
        _check_said(name, section)
    implementation, trainer = sections["model"].implementation, sections["trainer"]
    if subcommand != "fit" and typed.ckpt_path is None:
        raise InputError(f"{subcommand}: expected --ckpt_path, a file or last")
    _check_named(sections["model"])
    if trainer.accelerator == "auto":
        trainer.accelerator = _hardware(implementation)
    if trainer.precision:
        _make_mixed(sections["model"], trainer.precision, trainer.accelerator)
    if implementation == "manual":
        _check_one_process(trainer)
    if not re.fullmatch(r"\w[\w.-]*", typed.name):
        raise InputError(f"--name: expected letters, digits, '_', '-' and '.', no '-' or '.' first, got {typed.name!r}")
    if not typed.out:
        raise InputError("--out: expected a folder, got ''")
    config = {name: typed[name] for name in ("name", "out", "ckpt_path")}
    config |= {name: vars(settings) for name, settings in sections.items()}
    return Options(subcommand, Path(typed.out, typed.name, implementation), config=config, **sections)


def _check_said(name: str, section: Any) -> None:
    """Raise InputError where null is said of what cannot be left out: the parser lets it through."""
    for field in (f for f in fields(section) if getattr(section, f.name) is None and f.default is not None):
        raise InputError(f"{name}.{field.name}: expected a value, got null")


def _hardware(implementation: str) -> Literal["cpu", "gpu"]:
    from torch import cuda  # for which nothing else here need wait

    return "gpu" if implementation == "torch" and cuda.is_available() else "cpu"


def _make_mixed(model: ModelSettings, precision: str, accelerator: str) -> None:
    if model.implementation == "manual":
        raise InputError(
            f"trainer.precision {precision}: model.implementation manual is NumPy, which has neither bfloat16 nor "
            "autocast; expected torch"
        )
    if precision == "16-mixed" and accelerator == "cpu":
        raise InputError("trainer.precision 16-mixed: a GPU is needed for it; on the CPU there is bf16-mixed")
    if model.dtype == "float64":
        from experiments.train.processes.connection import first

        model.dtype = "float32"
        if first():
            print(f"trainer.precision {precision}: the weights stay in float32", file=sys.stderr)


def _check_named(model: ModelSettings) -> None:
    for name, base in CLASSES.items():
        if (spec := getattr(model, name)) is not None:
            build(base, spec)


def _check_one_process(trainer: TrainerSettings) -> None:
    if trainer.accelerator == "gpu":
        raise InputError("trainer.accelerator gpu: model.implementation manual is NumPy, and runs on the CPU alone")
    for option, one in (("devices", 1), ("num_nodes", 1), ("strategy", "auto")):
        if getattr(trainer, option) not in (one, "auto"):
            raise InputError(
                f"trainer.{option} {getattr(trainer, option)}: model.implementation manual is one process on one "
                f"machine, by design; expected {one}"
            )


def _unsaid(subcommand: str, message: str) -> str:
    """The error about settings that nothing names, with where they may be named."""
    if not message.startswith(REQUIRED):
        return message
    by = f"by --config (a file, or one of {', '.join(sorted(configs()))}) or as options"
    return f"{subcommand}: expected {message.removeprefix(REQUIRED)}; set them {by}"


def clearer(message: str) -> str:
    """An error of the parser, without the words for a Python programmer."""
    if found := re.match(r'Parser key "(.+?)": Expected a typing.Literal\[(.+)\]\. Got value: (.*)', message):
        key, known, got = found.groups()
        return f"{key}: {expected_one_of(re.findall(QUOTED, known), got)}"
    if found := re.match(r'Parser key "(.+?)": Expected a <class \'(\w+)\'>\. Got value: (.*)', message):
        key, wanted, got = found.groups()
        return f"{key}: expected {wanted}, got {got}"
    if found := re.match(UNION, message):
        key, types, got = found.groups()
        types = re.sub(NONE, "", types)  # first or last, by jsonargparse's version
        types = re.sub(r"list\[typing.Literal\[(.+)\]\]", r"a list of \1", types)
        types = re.sub(r"typing.Literal\[(.+)\]", r"one of \1", types)
        types = re.sub(CLASS, r"\1", types)
        return f"{key}: expected {types}, got {got}"
    return message


def config_file(typed: str) -> Path:
    """The config of that path or name."""
    path = Path(typed)
    if typed in configs() and not path.is_file():
        return configs()[typed]
    if not path.exists():
        raise InputError(f"there is no config {typed}{nearest(typed, configs()) or nearest_file(path)}")
    return path


def configs() -> dict[str, Path]:
    """The configs that are part of this package, by name."""
    return {path.stem: path for path in CONFIGS.glob("*.yaml")}
