"""Files that users and strangers give, which may be none, or not what they seem."""

import re
from collections import Counter
from pathlib import Path
from typing import Any

import yaml

from experiments.shared.command import nearest_file, shortened
from experiments.shared.printable import printable
from manual import InputError

INT = re.compile(r"[-+]?(0|[1-9][0-9_]*|0x[0-9a-fA-F_]+|0b[01_]+)$")
FLOAT = re.compile(
    r"[-+]?(([0-9][0-9_]*\.[0-9_]*|\.[0-9][0-9_]*)([eE][-+]?[0-9]+)?|[0-9][0-9_]*[eE][-+]?[0-9]+|\.(inf|Inf|INF))$"
    r"|\.(nan|NaN|NAN)$"
)
LEVELS, VALUES, LARGEST = 100, 50_000, 10**7
"""Levels, values and bytes of a config file, at most. (A checkpoint, which holds the config, is held to so many values,
too.)"""


class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # pyright: ignore[reportGeneralTypeIssues]
    """PyYAML's, but 1e-3 is a number, and a date, 1:30 (which would be 90) and 010 (which would be 8) are texts."""


Loader.yaml_implicit_resolvers = {
    letter: [(tag, form) for tag, form in known if tag.rpartition(":")[2] not in ("int", "float", "timestamp")]
    for letter, known in Loader.yaml_implicit_resolvers.items()
}
Loader.add_implicit_resolver("tag:yaml.org,2002:int", INT, list("-+0123456789"))
Loader.add_implicit_resolver("tag:yaml.org,2002:float", FLOAT, list("-+.0123456789"))


class Dumper(yaml.SafeDumper):
    """Writes what `Loader` reads as the same: a text that it would take for a number is quoted."""

    yaml_implicit_resolvers = Loader.yaml_implicit_resolvers

    def ignore_aliases(self, _: Any) -> bool:  # pyright: ignore[reportIncompatibleMethodOverride]
        return True


def plain_file(path: Path, what: str) -> Path:
    """The path, if a file is there: not a folder, and nothing that never ends or never begins, as a device or a pipe
    may.

    Raises:
        InputError: it is something else, or not there; the message has the nearest name beside it.
    """
    if path.is_file():
        return path
    if path.exists():
        raise InputError(f"{path}: expected a {what}, got a {'folder' if path.is_dir() else 'device, pipe or socket'}")
    raise InputError(f"there is no {what} {path}{nearest_file(path)}")


def read_text(path: Path, what: str) -> str:
    """The text of a file of UTF-8.

    Raises:
        InputError: it is something else, not there, or cannot be read; the message names it.
    """
    try:
        return plain_file(path, what).read_text("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: expected a {what} in UTF-8 ({error.reason})") from None
    except OSError as error:  # of reading, it names no file
        raise InputError(f"{path}: the {what} cannot be read: {error.strerror}") from None


def no_folder(path: Path) -> str:
    """The error about a folder that is not there, or is a file; with the nearest name beside it."""
    if path.exists():
        return f"{printable(path)}: expected a folder, got a file"
    return f"there is no folder {printable(path)}{nearest_file(path)}"


def read_config(path: Path) -> Any:
    """What a file of YAML says; nothing in it is an empty mapping.

    Raises:
        InputError: it is no file of UTF-8, or see `load_yaml`.
    """
    if (size := plain_file(path, "config").stat().st_size) > LARGEST:
        raise InputError(f"{path}: expected a config of at most {LARGEST:,} bytes, got {size:,}")
    said = load_yaml(str(path), read_text(path, "config"))
    return {} if said is None else said


def load_yaml(where: str, text: str) -> Any:
    """What a text of YAML says.

    Raises:
        InputError: it is no YAML; a name stands twice in one place; an alias, by which few lines can stand for more
            than the memory holds; a tag, which would make an object; more than `LEVELS` levels or `VALUES` values; a
            number or a text that no program could hold.
    """
    try:
        _check_events(where, text)
        _check_names(where, yaml.compose(text, Loader))
        return yaml.load(text, Loader)
    except (yaml.YAMLError, UnicodeError) as error:
        raise InputError(f"{where}: expected a config in valid YAML ({error})") from None
    except InputError:
        raise
    except ValueError as error:  # a number without digits, or of thousands
        raise InputError(f"{where}: expected numbers that can be read, got {shortened(str(error))}") from None


def _check_events(where: str, text: str) -> None:
    level = 0
    for number, event in enumerate(yaml.parse(text, Loader)):
        line = event.start_mark.line + 1
        level += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if (
            level > LEVELS
        ):  # who builds from this calls itself at every level, and C ends without a word where the stack does
            raise InputError(f"{where}, line {line}: expected at most {LEVELS} levels, got more")
        if number > VALUES:
            raise InputError(f"{where}, line {line}: expected at most {VALUES:,} names and values, got more")
        if isinstance(event, yaml.AliasEvent):
            raise InputError(f"{where}, line {line}: expected a config without aliases, got *{event.anchor}")
        held = getattr(event, "value", "")
        if "\0" in held or not _can_be_written(held):
            raise InputError(f"{where}, line {line}: expected a text that can be written to a file, got {held!r}")
        if tag := getattr(event, "tag", None):
            raise InputError(f"{where}, line {line}: expected a config without tags, got {tag}")


def _check_names(where: str, node: yaml.Node | None) -> None:
    parts = node.value if isinstance(node, yaml.CollectionNode) else []
    if isinstance(node, yaml.MappingNode):
        names = Counter(key.value for key, _ in parts if isinstance(key, yaml.ScalarNode))
        if twice := [name for name, count in names.items() if count > 1]:
            raise InputError(
                f"{where}, line {node.start_mark.line + 1}: expected every name once, got {twice[0]!r} twice"
            )
        parts = [part for pair in parts for part in pair]
    for part in parts:
        _check_names(where, part)


def _can_be_written(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
