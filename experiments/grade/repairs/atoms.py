"""What a function can name: numbers and arrays, those on itself and in its dicts, and sizes."""

import ast
from typing import Any, NamedTuple

import numpy as np


class Atom(NamedTuple):
    """Something that a function can name, as its text has it, its value, and from which line on it is there."""

    text: str
    value: Any
    since: int = 0

    @property
    def node(self) -> ast.expr:
        """The expression that names it."""
        return ast.parse(self.text, mode="eval").body


def atoms_of(names: dict[str, Any], since: dict[str, int]) -> list[Atom]:
    """What the names of a function stand for when it returns, each from some line on."""
    names = {name: value for name, value in names.items() if name.isidentifier()}
    found = {name: value for name, value in names.items() if is_number(value)}
    for name, value in names.items():
        if isinstance(value, dict):
            found |= {f"{name}[{k!r}]": v for k, v in value.items() if isinstance(k, str) and is_number(v)}
        elif isinstance(value, tuple):
            found |= {f"{name}[{i}]": v for i, v in enumerate(value) if is_number(v)}
        elif hasattr(value, "__dict__") and not isinstance(value, type):
            found |= {f"{name}.{k}": v for k, v in vars(value).items() if k.isidentifier() and is_number(v)}
    known: list[Atom] = []
    for text, value in found.items():
        if not any(value is a.value for a in known):
            known.append(Atom(text, value, since.get(text, 0)))
    sizes: dict[int, Atom] = {}
    for a in sorted(known, key=lambda a: a.since):
        for i, n in enumerate(np.shape(a.value)):
            if n > 1 and not any(np.ndim(other.value) == 0 and other.value == n for other in known):
                sizes.setdefault(n, Atom(f"{a.text}.shape[{i}]", n, a.since))
    return [*known, *sizes.values()]


def is_number(value: Any) -> bool:
    """Whether it is a number, or an array of numbers."""
    is_array = isinstance(value, np.ndarray) and value.dtype.kind in "fiub"
    return is_array or isinstance(value, int | float | np.number | np.bool_)


def is_float(value: Any) -> bool:
    """Whether it is one of a kind that a sign makes sense of."""
    return isinstance(value, float | np.floating) or (isinstance(value, np.ndarray) and value.dtype.kind == "f")
