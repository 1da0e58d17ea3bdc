"""The names that a loop of a file works on: what of them is data, and statements that are run on them."""

import copy
import random
from collections.abc import Callable, Iterable
from types import FunctionType, ModuleType
from typing import Any

import numpy as np

from experiments.grade.forms.definitions import MODULE
from experiments.grade.forms.loops.turns.kept import HELPERS
from experiments.grade.forms.piece import Arrays
from experiments.grade.forms.stateful.slots import Slot, put, slots

Names = dict[str, Any]
NUMBERS = (int, float, np.float64)
DEPTH = 5
"""How far down numbers are looked for: self.layers[0].neurons[0].weights."""
ELSEWHERE = 0.25
"""How far numbers are moved, to see what depends on them."""


def run_in(module: ModuleType, statements: Iterable[FunctionType], names: Names) -> Names:
    """The names after these statements of the module. The file's functions read the same names while they run."""
    space = vars(module)
    before = dict(space)
    np.random.seed(0)
    random.seed(0)
    space.update({**names, **HELPERS})
    try:
        for statement in statements:
            statement()
        return {n: v for n, v in space.items() if n in names or v is not before.get(n)}
    finally:
        space.clear()
        space.update(before)


def data_of(space: Names) -> Names:
    """What of a module's names is data: numbers, arrays, containers, objects of the file's own classes; and None, which
    may become a memory."""
    kinds = (
        type(None),
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
        if not n.startswith("__")
        and getattr(np, n, kinds) is not v
        and (isinstance(v, kinds) or type(v).__module__ == MODULE)
    }


def with_arrays(now: Any, begin: Any, end: Any, depth: int = DEPTH) -> Any:
    """What lies there, with arrays for the numbers, and the lists of numbers, that a turn changes: what a network of
    neurons keeps; and with an empty memory for one that the first turn makes."""
    if type(now) in NUMBERS and isinstance(end, np.ndarray) and end.dtype.kind == "f":
        return np.full(end.shape, float(now))  # a memory that begins as 0
    if begin is None:
        return None if type(end) in NUMBERS else _emptied(end)
    if type(now) in NUMBERS:
        return np.array(float(now)) if isinstance(end, float) and begin != end else now
    if isinstance(now, list) and now and all(type(n) in NUMBERS for n in now):
        return np.array(now, dtype=float) if begin != end and len(end) == len(now) else now
    if depth and isinstance(now, list) and len(now) == len(begin) == len(end):
        now[:] = [with_arrays(*three, depth - 1) for three in zip(now, begin, end, strict=True)]
    own = now if isinstance(now, dict) else vars(now) if type(now).__module__ == MODULE else {}
    others = [(v if isinstance(v, dict) else vars(v)) for v in (begin, end)] if own and depth else []
    for key in [k for k in own if others and all(k in o for o in others)]:
        own[key] = with_arrays(own[key], others[0][key], others[1][key], depth - 1)
    return now


def _emptied(memory: Any) -> Any:
    """A memory of arrays and counts, or of lists and dicts of these, that holds nothing yet; None, where it is anything
    else."""
    if isinstance(memory, dict):
        return {k: _emptied(v) for k, v in memory.items()}
    if isinstance(memory, list):
        return [*map(_emptied, memory)]
    if type(memory) in NUMBERS:
        return type(memory)(0)
    return np.zeros_like(memory) if isinstance(memory, np.ndarray) and memory.dtype.kind == "f" else None


def needed(statements: Iterable[FunctionType], values: Callable[[list[FunctionType]], list[Any]]) -> list[FunctionType]:
    """The statements without which some values are others, or are not there."""
    left = [*statements]
    wanted = values(left)
    for statement in reversed([*left]):
        others = [s for s in left if s is not statement]
        try:
            same = all(np.array_equal(one, v, equal_nan=True) for one, v in zip(values(others), wanted, strict=True))
        except Exception:  # a name that it binds is not there
            continue
        left = others if same else left
    return left


def at(names: Names, way: Slot) -> Any:
    """What lies there."""
    thing: Any = names
    for step in way:
        thing = step.of(thing)
    return thing


def elsewhere(names: Names, rng: np.random.Generator, up: bool = False) -> Names:
    """The same with other floats, so that none is 0 by chance, and none of the changes; larger ones, if they go up."""
    own = copy.deepcopy(names)
    for name, value in own.items():
        if type(value) is float:  # a share stays one
            own[name] = value + ELSEWHERE * rng.random() * (1 - value if 0 < value < 1 else 1)
    for way, array in [*slots(own)]:
        step = ELSEWHERE * rng.standard_normal(array.shape)
        put(own, way, array + (np.abs(step) if up else step))
    return own


def moved(weights: Arrays, rng: np.random.Generator) -> Arrays:
    """The weights at another place."""
    return {n: np.asarray(w + ELSEWHERE * rng.standard_normal(w.shape)) for n, w in weights.items()}
