"""Where an object keeps its arrays: in attributes, in dicts and lists that are attributes, and in objects in these."""

import copy
import inspect
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np


class Step(NamedTuple):
    """One step on the way to an array: an attribute, or an item by its key or place."""

    key: Any
    is_item: bool

    def of(self, thing: Any) -> Any:
        """What lies there."""
        return thing[self.key] if self.is_item else getattr(thing, self.key)

    def put(self, thing: Any, value: Any) -> None:
        """Keep a value there."""
        if self.is_item:
            thing[self.key] = value
        else:
            setattr(thing, self.key, value)


Slot = tuple[Step, ...]
"""The way from an object to an array."""
DEPTH = 5
"""Steps at most: self.network[0][1]["weights"]."""
ALIKE = {
    **dict.fromkeys(("w", "weight", "weights", "kernel", "kernels", "filters"), "w"),
    **dict.fromkeys(("b", "bias", "biases"), "b"),
    **dict.fromkeys(("x", "input", "inputs", "a", "z", "prev", "activation"), "x"),
}
"""What the names of an array have in common."""
VALUES = ("value", "values", "data", "val", "array", "v")
"""What an object that is one parameter calls its numbers, beside their gradient: self.W.value and self.W.grad."""
NUMBER = re.compile(r"(w|b|weight|bias|intercept|coef)_?\d*_?", re.IGNORECASE)
"""What a single number is called that is a parameter: self.b = 0."""
MARKS = re.compile(
    r"^d_?(l|loss|j|e|c|cost)_?d_?(?=[a-z])|gradients?|grads?|deriv(ative)?s?|deltas?|^nabla|wrt|_|^d(?=[a-z])",
    re.IGNORECASE,
)
"""What makes the name of a gradient of another name."""
SHORT = re.compile(r"^g_?(?=[Wb]\d*$)")
"""The same, of a weight or a bias alone: gW1, gb."""


def slots(thing: Any, way: Slot = ()) -> Iterator[tuple[Slot, Any]]:
    """Every array of floats that an object keeps, and where."""
    if isinstance(thing, np.floating) and way and (NUMBER.fullmatch(str(way[-1].key)) or _is_marked(way)):
        thing = np.asarray(thing)  # what an array of no axes becomes
    if isinstance(thing, np.ndarray):
        holds_others = thing.dtype.kind == "O" and isinstance(next(thing.flat, None), list | tuple | dict | str)
        if way and thing.dtype.kind in "fO" and thing.size > 0 and not holds_others:
            yield way, thing
        return
    if len(way) < DEPTH:
        for step in _steps(thing):
            yield from slots(step.of(thing), (*way, step))


def numbers(thing: Any, way: Slot = ()) -> Iterator[tuple[Slot, Any]]:
    """Every single number that an object keeps, and where."""
    if isinstance(thing, int | float | np.integer | np.floating) and not isinstance(thing, bool):
        yield way, thing
    elif len(way) < DEPTH and not isinstance(thing, tuple):
        for step in _steps(thing):
            yield from numbers(step.of(thing), (*way, step))


def transposes(thing: Any) -> dict[Slot, Slot]:
    """The arrays that an object keeps as the transpose of another that it keeps, self.W_prime = self.W.T, by whose it
    is: one that moves in place moves both."""
    kept, found = [*slots(thing)], dict[Slot, Slot]()
    for way, array in kept:
        others = (w for w, a in kept if w not in found and w != way and array.base is not None and _is_turned(array, a))
        if base := next(others, None):
            found[way] = base
    return found


def copied(thing: Any) -> Any:
    """A copy, in which what is the transpose of another array is so, too."""
    own = copy.deepcopy(thing)
    kept = dict(slots(own))
    for way, base in transposes(thing).items():
        put(own, way, kept[base].T)
    return own


def _is_turned(one: Any, other: Any) -> bool:
    turned = other.T
    return one.ndim > 1 and one.shape == turned.shape and one.strides == turned.strides and _begin(one) == _begin(other)


def _begin(array: Any) -> int:
    return array.__array_interface__["data"][0]


def _steps(thing: Any) -> Iterator[Step]:
    if isinstance(thing, dict):
        yield from (Step(key, True) for key in thing)
    elif isinstance(thing, list | tuple):
        yield from (Step(place, True) for place in range(len(thing)))
    elif hasattr(thing, "__dict__") and not isinstance(thing, type) and not inspect.isroutine(thing):
        yield from (Step(name, False) for name in vars(thing))


def as_arrays(thing: Any) -> None:
    """Keep an object's single numbers that are parameters as arrays of no axes, and lists of floats as arrays."""
    for name, value in [*vars(thing).items()] if hasattr(thing, "__dict__") else []:
        if type(value) in (int, float, np.float64) and NUMBER.fullmatch(name):
            setattr(thing, name, np.array(float(value)))
    _lists_as_arrays(thing, DEPTH)


def _lists_as_arrays(thing: Any, depth: int) -> None:
    for step in [*_steps(thing)] if depth and not isinstance(thing, tuple) else []:
        value = step.of(thing)
        kinds = {type(n) for n in value} if isinstance(value, list) else set()
        if kinds & {float, np.float64} and kinds <= {float, np.float64, int}:
            step.put(thing, np.array(value))
        else:
            _lists_as_arrays(value, depth - 1)


def put(thing: Any, slot: Slot, value: Any) -> None:
    """Keep an array there."""
    for step in slot[:-1]:
        thing = step.of(thing)
    slot[-1].put(thing, value)


def kept_at(thing: Any, slot: Slot) -> Any:
    """What an object keeps there; None where there is no such place."""
    try:
        for step in slot:
            thing = step.of(thing)
    except (AttributeError, LookupError, TypeError):
        return None
    return thing


def label(slot: Slot) -> str:
    """What a row calls an array: its name, after the place of what it belongs to; or its container's name and place."""
    *before, (last, _) = slot
    if before and last in VALUES:
        return label(tuple(before))
    if isinstance(last, int) and len(slot) > 1:
        last = f"{slot[-2].key}{last}"
    return ".".join([*(str(s.key) for s in slot[:-1] if s.is_item), str(last)])


def stem(name: str) -> str:
    """What is left of a name without the marks of a gradient: "dweights", "W_grad" and "weights" are one."""
    bare = MARKS.sub("", SHORT.sub("", name)).lower()
    return ALIKE.get(bare, bare)


def is_marked(name: str) -> bool:
    """Whether it is the name of a gradient."""
    return bool(SHORT.match(name)) or MARKS.sub("", name) != name.replace("_", "")


def _is_marked(slot: Slot) -> bool:
    """Whether the name of an array, or of what it lies in, is marked as that of gradients."""
    return any(is_marked(s.key) for s in [s for s in slot if isinstance(s.key, str)][-2:])


def gradient_in(kept: Mapping[Slot, Any], parameter: Slot, place: int) -> Any:
    """The gradient of a parameter among the arrays that an object keeps; None if there is none."""
    slot = gradient_slot(kept, parameter, place)
    return None if slot is None else kept[slot]


def gradient_slot(kept: Mapping[Slot, Any], parameter: Slot, place: int) -> Slot | None:
    """Where the gradient of a parameter is among the arrays that an object keeps; None if it is not.

    It stands beside the parameter, under a gradient's name of the same stem, or at its key or place in a dict or a
    list of gradients: first in one of the same stem, as dW[0] for W[0].
    """
    alike = [s for s in kept if len(s) > 1 and [*map(_stem_of, s[-2:])] == [*map(_stem_of, parameter[-2:])]]
    for slot in [*(s for s in alike if s[-1].is_item), *kept]:
        container, key = slot[:-1], slot[-1].key
        beside = container == parameter[:-1] and parameter[-1].key in VALUES and slot != parameter
        if beside and (key in ("d", "g") or not stem(str(key))):
            return slot
        if slot == parameter or not _is_marked(slot) or _owner(slot) != _owner(parameter):
            continue
        if isinstance(key, int) and container and slot[-1].is_item:
            if key == (parameter[-1].key if isinstance(parameter[-1].key, int) else place):
                return slot
        elif stem(str(key)) == stem(str(parameter[-1].key)):
            return slot
    return None


def _stem_of(step: Any) -> str:
    return stem(str(step.key))


def _owner(slot: Slot) -> Slot:
    """The object that an array belongs to, without the dict or list that it lies in."""
    attributes = [i for i, step in enumerate(slot) if not step.is_item]
    return slot[: attributes[-1]] if attributes else ()
