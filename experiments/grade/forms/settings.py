"""The settings that a function or a constructor may be given, each at another value than its default.

A factor that is missing where the default is 1, or an alpha that is read in one of two places, shows nowhere else.
"""

import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from experiments.grade.forms.piece import Fields
from experiments.grade.forms.whole.names import PENALTIES

AS_ITSELF = "no name"
"""What torch is not asked for by the piece's name, as there the settings are its defaults."""
WINDOWS = {"stride": 2, "strides": 2, "pad": 1, "padding": 1}
"""What is tried of the settings of a window."""
FACTOR = re.compile(
    r"alpha|beta|gamma|delta|slope|scale|temperature|tau|factor|margin|(label_)?smoothing", re.IGNORECASE
)
"""What is a number also where its default is an integer."""
UNLIKE_0 = 0.25
"""What is tried of a factor that is 0 by default."""
SMALLEST = 1e-3
"""A guard is smaller."""
BIAS = re.compile(r"(use_|with_|has_)?bias(es)?|use_b", re.IGNORECASE)
NOT_TRIED = re.compile(
    r"(learning_?)?rate|lr|eta|l_rate|step_size|decay|momentum|(is_)?train(able|ing)?|frozen|freeze"
    r"|.*(l1|l2|reg|penalty|std|init|clip|max_norm).*",
    re.IGNORECASE,
)
"""What changes no derivative, or adds a penalty, which is tried beside that (penalties.py)."""


def others(
    function: Callable[..., Any], backward: Callable[..., Any] | None = None, *, hands_on: bool = True
) -> Iterator[tuple[str, Fields]]:
    """Each setting at another value; what to call it. Where the function hands nothing on that tells its backward of
    them, those that the backward takes, too; of those that are true or false, one that both ways ask for."""
    for p in inspect.signature(function).parameters.values():
        is_asked_twice = type(p.default) is bool and _is_asked_twice(p.name, function, backward)
        value = not p.default if is_asked_twice else _other(p.name, p.default)
        is_known = hands_on or backward is None or p.name in inspect.signature(backward).parameters
        if value is not None and is_known and p.kind is not p.POSITIONAL_ONLY:
            yield f"{p.name} {value:g}", {p.name: value}


def at_defaults(function: Callable[..., Any], told: Callable[..., Any]) -> str:
    """The settings that a backward is not told of, in words: it is right, or wrong, at their defaults alone."""
    names = [n for _, o in others(function) for n in o if n not in inspect.signature(told).parameters]
    return "".join(f", {n} at its default" for n in names)


def known_to(function: Callable[..., Any], given: Mapping[str, Any]) -> Fields:
    """Those of the settings that a function takes, too."""
    return {n: v for n, v in given.items() if n in inspect.signature(function).parameters}


def _is_asked_twice(name: str, function: Callable[..., Any], backward: Callable[..., Any] | None) -> bool:
    """Whether a setting is an argument of both functions, or two methods of a class ask for it."""
    if NOT_TRIED.fullmatch(name):
        return False
    if not inspect.isclass(function):
        return backward is not None and name in inspect.signature(backward).parameters
    methods = [f for n in dir(function) if n != "__init__" and inspect.isfunction(f := getattr(function, n))]
    return sum(name in f.__code__.co_names for f in methods) > 1


def _other(name: str, default: Any) -> Any:
    """Another value than the default; None where none is tried."""
    if type(default) is bool:
        return not default if BIAS.fullmatch(name) else None
    if type(default) is int and WINDOWS.get(name, default) != default:
        return WINDOWS[name]
    is_factor = type(default) is float or (type(default) is int and FACTOR.fullmatch(name))
    if is_factor and default == 0 and FACTOR.fullmatch(name) and name.lower() not in PENALTIES:
        return UNLIKE_0
    if not is_factor or abs(default) < SMALLEST or name.lower() in PENALTIES or NOT_TRIED.fullmatch(name):
        return None
    if type(default) is int and default > 1:  # it may count
        return default + 1
    return default / 2
