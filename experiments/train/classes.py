"""Lightning's loggers, callbacks and profilers, and one's own, by the name that a config gives; and help on them."""

import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from inspect import getdoc, signature
from pathlib import Path
from traceback import walk_tb
from typing import Any

from jsonargparse import ArgumentError, ArgumentParser
from lightning.pytorch import callbacks, loggers, profilers

from experiments.shared.command import nearest
from experiments.shared.printable import one_line
from experiments.shared.spec import class_of
from experiments.train.layering import check_number
from experiments.train.options import clearer
from experiments.train.settings import CLASSES
from manual import InputError

KINDS = {
    "logger": (loggers, loggers.Logger),
    "callbacks": (callbacks, callbacks.Callback),
    "profiler": (profilers, profilers.Profiler),
}
SHORT = {"simple": "SimpleProfiler", "advanced": "AdvancedProfiler", "pytorch": "PyTorchProfiler"}
EXTRAS = {"TensorBoardLogger": "tensorboard", "WandbLogger": "wandb"}
BEFORE = "a run that goes on would do it again; Lightning's Tuner does it, in a notebook"
WRITES = "what it writes into a checkpoint would be lost; what its state_dict() returns is kept"
NOT_OFFERED = {
    "BackboneFinetuning": "the layers here are trained from the first step",
    "BaseFinetuning": "the layers here are trained from the first step",
    "BasePredictionWriter": "predict prints its predictions",
    "BatchSizeFinder": BEFORE,
    "Checkpoint": "a run saves itself, as last.ckpt and before.ckpt, and resumes from there",
    "EMAWeightAveraging": WRITES,
    "GradientAccumulationScheduler": "a run's place is counted in equal steps; take trainer.accumulate_grad_batches",
    "LambdaCallback": "a config cannot hold a function; name a callback of your own by its dotted path",
    "LearningRateFinder": BEFORE,
    "ModelCheckpoint": "a run saves itself, as last.ckpt and before.ckpt, and resumes from there",
    "ModelPruning": "it gives a layer other parameters than its own",
    "OnExceptionCheckpoint": "a run that fails resumes from its last checkpoint",
    "ProgressBar": "TQDMProgressBar and RichProgressBar are offered",
    "SpikeDetection": "it leaves out batches, and the order of the data is decided by the seed alone",
    "ThroughputMonitor": "a config cannot hold a function, which it needs",
    "WeightAveraging": WRITES,
    "XLAProfiler": "it is for TPUs",
}
"""Classes of Lightning's, and why; nor is what is derived from them, but for these three."""
BASES = ("BasePredictionWriter", "ProgressBar", "ThroughputMonitor")


def known(option: str) -> dict[str, str | None]:
    """The names that Lightning has for the option, and why those that are not offered are not."""
    module, base = KINDS[option]
    found = {name: c for name, c in vars(module).items() if isinstance(c, type) and issubclass(c, base)}
    return {name: NOT_OFFERED.get(name) for name, c in sorted(found.items()) if c is not base}


def class_help(key: str, name: str) -> str:
    """What `--KEY.help NAME` shows: the arguments of a class that the key may name, and what it does.

    Raises:
        InputError: there is none, or it is not offered.
    """
    section, _, option = key.partition(".")
    cls: Any = class_of(CLASSES[option], name) if section == "model" else class_named(option, name)
    lines = [f"{key}: {cls.__name__}", ""]
    for argument in signature(cls).parameters.values():
        default = "" if argument.default is argument.empty else f"={argument.default!r}"
        lines.append(f"  --{key}.{argument.name}{default}")
    return "\n".join([*lines, "", getdoc(cls) or ""])


def made(option: str, said: Any, folder: Path) -> list[Any]:
    """The objects that `trainer.OPTION` names, in their order; what they write goes to the run's folder.

    Raises:
        InputError: a name that is not known, or is of another kind; arguments that it does not take; a package that
            is not installed.
    """
    each = said if isinstance(said, list) else [said] if isinstance(said, Mapping) else []
    return [_made(option, spec["class_path"], dict(spec.get("init_args") or {}), folder) for spec in each]


def _made(option: str, name: str, arguments: dict[str, Any], folder: Path) -> Any:
    where = f"trainer.{option} {name}"
    cls = class_named(option, name)
    takes = signature(cls).parameters
    folders = {"save_dir": str(folder), "dirpath": str(folder)}
    flat = {"name": "", "version": ""} if cls.__name__ == "TensorBoardLogger" else {}
    offline = {"offline": True} if cls.__name__ == "WandbLogger" else {}
    file = {"filename": "profile"} if option == "profiler" else {}
    own = {key: value for key, value in (folders | flat | offline | file).items() if key in takes}
    any_name = any(p.kind is p.VAR_KEYWORD for p in takes.values())
    for argument in arguments:
        if argument not in takes and not any_name:
            raise InputError(f"{where}: there is no argument {argument!r}{nearest(argument, takes)}")
    try:
        _check_types(cls, own | arguments)
        return cls(**(own | arguments))
    except (ArgumentError, InputError) as error:
        raise InputError(f"{where}: {clearer(one_line(error))}") from None
    except ImportError as error:  # Lightning's loggers need packages of their own
        extra = EXTRAS.get(cls.__name__)
        what = f"pip install 'backprop-by-hand[{extra}]'" if extra else one_line(error)
        raise InputError(f"{where}: a package that it needs is not installed; {what}") from None
    except (Exception, SystemExit) as error:  # whatever its constructor does not like
        raise InputError(f"{where}: {type(error).__name__}: {one_line(error)}") from None


def _check_types(cls: Any, arguments: dict[str, Any]) -> None:
    """Raise ArgumentError or InputError where an argument is missing, or not what the class's annotation says."""
    parser = ArgumentParser(exit_on_error=False, parser_mode="typed")
    parser.add_class_arguments(cls, fail_untyped=False)
    known = {action.dest: getattr(action, "_typehint", None) for action in parser._actions}
    given = {name: value for name, value in arguments.items() if name in known}
    for name, value in given.items():
        check_number(name, known[name], value)
    parser.parse_object(given, env=False)


def class_named(option: str, name: str) -> Any:
    """The class that `trainer.OPTION` may be.

    Raises:
        InputError: there is none, or it is not offered.
    """
    module, base = KINDS[option]
    where, name = f"trainer.{option} {name}", SHORT.get(name, name) if option == "profiler" else name
    name = name.removeprefix(f"{module.__name__}.")
    if "." in name:
        found = _imported(where, name)
    else:
        names = [*known(option)]
        if name not in names:
            raise InputError(f"{where}: there is none of that name{nearest(name, names) or f'; there are {names}'}")
        found = getattr(module, name)
    if not (isinstance(found, type) and issubclass(found, base)):
        raise InputError(f"{where}: expected a {base.__name__}, got {found!r}")
    if reason := _refusal(found):
        raise InputError(f"{where}: not offered: {reason}")
    return found


def _refusal(cls: type) -> str | None:
    """Why the class is not offered."""
    theirs = [c.__name__ for c in cls.__mro__ if c.__module__.startswith("lightning.") and c.__name__ in NOT_OFFERED]
    if reasons := [NOT_OFFERED[name] for name in theirs if cls.__name__ == name or name not in BASES]:
        return reasons[0]
    if issubclass(cls, callbacks.Callback) and cls.on_save_checkpoint is not callbacks.Callback.on_save_checkpoint:
        return f"on_save_checkpoint: {WRITES}"
    return None


def _imported(where: str, path: str) -> Any:
    module, _, name = path.rpartition(".")
    try:
        with _from_here():
            return getattr(import_module(module), name)
    except (Exception, SystemExit) as error:  # whatever the module does when it is imported
        raise InputError(f"{where}: {type(error).__name__}: {one_line(error)}") from None


def blamed(error: BaseException, objects: Iterable[object]) -> str | None:
    """Which of the objects raised it, and where; none if none of them did."""
    by_identity = {id(each): type(each).__name__ for each in objects}
    for frame, line in reversed([*walk_tb(error.__traceback__)]):
        if name := by_identity.get(id(frame.f_locals.get("self"))):
            return f"{name}, {frame.f_code.co_name} (line {line}): {type(error).__name__}: {one_line(error)}"
    return None


@contextmanager
def _from_here() -> Iterator[None]:
    """With the folder that the command is typed in among those that modules are looked for in."""
    sys.path.insert(0, str(Path.cwd()))
    try:
        yield
    finally:
        sys.path.remove(str(Path.cwd()))
