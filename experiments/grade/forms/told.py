"""What a file says of itself, where that cannot be read off it: "# check: form=course-layers, columns, loss=squares".

form is one of the names that `backprop-check --forms` prints: no other is tried. rows or columns says how examples
lie. loss says which cost a network that has none of its own is trained for.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches

from experiments.grade.forms.whole.costs import KNOWN
from manual import InputError

COMMENT = re.compile(r"\s*#\s*check:(.*)")
LAYOUTS = ("rows", "columns")
LOSSES: dict[str, str] = dict(
    zip(("half_squares", "cross_entropy", "binary_cross_entropy", "squares"), KNOWN, strict=True)
)
"""The costs of costs.py by names that are easily typed."""


@dataclass(frozen=True)
class Told:
    """What a file says; "" of what it does not."""

    form: str = ""
    layout: str = ""
    loss: str = ""

    def fits(self, where: str) -> bool:
        """Whether arrays may lie in the way that this describes."""
        other = {"rows": "column", "columns": "rows"}.get(self.layout)
        return other is None or other not in where

    def allows(self, choice: str) -> bool:
        """Whether a cost is the one that is meant, as a sum or as a mean."""
        return not self.loss or choice.split(",")[0] == f"cost {LOSSES[self.loss]}"


def told(lines: Iterable[str], forms: Iterable[str]) -> Told:
    """What a text's comments say.

    Raises:
        InputError: a word is none that is known.
    """
    found: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        if match := COMMENT.match(line):
            for word in filter(None, (w.strip() for w in match[1].split(","))):
                key, value = _read(word, [*forms], f"line {number}: # check:")
                if found.setdefault(key, value) != value:
                    raise InputError(f"line {number}: # check: {key} is {found[key]} already, got {value}")
    return Told(**found)


def _read(word: str, forms: list[str], where: str) -> tuple[str, str]:
    if word in LAYOUTS:
        return "layout", word
    key, is_given, value = (part.strip() for part in word.partition("="))
    known = {"form": forms, "loss": [*LOSSES]}
    if not is_given or key not in known:
        raise InputError(
            f"{where} expected form=…, loss=…, rows or columns, got {_near(word, ['form', 'loss', *LAYOUTS])}"
        )
    if value not in known[key]:
        raise InputError(f"{where} there is no {key} {_near(value, known[key])}; {_listed(known[key])}")
    return key, value


def _near(word: str, known: list[str]) -> str:
    near = get_close_matches(word.partition("=")[0], known, 1)
    return f"{word!r}; did you mean {near[0]}?" if near else repr(word)


def _listed(known: list[str]) -> str:
    return f"expected one of {', '.join(known)}" if len(known) < 8 else "--forms lists them"
