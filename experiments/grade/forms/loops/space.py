"""The names that a loop of a file works on: what of them is data, and statements that are run on them."""

import copy
import random
from collections.abc import Iterable
from types import CodeType, ModuleType
from typing import Any

import numpy as np

from experiments.grade.forms.definitions import MODULE
from experiments.grade.forms.loops.turn import HELPERS
from experiments.grade.forms.piece import Arrays
from experiments.grade.forms.stateful.slots import Slot, put, slots

Names = dict[str, Any]
ELSEWHERE = 0.25
"""How far numbers are moved, to see what depends on them."""


def run_in(module: ModuleType, codes: Iterable[CodeType], names: Names) -> Names:
    """The names after these statements. The file's functions read the same names while they run."""
    space = vars(module)
    before = dict(space)
    np.random.seed(0)
    random.seed(0)
    space.update({**names, **HELPERS})
    try:
        for code in codes:
            exec(code, space)
        return {n: v for n, v in space.items() if n in names or v is not before.get(n)}
    finally:
        space.clear()
        space.update(before)


def data_of(space: Names) -> Names:
    """What of a module's names is data: numbers, arrays, containers, objects of the file's own classes."""
    kinds = (
        np.ndarray,
        np.generic,
        int,
        float,
        str,
        dict,
        list,
        tuple,
        range,
        np.random.Generator,
        np.random.RandomState,
    )
    return {
        n: v
        for n, v in space.items()
        if not n.startswith("__") and (isinstance(v, kinds) or type(v).__module__ == MODULE)
    }


def at(names: Names, way: Slot) -> Any:
    """What lies there."""
    thing: Any = names
    for step in way:
        thing = step.of(thing)
    return thing


def elsewhere(names: Names, rng: np.random.Generator) -> Names:
    """The same with other floats, so that none is 0 by chance, and none of the changes."""
    own = copy.deepcopy(names)
    for name, value in own.items():
        if type(value) is float:
            own[name] = value + ELSEWHERE * rng.random()
    for way, array in [*slots(own)]:
        put(own, way, array + ELSEWHERE * rng.standard_normal(array.shape))
    return own


def moved(weights: Arrays, rng: np.random.Generator) -> Arrays:
    """The weights at another place."""
    return {n: np.asarray(w + ELSEWHERE * rng.standard_normal(w.shape)) for n, w in weights.items()}
