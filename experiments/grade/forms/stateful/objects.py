"""An object of a class that keeps things on itself: what its parameters are, how it is called."""

import copy
import dis
import inspect
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from experiments.grade.errors import Unclear
from experiments.grade.forms.piece import Arrays
from experiments.grade.forms.stateful.slots import (
    Slot,
    copied,
    gradient_in,
    is_marked,
    kept_at,
    label,
    numbers,
    put,
    slots,
    stem,
    transposes,
)
from manual.numbers.number_types import Array

RATE = 2.0**40
"""The learning rate of a layer that moves its parameters itself: against so long a step a parameter's own digits are
lost, and the step, a power of two, divides out exactly."""
RATES = {"learning_rate", "learningrate", "lr", "eta", "alpha", "rate", "step_size", "l_rate", "learn_rate", "lrate"}
TRAINING = {"training", "train", "is_training", "training_mode", "mode"}
PROBES = 4
"""How often it is tried whether an array changes the output."""
OWN = ("self", "cls")
"""What a method calls what it is of; a static one has none."""
OUTPUTS = ("output", "outputs", "out", "y", "result", "activation", "a", "A", "z", "Z")
"""What a forward that returns nothing calls its output."""


class Methods(NamedTuple):
    """The names of a class's two methods."""

    forward: str
    backward: str


FORWARD = ("forward", "forward_pass", "forward_propagation", "forward_prop", "fprop", "feed_forward", "feedforward")
BACKWARD = (
    "backward",
    "backward_pass",
    "backward_propagation",
    "backward_prop",
    "back_propagation",
    "backprop",
    "bprop",
)


def plain(name: str) -> str:
    """A name however people write it: forwardPropagation, forward_propogation."""
    return name.lower().replace("_", "").replace("propogat", "propagat") if name.strip("_") == name else name


def methods_named(kind: type, names: Iterable[str]) -> Iterator[str]:
    """A class's methods of these names, in their order."""
    own = {plain(n): n for n in reversed(dir(kind)) if inspect.isfunction(getattr(kind, n, None))}
    yield from (own[plain(n)] for n in names if plain(n) in own)


def methods_of(kind: type) -> Methods | None:
    """The two methods, by the first of the names that people give them."""
    forward = next(methods_named(kind, (*FORWARD, "__call__")), None)
    backward = next(methods_named(kind, BACKWARD), None)
    return Methods(forward, backward) if forward and backward else None


def returns_a_tuple(method: Any) -> bool:
    """Whether a method returns several values: an output and a cache are the contract's, not kept on itself."""
    return any(_returned_tuples(method))


def returns_tuples_alone(method: Any) -> bool:
    """Whether it does so wherever it returns; a cost may give what it is the sum of where it is told to."""
    return returns_a_tuple(method) and all(_returned_tuples(method))


def _returned_tuples(method: Any) -> Iterator[bool]:
    steps = [step.opname for step in dis.get_instructions(method)]
    return (one == "BUILD_TUPLE" for one, two in pairwise(steps) if two == "RETURN_VALUE")


def is_of_its_input(forward: Any, backward: Any) -> bool:
    """Whether a backward is handed what forward is, which keeps nothing: it is a derivative there, and takes no δ."""
    keeps = any(step.opname == "STORE_ATTR" for step in dis.get_instructions(forward))
    return not keeps and len(needed(forward)) == 1 and needed(forward) == needed(backward)


def needed(method: Any) -> list[str]:
    """The arguments that a method cannot do without, but for self."""
    parameters = [p for p in inspect.signature(method).parameters.values() if p.name not in OWN]
    kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [p.name for p in parameters if p.default is p.empty and p.kind not in kinds]


def accepted(method: Any) -> list[str]:
    """All of its arguments, but for self."""
    return [n for n in inspect.signature(method).parameters if n not in OWN]


# ---------------------------------------------------------------- calling it


def output_of(thing: Any, returned: Any, before: set[str]) -> Any:
    """What a forward gives: what it returns, or keeps as its output.

    Raises:
        Unclear: neither.
    """
    if returned is not None:
        return returned
    name = next((n for n in OUTPUTS if isinstance(getattr(thing, n, None), np.ndarray)), None)
    new = [n for n in vars(thing) if n not in before and isinstance(getattr(thing, n), np.ndarray)]
    name = name or (new[0] if len(new) == 1 else None)
    if name is None:
        raise Unclear("forward returned nothing; expected the output, or self.output")
    return getattr(thing, name)


def arguments_of(method: Any) -> dict[str, Any]:
    """What a forward is to be told besides: that it is training."""
    return {n: "train" if n == "mode" else True for n in needed(method) if n in TRAINING}


# ---------------------------------------------------------------- parameters and gradients


def _beside(prototype: Any, by: float, rng: np.random.Generator) -> Any:
    """A copy of an object whose arrays are others, so far from its own."""
    own = copied(prototype)
    for array in {id(a): a for _, a in slots(own)}.values():
        array += by * rng.standard_normal(array.shape)
    return own


class Parameters:
    """The arrays of an object that its output depends on: by name, and in how many places each is kept."""

    def __init__(self, prototype: Any, x: Any, call: Callable[[Any, Any], Any], rng: np.random.Generator) -> None:
        self.places: dict[str, list[Slot]] = {}
        prototype = _without_zeros(prototype, rng)
        self.turned = transposes(prototype)
        by_identity: dict[int, list[Slot]] = {}
        for slot, array in [each for each in slots(prototype) if each[0] not in self.turned]:
            by_identity.setdefault(id(array), []).append(slot)
        kept = dict(slots(prototype))
        for places in by_identity.values():
            places.sort(key=lambda slot: sum(step.is_item for step in slot))  # it is called what has a name
            array = kept[places[0]]
            for seed in range(PROBES):  # where a unit is dead, or dropped, its weights change nothing
                base, other = (
                    _beside(prototype, 2**seed, rng) if seed else prototype,
                    array + rng.standard_normal(array.shape),
                )
                if self._matters(base, lambda own, p=places, a=other: self._put_all(own, p, a), x, call, seed):
                    self.places[label(places[0])] = places
                    break
        settings = {**vars(type(prototype)), **vars(prototype)}
        rates = [n for n, v in settings.items() if n.lower() in RATES and isinstance(v, float | int)]
        self.rates = [n for n in rates if not self._matters(prototype, lambda own, n=n: setattr(own, n, RATE), x, call)]

    @staticmethod
    def _matters(
        prototype: Any, change: Callable[[Any], None], x: Any, call: Callable[[Any, Any], Any], seed: int = 0
    ) -> bool:
        """Whether a change of the object gives another output, or none; chance aside."""

        def run(do: Callable[[Any], None]) -> Array:
            own = copy.deepcopy(prototype)
            do(own)
            np.random.seed(seed)
            return np.asarray(call(own, copy.deepcopy(x)))

        before = run(lambda _: None)
        try:
            return not np.array_equal(before, run(change), equal_nan=True)
        except Exception:
            return True

    def leave_out(self, prototype: Any, data: Array) -> None:
        """Data that an object keeps are no parameter."""
        kept = dict(slots(prototype))
        self.places = {n: p for n, p in self.places.items() if not np.array_equal(kept[p[0]], data)}

    def drawn(self, prototype: Any, rng: np.random.Generator) -> Arrays:
        """Random arrays of their shapes."""
        kept = dict(slots(prototype))
        return {name: rng.standard_normal(kept[places[0]].shape) for name, places in self.places.items()}

    def with_these(self, prototype: Any, arrays: Arrays) -> Any:
        """A copy of the object that has them."""
        own = copy.deepcopy(prototype)
        for name, places in self.places.items():
            self._put_all(own, places, arrays[name])
        for name in self.rates:
            setattr(own, name, RATE)
        return own

    def _put_all(self, own: Any, places: Sequence[Slot], value: Array) -> None:
        value = np.copy(value)
        for slot in places:
            put(own, slot, value)
        for slot in [turned for turned, base in self.turned.items() if base in places]:
            put(own, slot, value.T)

    def kept_gradients(self, own: Any) -> Arrays:
        """The gradients that an object keeps under names of their own."""
        kept, found = dict(numbers(own)) | dict(slots(own)), {}
        for place, (name, places) in enumerate(self.places.items()):
            gradient = next((g for p in places if (g := gradient_in(kept, p, place)) is not None), None)
            if gradient is not None:
                found[f"d{name}"] = gradient
        if not found and len(self.places) == 1:  # the one parameter's may be called grad alone
            ((name, (place, *_)),) = self.places.items()
            alone = (g for slot, g in kept.items() if is_marked(str(slot[-1].key)) and not stem(str(slot[-1].key)))
            found = {f"d{name}": g for g in alone if np.shape(g) == np.shape(kept[place])}
        return found

    def gradients(self, own: Any, before: Arrays, rate: float = RATE) -> Arrays:
        """The gradients that an object keeps after its backward: under a name of their own, or as what its parameters
        moved by at this rate."""
        found = self.kept_gradients(own)
        for name, places in self.places.items():
            moved = kept_at(own, places[0])
            if f"d{name}" not in found and moved is not None and not np.array_equal(moved, before[name]):
                found[f"d{name}"] = (before[name] - moved) / (rate or RATE)
        return {n: in_shape_of(np.asarray(g), before[n[1:]]) for n, g in found.items()}


def _without_zeros(prototype: Any, rng: np.random.Generator) -> Any:
    """An object whose weights do not begin as 0, where none before them would matter."""
    own = copy.deepcopy(prototype)
    for slot, array in [*slots(own)]:
        if array.ndim > 1 and not np.any(array):
            put(own, slot, rng.standard_normal(array.shape))
    return own


def in_shape_of(gradient: Array, parameter: Array) -> Array:
    """A gradient that can be subtracted from its parameter in place, as NumPy broadcasts it."""
    try:
        fits = np.broadcast_shapes(gradient.shape, parameter.shape) == parameter.shape
    except ValueError:
        return gradient
    return np.broadcast_to(gradient, parameter.shape).copy() if fits else gradient


def are_those_kept(returned: Any, gradients: Iterable[Array]) -> bool:
    """Whether a backward returns the gradients that its layers keep, in a list for each: ∂C/∂x is none of these.

    Raises:
        Unclear: it returns others so.
    """
    if not isinstance(returned, list) or not all(isinstance(each, list | tuple) for each in returned):
        return False
    kept = [*gradients]
    if all(any(np.array_equal(g, one) for one in kept) for each in returned for g in each):
        return True
    raise Unclear("backward returned other gradients than those that its layers keep")


def input_gradient(own: Any, returned: Any, x: Array, new: Sequence[str]) -> Any:
    """What a backward gives as ∂C/∂x: what it returns, the first of several, or what it keeps as such."""
    if isinstance(returned, tuple | list):
        return returned[0] if len(returned) else None
    if returned is not None:
        return returned
    kept = [n for n in vars(own) if isinstance(getattr(own, n), np.ndarray) and stem(n) == "x"]
    marked = [n for n in kept if n in new] or [n for n in kept if is_marked(n)]
    return next((getattr(own, n) for n in marked if np.shape(getattr(own, n)) == x.shape), None)
