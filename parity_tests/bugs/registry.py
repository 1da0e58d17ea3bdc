"""The one registry of three catalogues: mistakes, mistakes with devices, and what is right in an unusual way.

A mistake is a class that overrides methods of a right layer, loss, penalty, optimizer or network and bears its name,
so that it is held against the same twin. Most are one expression that people get wrong: a row of a table says which
text of which method becomes what. Where a method of its own is plainer the row has that, or the mistake is written as a
class, whose docstring says what is wrong.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from textwrap import dedent
from typing import Any

from parity_tests.bugs.planted import planted


@dataclass(frozen=True, eq=False)
class Entry:
    """One piece of a catalogue.

    Of a mistake with devices, `right` is what is run to catch it, `wrong` the function that plants it, and `shows` the
    message (a regular expression), empty where it is a library's own.
    """

    name: str
    """What is wrong, or what is unusual."""
    right: Any
    """The right class."""
    wrong: Any
    """The class, under the same name, that does it otherwise."""
    shows: str = ""
    """The quantity on which a comparison of the two fails first."""
    cause: str = ""
    """What a diagnosis should say then, "" where nothing can be expected."""
    seen: str = ""
    """Where people made it."""


BUGS: list[Entry] = []
DEVICE_BUGS: list[Entry] = []
UNUSUAL: list[Entry] = []

Register = Callable[[Any], Any]
MIXED = "Expected all tensors to be on the same device"


def summary(described: Any) -> str:
    """The docstring, without its full stop."""
    return " ".join((described.__doc__ or "").split()).rstrip(".")


def under_the_right_name(catalogue: list[Entry], shows: str = "", cause: str = "") -> Register:
    """Put a class into the catalogue, under the name of the class that it derives from."""

    def put(wrong: type) -> type:
        right = wrong.__bases__[0]
        catalogue.append(Entry(summary(wrong), right, wrong, shows, cause))
        wrong.__name__ = right.__name__
        return wrong

    return put


def bug(shows: str, cause: str = "") -> Register:
    """Put a class into `BUGS`: the quantity that shows it first, and the cause that the diagnosis should name."""
    return under_the_right_name(BUGS, shows, cause)


Row = tuple[str, str, str, dict[str, Any]]
"""What is wrong, the quantity that shows it first, the cause that the diagnosis should name, the wrong methods."""


def mistakes(right: type, rows: list[Row]) -> None:
    """Put a class into `BUGS` for each row: the right one, but for these methods."""
    for name, shows, cause, methods in rows:
        BUGS.append(Entry(name, right, type(right.__name__, (right,), methods), shows, cause))


def edits(right: Any, method: str, rows: list[tuple[str, ...]]) -> None:
    """Put a class into `BUGS` for each row: the right one, but for a piece of its method's text.

    A row says what is wrong, the quantity that shows it first and the cause that the diagnosis should name, as above;
    then the right text, and what people write in its place; then, where it takes more than one change, the next two.
    """
    for name, shows, cause, *texts in rows:
        changes = list(zip(texts[::2], texts[1::2], strict=True))
        mistakes(right, [(name, shows, cause, {method: edited(right, method, changes)})])


def edited(right: Any, method: str, changes: list[tuple[str, str]]) -> Callable[..., Any]:
    """The class's method, with these texts replaced."""
    function = inspect.unwrap(getattr(right, method))
    found: dict[str, Any] = {}
    exec(planted(dedent(inspect.getsource(function)), *changes), function.__globals__, found)
    return found[method]


def gradient_but_for(right: type, name: str, wrong: Callable[[Any, Any, Any], Any]) -> dict[str, Any]:
    """The right class's `gradient`, but for one parameter's: made of the right one, δ and the input."""

    def gradient(self: Any, delta: Any, a: Any) -> Any:
        found = right.gradient(self, delta, a)  # pyright: ignore[reportAttributeAccessIssue]
        changed = {key: wrong(g, delta, a) for key, g in found.params.items() if key == name}
        return found.like(**found.params | changed)

    return {"gradient": gradient}


def signed(rule: Any, p: Any, g: Any) -> Any:
    """The gradient that an optimizer goes by: turned round to maximize, with the decay that goes through it."""
    decay = 0 if getattr(rule, "decoupled_weight_decay", False) else rule.weight_decay
    return (-g if rule.maximize else g) + decay * p


def unusual(wrong: type) -> type:
    """Put a class into `UNUSUAL`."""
    return under_the_right_name(UNUSUAL)(wrong)


def device_bug(seen: str, run: Callable[[str], Any], says: str = MIXED) -> Register:
    """Put a function that plants a mistake with devices into `DEVICE_BUGS`."""

    def put(plant: Any) -> None:
        DEVICE_BUGS.append(Entry(summary(plant), run, plant, says, seen=seen))

    return put
