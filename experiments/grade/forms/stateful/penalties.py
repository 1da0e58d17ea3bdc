"""The penalty of a layer that adds its derivative to its gradients: by the function of the file that gives it."""

import inspect
import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from experiments.grade.forms.course.losses import STRENGTH
from experiments.grade.forms.definitions import Definitions
from experiments.grade.forms.stateful.objects import needed

STRENGTHS = re.compile(r"(weight|bias|kernel|w|b)?_?(regulari[sz](er|ation)_?)?(l1|l2)(_?(reg|penalty|lambda))?")
GIVES = re.compile(r"\w*regulari[sz]\w*|\w*penalty\w*", re.IGNORECASE)
Penalty = Callable[[Any], Any]
"""Of a layer."""


def strengths(kind: type) -> list[tuple[str, dict[str, Any]]]:
    """The strengths of penalties that a constructor may be given, and that are 0 by default; what to call each."""
    plain = [p for p in inspect.signature(kind).parameters.values() if STRENGTHS.fullmatch(p.name) and p.default == 0]
    return [(p.name, {p.name: STRENGTH}) for p in plain]


def penalty_of(found: Definitions, layer: Any) -> Penalty | None:
    """The function or method of the file that gives a layer's penalty, if it is not 0."""
    for give in _gives(found):
        try:
            if np.ndim(value := give(layer)) == 0 and value != 0:
                return give
        except Exception:  # of something else
            continue
    return None


def _gives(found: Definitions) -> Iterator[Penalty]:
    for name, thing in found.own().items():
        if inspect.isfunction(thing) and GIVES.fullmatch(name):
            yield thing
        methods = [n for n in dir(thing) if inspect.isclass(thing) and GIVES.fullmatch(n)]
        for method in (n for n in methods if inspect.isfunction(f := getattr(thing, n)) and len(needed(f)) == 1):
            try:
                yield getattr(thing(), method)
            except Exception:  # it is made with something
                continue
