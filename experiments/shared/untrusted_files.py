"""Files that users and strangers give, which may be none, or not what they seem."""

from collections import Counter
from pathlib import Path

import yaml

from experiments.shared.command import nearest_file
from experiments.shared.printable import printable
from manual import InputError

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
LEVELS = 100
"""Of a config file, at most."""


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


def no_folder(path: Path) -> str:
    """The error about a folder that is not there, or is a file; with the nearest name beside it."""
    if path.exists():
        return f"{printable(path)}: expected a folder, got a file"
    return f"there is no folder {printable(path)}{nearest_file(path)}"


def plain_yaml(path: Path) -> Path:
    """The path, if a file of YAML is there that means what it says.

    Raises:
        InputError: it is no file, or no YAML; a name stands twice in one place; an alias, by which few lines can
            stand for more than the memory holds; a tag, which would make an object; more than `LEVELS` levels.
    """
    plain_file(path, "config")
    try:
        text = path.read_text("utf-8")
        _check_events(path, text)
        _check_names(path, yaml.compose(text, LOADER))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: expected a config in YAML, got what is none ({error})") from None
    return path


def _check_events(path: Path, text: str) -> None:
    level = 0
    for event in yaml.parse(text, LOADER):
        line = event.start_mark.line + 1
        level += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if (
            level > LEVELS
        ):  # who builds from this calls itself at every level, and C ends without a word where the stack does
            raise InputError(f"{path}, line {line}: expected at most {LEVELS} levels, got more")
        if isinstance(event, yaml.AliasEvent):
            raise InputError(f"{path}, line {line}: expected a config without aliases, got *{event.anchor}")
        if tag := getattr(event, "tag", None):
            raise InputError(f"{path}, line {line}: expected a config without tags, got {tag}")


def _check_names(path: Path, node: yaml.Node | None) -> None:
    parts = node.value if isinstance(node, yaml.CollectionNode) else []
    if isinstance(node, yaml.MappingNode):
        names = Counter(key.value for key, _ in parts if isinstance(key, yaml.ScalarNode))
        if twice := [name for name, count in names.items() if count > 1]:
            raise InputError(
                f"{path}, line {node.start_mark.line + 1}: expected every name once, got {twice[0]!r} twice"
            )
        parts = [part for pair in parts for part in pair]
    for part in parts:
        _check_names(path, part)
