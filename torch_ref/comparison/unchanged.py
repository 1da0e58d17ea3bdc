"""Every array that a layer was given or has handed on is afterwards what it was; a layer that changes one is named.

A layer keeps what it was given, or what it gave, for its backward. One that works in place, on the memory of the
layer before, takes that away, and the gradients are wrong far from where the fault is. What a block hands to its parts,
or is given by them, it may change in between, as in `dx += back("b", delta)`, unless a part has kept it.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from copy import copy
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from manual import Block, Layer
from manual.layer import several
from manual.numbers.number_types import Array
from torch_ref.comparison.contract import AnotherForm, called
from torch_ref.comparison.verdict import DIFFERS, Comparison
from torch_ref.tolerance.small_arrays import every


@dataclass
class Seen:
    """One call of a part, what it gave, and the δ that came back to it first."""

    place: str
    layer: Layer
    inputs: tuple[Any, ...]
    y: Any = None
    cache: Any = None
    delta: Any = None

    @property
    def is_whole(self) -> bool:
        """Whether it says something of the part: numbers went through, and what came back fits what it gave."""
        shapes = [(np.shape(y), np.shape(d)) for y, d in zip(several(self.y), several(self.delta), strict=False)
                  if d is not None]  # fmt: skip
        return any(np.size(y) for y in several(self.y)) and bool(shapes) and all(y == d for y, d in shapes)


@dataclass
class Held:
    """An array, and what it held. `owner` is the call within which it was handed on, `kept` whether a layer has it in
    its cache, its parameters or its gradient."""

    name: str
    array: Array
    before: Array
    owner: int
    kept: bool


class Handed:
    """The arrays that were handed from layer to layer, with their names and what they held. `findings`: which were
    changed. `seen`: every call of a part, with its inputs and its δ. `form`: that a call gave another form."""

    def __init__(self, network: Layer | None = None, prefix: str = "") -> None:
        self._held: list[Held] = []
        self._depth = 0
        self._prefix = prefix
        self.findings: list[Comparison] = []
        self.whole = network
        self.seen: list[Seen] = []
        self.form: AnotherForm | None = None
        if network is not None:
            for kind, arrays in (("parameter", network.params), ("state", network.state)):
                for name, array in arrays.items():
                    self.note(f"the {kind} {name}", array)

    def note(self, name: str, value: Any, kept: bool = True) -> None:
        """Remember an array, or those in a cache. One that is known already keeps its name."""
        for array in arrays(value):
            known = next((held for held in self._held if held.array is array), None)
            if known is None:
                self._held.append(Held(name, array, array.copy(), self._depth, kept))
            else:
                known.kept |= kept

    def check(self, place: str, way: str) -> None:
        """Look for what was changed since it was noted: it is the fault of the call that has just returned."""
        changed = self._changed()
        others = [held for held in changed if held.name != f"the cache of {place}"]
        for held in others[-1:]:  # what was handed on last: the others may be views of it
            about = (f"{self._prefix}{place}", f"{held.name}, unchanged", str(held.array.dtype), held.array.shape)
            reason = f"{way} of {place} changes {held.name}"
            self.findings.append(Comparison(*about, np.inf, np.inf, DIFFERS, reason=reason))
        for held in changed:
            held.before = held.array.copy()

    def _changed(self) -> list[Held]:
        return [held for held in self._held if not _same(held.array, held.before)]

    def _passed(self) -> None:
        """A block may have changed what is its own since it called a part last."""
        for held in self._changed():
            if held.owner == self._depth and not held.kept:
                held.before = held.array.copy()

    def watched(self, place: str, layer: Layer) -> Any:
        """The layer, or the block with all its parts, so that after every call is looked what it changed."""
        spy = layer
        if isinstance(layer, Block):
            spy = layer._of([self.watched(_inside(place, name, part), part) for name, part in layer.parts.items()])
        methods = {way: getattr(spy, way) for way in ("forward", "backward", "gradient")}
        spy = copy(spy)
        for way, method in methods.items():
            vars(spy)[way] = partial(self._call, place, layer, way, method)
        return spy

    def _call(self, place: str, layer: Layer, way: str, method: Callable[..., Any], *given: Any) -> Any:
        forward = way == "forward"
        self._passed()
        self.note(f"the {'input' if forward else 'δ'} of {place}", given if forward else given[0], self._depth == 0)
        call = Seen(place, layer, given)
        if forward:
            self.seen.append(call)
        else:
            self._went_back(layer, *given)
        self._depth += 1
        try:
            result = called(place, way, method, *given)
        except AnotherForm as error:
            self.form = error
            raise
        self._passed()
        self._depth -= 1
        self.check(place, way)
        if forward:
            call.y, call.cache = result
            self.note(f"the output of {place}", result[0], False)
            self.note(f"the cache of {place}", result[1])
        else:
            dx, gradient = result if way == "backward" else (None, result)
            self.note(f"the gradients of {place}", dx, False)
            self.note(f"the gradients of {place}", gradient)
        return result

    def _went_back(self, layer: Layer, delta: Any, cache: Any) -> None:
        """The δ belongs to the part's last call that gave this cache and has none."""
        for call in reversed(self.seen):
            if call.layer is layer and call.cache is cache and call.delta is None:
                call.delta = delta
                return


def check_contract(layer: Layer, x: Any) -> None:
    """Call a layer forward and backward, and each that it is made of, on inputs of these shapes.

    Raises:
        AnotherForm: one gives something else than the contract says. (What else is wrong is for the judgement.)
    """
    handed = Handed(layer)
    watched = handed.watched(repr(layer), layer)
    with np.errstate(all="ignore"), suppress(Exception):
        y, cache = watched.forward(*[np.flip(given).copy() for given in several(x)])
        zeros = tuple(o * 0 for o in several(y))
        watched.backward(zeros if isinstance(y, tuple) else zeros[0], cache)
    if handed.form:
        raise handed.form


def _inside(place: str, name: str, part: Layer) -> str:
    """How a layer is called: "layer 2.0, Tanh" in "layer 2, Network"."""
    inside = place.split(",")[0].removeprefix("layer ") + "." if place.startswith("layer ") else ""
    return f"layer {inside}{name}, {type(part).__name__}"


def arrays(value: Any) -> Iterator[Array]:
    """Every array within: in a tuple, a cache, a layer of gradients."""
    if isinstance(value, np.ndarray):
        yield value
    elif isinstance(value, Layer):
        yield from arrays(value.params)
    elif isinstance(value, dict):
        yield from arrays([*value.values()])
    elif isinstance(value, list | tuple):
        for part in value:
            yield from arrays(part)


def _same(a: Array, b: Array) -> bool:
    """Whether they hold the same numbers; a NaN is the same as itself."""
    same = a == b
    return every(same) or every(same | ((a != a) & (b != b)))
