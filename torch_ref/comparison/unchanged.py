"""Every array that a layer was given or has handed on is afterwards what it was; a layer that changes one is named.

A layer keeps what it was given, or what it gave, for its backward. One that works in place, on the memory of the
layer before, takes that away, and the gradients are wrong far from where the fault is.
"""

from collections.abc import Callable, Iterator
from copy import copy
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from manual import Block, Layer
from manual.numbers.number_types import Array
from torch_ref.comparison.verdict import DIFFERS, Comparison
from torch_ref.tolerance.small_arrays import every


@dataclass
class Seen:
    """One call of a part, and the δ that came back to it."""

    place: str
    layer: Layer
    inputs: tuple[Any, ...]
    delta: Any = None


class Handed:
    """The arrays that were handed from layer to layer, with their names and what they held. `findings`: which were
    changed. `seen`: every call of a part, with its inputs and its δ."""

    def __init__(self, network: Layer | None = None, prefix: str = "") -> None:
        self._held: list[tuple[str, Array, Array]] = []
        self._prefix = prefix
        self.findings: list[Comparison] = []
        self.whole = network
        self.seen: list[Seen] = []
        if network is not None:
            for kind, arrays in (("parameter", network.params), ("state", network.state)):
                for name, array in arrays.items():
                    self.note(f"the {kind} {name}", array)

    def note(self, name: str, value: Any) -> None:
        """Remember an array, or those in a cache. One that is known already keeps its name."""
        for array in arrays(value):
            if not any(array is known for _, known, _ in self._held):
                self._held.append((name, array, array.copy()))

    def check(self, place: str, way: str) -> None:
        """Look for what was changed since it was noted: it is the fault of the call that has just returned."""
        changed = [i for i, (_, array, before) in enumerate(self._held) if not _same(array, before)]
        others = [i for i in changed if self._held[i][0] != f"the cache of {place}"]
        for i in others[-1:]:  # what was handed on last: the others may be views of it
            name, array, _ = self._held[i]
            about = (f"{self._prefix}{place}", f"{name}, unchanged", str(array.dtype), array.shape, np.inf, np.inf)
            self.findings.append(Comparison(*about, DIFFERS, reason=f"{way} of {place} changes {name}"))
        for i in changed:
            name, array, _ = self._held[i]
            self._held[i] = (name, array, array.copy())

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
        self.note(f"the {'input' if way == 'forward' else 'δ'} of {place}", given if way == "forward" else given[0])
        if way == "forward":
            self.seen.append(Seen(place, layer, given))
        else:
            self._went_back(layer, given[0])
        result = method(*given)
        self.check(place, way)
        if way == "forward":
            self.note(f"the output of {place}", result[0])
            self.note(f"the cache of {place}", result[1])
        else:
            self.note(f"the gradients of {place}", result)
        return result

    def _went_back(self, layer: Layer, delta: Any) -> None:
        """The δ belongs to the part's last call that has none."""
        call = next((c for c in reversed(self.seen) if c.layer is layer and c.delta is None), None)
        if call is not None:
            call.delta = delta


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
