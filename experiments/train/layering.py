"""A run's config from its layers: environment variables, config files and options, each over those before it.

A class is named as Lightning's command line has it, class_path and init_args, or by its name alone. Here nothing that
a config names is imported: a refused word need not wait for Lightning, and a stranger's file runs nothing.
"""

from collections import Counter
from collections.abc import Container, Iterator, Mapping
from pathlib import Path
from types import NoneType
from typing import Any, Literal, get_args, get_origin

from experiments.shared.command import nearest
from experiments.shared.untrusted_files import load_yaml, read_config
from experiments.train.settings import CLASSES, ELSEWHERE, NO_STRATEGY, REFUSED
from manual import InputError

SECTIONS = ("trainer", "model", "data")
LISTS = ("trainer.callbacks", "trainer.logger")
NAMED = (*[f"model.{name}" for name in CLASSES], "trainer.profiler", *LISTS)
"""What names a class, and its arguments; of the lists one or more."""
PARTS = {"class_path", "init_args"}
LONGEST = 1_000
"""Elements of a list at most, such as layers: the parser takes time with the square of their number."""
OLD = "{key}: {{{name}: …}} is written {{class_path: {name}, init_args: …}} now"


class Layers:
    """What was said so far.

    Args:
        types: of the keys that a config may have, as trainer.max_epochs. What is to be text is taken as it is typed.

    Attributes:
        config: nested, as a config file has it.
        notes: what is read, and is written in another way now.
    """

    def __init__(self, types: Mapping[str, Any]) -> None:
        self.types = types
        self.config: dict[str, Any] = {section: {} for section in SECTIONS}
        self.notes: list[str] = []

    def add_file(self, path: Path) -> None:
        """Lay a config file over it."""
        self._add(str(path), read_config(path))

    def add_option(self, where: str, key: str, text: str) -> None:
        """Lay one option over it; a key with + at its end adds to a list."""
        key, more = key.removesuffix("+"), key.endswith("+")
        if self.types.get(key) in (str, str | None):
            return self._set(where, key, text)
        value = text if key in SECTIONS else load_yaml(where, text)
        return self._append(where, key, value) if more else self._set(where, key, value)

    def _add(self, where: str, said: Any, prefix: str = "") -> None:
        if not isinstance(said, Mapping):
            raise InputError(f"{where}: expected names and their values, got {type(said).__name__}")
        keys = [*_flat(said, prefix, self.types)]
        if twice := [key for key, count in Counter(key for key, _ in keys).items() if count > 1]:
            raise InputError(f"{where}: expected every name once, got {twice[0]!r} twice")
        for named in NAMED:
            parts = [key for key, _ in keys if key.startswith(f"{named}.")]
            if parts and any(key == named for key, _ in keys):
                raise InputError(f"{where}: expected every name once, got {named!r} and {parts[0]!r}")
        for key, value in keys:
            self._set(where, key, value)

    def _set(self, where: str, key: str, value: Any) -> None:
        if key in SECTIONS:
            if not isinstance(value, str):
                raise InputError(f"{where}: {key}: expected names and their values, or a file of them, got {value!r}")
            return self._add(value, read_config(Path(value)), f"{key}.")
        for named in NAMED:
            if key.startswith(f"{named}."):
                return self._set_argument(where, named, key.removeprefix(f"{named}."), value)
        self._check_known(where, key)
        _check_length(where, key, value)
        check_number(key, self.types[key], value)
        if key == "trainer.strategy" and (reason := NO_STRATEGY.get(str(value))):
            raise InputError(f"{key} {value} is not offered: {reason}")
        if key in NAMED:
            value = self._over(key, self._get(key), self._named(key, value))
        group, name = self._place(key)
        group[name] = value
        return None

    def _set_argument(self, where: str, key: str, argument: str, value: Any) -> None:
        """Set an argument of the class that the key names; of a list, of the last in it."""
        group, name = self._place(key)
        held = group.get(name)
        last = held[-1] if isinstance(held, list) and held else held
        if argument == "class_path":
            return self._set(where, key, value)
        if not isinstance(last, dict):
            raise InputError(f"{where}: expected {key} first, the class that has the argument {argument!r}")
        last["init_args"] |= {argument.removeprefix("init_args.").removeprefix(f"{last['class_path']}."): value}
        return None

    def _append(self, where: str, key: str, value: Any) -> None:
        self._check_known(where, key)
        group, name = self._place(key)
        held = group.get(name)
        if key in NAMED:
            if key not in LISTS:
                raise InputError(f"{where}: {key} is one, not a list")
            value = [self._one(key, each) for each in (value if isinstance(value, list) else [value])]
        held = held if isinstance(held, list) else [] if held in (None, True, False) else [held]
        group[name] = held + (value if isinstance(value, list) else [value])
        _check_length(where, key, group[name])

    def _named(self, key: str, value: Any) -> Any:
        """What names a class, as class_path and init_args."""
        if value is None or (key == "trainer.logger" and isinstance(value, bool)):
            return value
        if isinstance(value, list) and key in LISTS:
            return [self._one(key, each) for each in value]
        return self._one(key, value)

    def _one(self, key: str, value: Any) -> dict[str, Any]:
        if isinstance(value, str):
            return {"class_path": value.removeprefix("manual."), "init_args": {}}
        said = value if isinstance(value, Mapping) else {}
        name = arguments = None
        if said.keys() <= PARTS:
            name, arguments = said.get("class_path"), said.get("init_args")
        elif len(said) == 1:
            [(name, arguments)] = said.items()
            self.notes.append(OLD.format(key=key, name=name))
        nameless = name is None and said.keys() != {"init_args"}
        if nameless or not isinstance(name, str | None) or not isinstance(arguments, Mapping | None):
            raise InputError(f"{key}: expected a name, or {{class_path: NAME, init_args: {{…}}}}, got {value!r}")
        return {"class_path": name and name.removeprefix("manual."), "init_args": dict(arguments or {})}

    def _over(self, key: str, held: Any, new: Any) -> Any:
        """The new over what is held: of the same class it keeps the arguments that it does not name."""
        if not isinstance(new, dict):
            return new
        held = held if isinstance(held, dict) else None
        if new["class_path"] is None and held is None:
            raise InputError(f"{key}: expected class_path, the class that the init_args are for")
        if held and new["class_path"] in (None, held["class_path"]):
            return held | {"init_args": held["init_args"] | new["init_args"]}
        return new

    def _get(self, key: str) -> Any:
        group, name = self._place(key)
        return group.get(name)

    def _place(self, key: str) -> tuple[dict[str, Any], str]:
        section, _, name = key.partition(".")
        return (self.config[section], name) if name else (self.config, section)

    def _check_known(self, where: str, key: str) -> None:
        if reason := REFUSED.get(key.removeprefix("trainer.")) if key.startswith("trainer.") else None:
            raise InputError(f"{key} is not offered: {reason}")
        if key not in self.types:
            if where.startswith("--"):
                options = [f"--{name}" for name in self.types]
                near = nearest(f"--{ELSEWHERE.get(key, key)}", [*options, "--model.optimizer.lr"])
                raise InputError(f"there is no option '--{key}'{near}")
            raise InputError(f"{where}: the config has no {key!r}{nearest(ELSEWHERE.get(key, key), self.types)}")


def _check_length(where: str, key: str, value: Any) -> None:
    if isinstance(value, list) and len(value) > LONGEST:
        raise InputError(f"{where}: expected at most {LONGEST:,} in {key}, got {len(value):,}")


def check_number(key: str, kind: Any, value: Any) -> None:
    """Raise InputError where a text is to be a number: the parser would look for one in it, and take 1:30 for 90."""
    kinds = [each for each in get_args(kind) or (kind,) if each is not NoneType]
    words = [word for each in kinds if get_origin(each) is Literal for word in get_args(each)]
    numbers = [each for each in kinds if get_origin(each) is not Literal]
    if isinstance(value, str) and value not in words and numbers and {*numbers} <= {int, float, bool}:
        one_of = [f"one of {', '.join(map(repr, words))}"] if words else []
        raise InputError(f"{key}: expected {', '.join([*[each.__name__ for each in numbers], *one_of])}, got {value}")


def _flat(said: Mapping[Any, Any], prefix: str, known: Container[str]) -> Iterator[tuple[str, Any]]:
    """The keys of a config with their sections before them, and their values."""
    for name, value in said.items():
        key = f"{prefix}{name}"
        if key in SECTIONS and isinstance(value, Mapping):
            yield from _flat(value, f"{key}.", known)
        else:
            yield key, value
