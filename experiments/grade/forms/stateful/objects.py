"""An object of a class that keeps things on itself: how it is made, what its parameters are, how it is called."""

import copy
import dis
import inspect
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise, product
from typing import Any, NamedTuple

import numpy as np

from experiments.grade.errors import Unclear
from experiments.grade.forms.piece import Arrays
from experiments.grade.forms.stateful.slots import Slot, gradient_in, label, put, slots, stem
from manual.numbers.number_types import Array

RATE = 2.0**40
"""The learning rate of a layer that moves its parameters itself: against so long a step a parameter's own digits are
lost, and the step, a power of two, divides out exactly."""
RATES = {"learning_rate", "learningrate", "lr", "eta", "alpha", "rate", "step_size", "l_rate"}
TRAINING = {"training", "train", "is_training", "training_mode", "mode"}
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


def methods_of(kind: type) -> Methods | None:
    """The two methods, by the first of the names that people give them."""
    forward = next((n for n in (*FORWARD, "__call__") if inspect.isfunction(getattr(kind, n, None))), None)
    backward = next((n for n in BACKWARD if inspect.isfunction(getattr(kind, n, None))), None)
    return Methods(forward, backward) if forward and backward else None


def returns_a_tuple(method: Any) -> bool:
    """Whether a method returns several values: an output and a cache are the contract's, not kept on itself."""
    steps = [step.opname for step in dis.get_instructions(method)]
    return any(one == "BUILD_TUPLE" and two == "RETURN_VALUE" for one, two in pairwise(steps))


def needed(method: Any) -> list[str]:
    """The arguments that a method cannot do without, but for self."""
    parameters = [*inspect.signature(method).parameters.values()][1:]
    kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [p.name for p in parameters if p.default is p.empty and p.kind not in kinds]


def accepted(method: Any) -> list[str]:
    """All of its arguments, but for self."""
    return [*inspect.signature(method).parameters][1:]


# ---------------------------------------------------------------- making one


def constructions(kind: type, rng: np.random.Generator, parts: Sequence[Any] = ()) -> Iterator[list[Any]]:
    """What a constructor may be called with: sizes, arrays, an activation and its derivative, or the parts of a
    network."""
    count = len(needed(kind.__init__)) if "__init__" in dir(kind) and inspect.isfunction(kind.__init__) else 0
    if not count:
        yield []
        return
    if parts and count == 1:
        yield [[*parts]]
    sizes = {1: [[3], [4]], 2: [[3, 4], [2, 3]], 3: [[3, 4, 2], [2, 3, 3]], 4: [[2, 3, 3, 1]]}
    shapes = {1: [[(3, 4)], [(3,)]], 2: [[(3, 4), (4,)], [(3, 4), (1, 4)], [(4, 3), (4, 1)], [(3,), (3,)]]}
    arrays = [[rng.standard_normal(shape) for shape in each] for each in shapes.get(count, [])]
    if count == 1:  # one number is a setting rather than an array
        yield from [*sizes[1], *arrays]
    else:
        yield from [*arrays, *sizes.get(count, [])]
    if count == 2:
        yield [np.tanh, lambda x: 1 - np.tanh(x) ** 2]


BATCHES: dict[str, tuple[int, ...]] = {
    "examples are rows": (5, 3), "examples are columns": (3, 5), "pictures": (2, 2, 5, 6),
    "pictures, channels last": (2, 5, 6, 2), "sequences": (2, 5, 3),
}  # fmt: skip
"""What x may be."""
SINGLE: dict[str, tuple[int, ...]] = {
    "one example, a column": (3, 1), "one example, a vector": (3,), "one picture": (2, 5, 6),
}  # fmt: skip
"""What it may be where it cannot be several examples. There is no single row: what fails on several examples as rows
would pass on one."""


class Fitted(NamedTuple):
    """An object that runs, and on what."""

    prototype: Any
    family: str
    x: Array


def network_of(kinds: Sequence[type], rng: np.random.Generator) -> list[Any]:
    """Two layers of sizes with what has none between them, of a file's own classes; none where it lacks a layer."""
    dense = activation = None
    for kind in kinds:
        for arguments in constructions(kind, rng):
            try:
                made = kind(*arguments)
            except Exception:
                continue
            if all(isinstance(a, int) for a in arguments) and arguments == [3, 4]:
                dense = dense or kind
            elif not arguments:
                activation = activation or made
            break
    if dense is None:
        return []
    return [dense(3, 4), *([activation] if activation is not None else []), dense(4, 2)]


def fitted(
    kind: type,
    call: Callable[[Any, Array], Any],
    back: Callable[[Any, Any], Any],
    rng: np.random.Generator,
    parts: Sequence[Any] = (),
) -> Fitted:
    """The first object and input on which forward and backward run; else those on which forward does.

    Raises:
        Unclear: there are none.
    """
    forward_alone, why = None, ""
    for families in (BATCHES, SINGLE):
        for arguments, family in product([*constructions(kind, rng, parts)], families):
            x = rng.standard_normal(families[family])
            try:
                prototype = kind(*copy.deepcopy(arguments))
                own = copy.deepcopy(prototype)
                y = np.asarray(call(own, x.copy()))
                if y.dtype.kind != "f" or not y.size:
                    continue
            except Exception as error:
                why = why or f"{type(error).__name__}: {error}"
                continue
            found = Fitted(prototype, family, x)
            try:
                back(own, rng.standard_normal(y.shape))
                return found
            except Exception:
                forward_alone = forward_alone or found
    if forward_alone is None:
        raise Unclear(f"how a {kind.__name__} is made, or what its forward takes, is not known; the first raised {why}")
    return forward_alone


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


class Parameters:
    """The arrays of an object that its output depends on: by name, and in how many places each is kept."""

    def __init__(self, prototype: Any, x: Array, call: Callable[[Any, Array], Any], rng: np.random.Generator) -> None:
        self.places: dict[str, list[Slot]] = {}
        by_identity: dict[int, list[Slot]] = {}
        for slot, array in slots(prototype):
            by_identity.setdefault(id(array), []).append(slot)
        kept = dict(slots(prototype))
        for places in by_identity.values():
            array = kept[places[0]]
            if self._matters(prototype, places, array, x, call, rng):
                self.places[label(places[0])] = places

    def _matters(
        self,
        prototype: Any,
        places: Sequence[Slot],
        array: Array,
        x: Array,
        call: Callable[[Any, Array], Any],
        rng: np.random.Generator,
    ) -> bool:
        """Whether another array there gives another output; chance aside."""
        outputs = []
        for values in (array, array, array + rng.standard_normal(array.shape)):
            own = copy.deepcopy(prototype)
            _put_all(own, places, np.array(values))
            np.random.seed(0)
            outputs.append(np.asarray(call(own, x.copy())))
        return not np.array_equal(outputs[0], outputs[2], equal_nan=True)

    def drawn(self, prototype: Any, rng: np.random.Generator) -> Arrays:
        """Random arrays of their shapes."""
        kept = dict(slots(prototype))
        return {name: rng.standard_normal(kept[places[0]].shape) for name, places in self.places.items()}

    def with_these(self, prototype: Any, arrays: Arrays) -> Any:
        """A copy of the object that has them."""
        own = copy.deepcopy(prototype)
        for name, places in self.places.items():
            _put_all(own, places, arrays[name])
        for name in vars(own):
            if name.lower() in RATES and isinstance(getattr(own, name), float | int):
                setattr(own, name, RATE)
        return own

    def gradients(self, own: Any, before: Arrays) -> Arrays:
        """The gradients that an object keeps after its backward: under a name of their own, or as what its parameters
        moved by."""
        kept = dict(slots(own))
        found = {}
        for place, (name, places) in enumerate(self.places.items()):
            gradient = next((g for p in places if (g := gradient_in(kept, p, place)) is not None), None)
            moved = kept.get(places[0])
            if gradient is None and moved is not None and not np.array_equal(moved, before[name]):
                gradient = (before[name] - moved) / RATE
            if gradient is not None:
                found[f"d{name}"] = in_shape_of(np.asarray(gradient), before[name])
        return found


def _put_all(own: Any, places: Sequence[Slot], value: Array) -> None:
    value = np.copy(value)
    for slot in places:
        put(own, slot, value)


def in_shape_of(gradient: Array, parameter: Array) -> Array:
    """A gradient that can be subtracted from its parameter in place, as NumPy broadcasts it."""
    try:
        fits = np.broadcast_shapes(gradient.shape, parameter.shape) == parameter.shape
    except ValueError:
        return gradient
    return np.broadcast_to(gradient, parameter.shape).copy() if fits else gradient


def input_gradient(own: Any, returned: Any, x: Array, new: Sequence[str]) -> Any:
    """What a backward gives as ∂C/∂x: what it returns, the first of several, or what it keeps as such."""
    if isinstance(returned, tuple | list):
        return returned[0] if len(returned) else None
    if returned is not None:
        return returned
    kept = [n for n in vars(own) if isinstance(getattr(own, n), np.ndarray) and stem(n) == "x" and n != stem(n)]
    marked = [n for n in kept if n in new] or kept
    return next((getattr(own, n) for n in marked if np.shape(getattr(own, n)) == x.shape), None)
