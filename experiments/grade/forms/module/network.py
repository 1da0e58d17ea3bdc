"""A network as functions whose weights are the module's: forward(X) reads W1, or model["W1"], and backward gives all.

The two are judged as the methods of a class are (whole-network-class), whose objects keep what the module keeps:
arrays, dicts, lists, objects of the file's own classes.
Compared with the truth of its own forward.
"""

import copy
import dis
import inspect
from collections.abc import Callable, Iterator
from functools import partial, wraps
from types import ModuleType
from typing import Any

import numpy as np

from experiments.grade.errors import Unclear
from experiments.grade.forms.definitions import Definitions
from experiments.grade.forms.loops.turns.space import data_of
from experiments.grade.forms.piece import Example, Piece
from experiments.grade.forms.stateful.objects import plain
from experiments.grade.forms.stateful.slots import put, slots
from experiments.grade.forms.whole import network_methods
from experiments.grade.forms.whole.forward_backward import GIVES, RUNS
from experiments.grade.forms.whole.network_class import NetworkClass
from experiments.grade.forms.whole.network_data import role
from experiments.grade.forms.whole.network_methods import NetworkMethods

Function = Callable[..., Any]
SMALL = (4, 5, 6, 7)
"""What the sizes become, the smallest first: none is below the words of STEPS."""
MOST = 400
"""Numbers that the weights may have together, before they are made small."""


def pieces(found: Definitions) -> Iterator[Piece]:
    """A forward that reads arrays of the module, and the backward that asks for what is known."""
    functions, named = found.functions().values(), {*map(plain, network_methods.GIVES)}
    for forward in [f for f in functions if RUNS.fullmatch(f.__name__) and state_of(found, f)]:
        for backward in [f for f in functions if GIVES.fullmatch(f.__name__) or plain(f.__name__) in named]:
            kind = as_a_class(found, forward, backward)
            if methods := NetworkMethods.of(kind, found):
                name = f"{forward.__name__}, {backward.__name__}"
                yield ModuleNetwork(name, kind, methods, found, forward, backward)
                yield from _steps(found, forward, backward)
                break


def _steps(found: Definitions, forward: Function, backward: Function) -> Iterator[Piece]:
    """What moves the weights once by the gradients of the backward: sgd_step(x, y, learning_rate)."""
    for step in found.functions().values():
        calls = backward.__name__ in step.__code__.co_names and any(_made_by(step))
        if calls and {"x", "y", "rate"} == {role(n) for n in inspect.signature(step).parameters}:
            kind = as_a_class(found, forward, step)
            methods = NetworkMethods(kind, forward.__name__, step.__name__, found)
            yield ModuleNetwork(step.__name__, kind, methods, found, step)


class ModuleNetwork(NetworkClass):
    """The two functions."""

    is_a = form = "network as functions"

    def of_its_file(self, own: Any, function: Any) -> Any:
        """A function of the file, which reads what the object keeps in its module's place."""
        return partial(_method(function, [*vars(own)], vars(self.module)), own)

    def truth_examples(self, rng: np.random.Generator) -> Iterator[Example]:
        """Of small weights, where those of the module are many."""
        kept = dict(slots({n: vars(self.module)[n] for n in self.kept}))
        if sum(a.size for a in kept.values()) > MOST:
            smaller = made_small({int(n) for a in kept.values() for n in a.shape if n > 1})
            for way, array in kept.items():
                small = rng.standard_normal([smaller.get(int(n), int(n)) for n in array.shape])
                put(vars(self.module), (way[0]._replace(is_item=True), *way[1:]), small)
            shrink_numbers(self.module, smaller)
        yield from super().truth_examples(rng)

    def __init__(
        self, name: str, kind: type, methods: NetworkMethods, found: Definitions, *functions: Function
    ) -> None:
        super().__init__(name, kind, methods, found)
        self.made_of, self.kept = [*functions], state_of(found, *functions)


def called(found: Definitions, function: Function) -> list[Function]:
    """A function, and those of the file that it calls, whichever way."""
    own, every = found.own(), [function]
    for f in every:
        others = [own.get(n) for n in f.__code__.co_names]
        every += [f for f in others if inspect.isfunction(f) and f not in every]
    return every


def state_of(found: Definitions, *functions: Function) -> list[str]:
    """The names of the module that functions read, and that hold arrays of floats."""
    every, space = [f for function in functions for f in called(found, function)], data_of(vars(found.module))
    defaults = {id(value) for f in every for value in f.__defaults__ or ()}
    read = {n for f in every for n in f.__code__.co_names}
    return [n for n, v in space.items() if (n in read or id(v) in defaults) and next(slots({n: v}), None)]


def as_a_class(found: Definitions, *functions: Function) -> type:
    """A class with these functions as its methods."""
    space = vars(found.module)
    names = [*state_of(found, *functions), *(n for f in functions for n in _made_by(f))]

    def begin(self: Any) -> None:
        vars(self).update(copy.deepcopy({n: space[n] for n in names if n in space}))

    methods = {f.__name__: _method(f, names, space) for f in functions}
    return type(functions[0].__name__, (), {"__init__": begin, "__module__": found.module.__name__, **methods})


def _made_by(function: Function) -> Iterator[str]:
    """The names of the module that a function sets."""
    yield from (step.argval for step in dis.get_instructions(function) if step.opname == "STORE_GLOBAL")


def _method(function: Function, names: list[str], space: dict[str, Any]) -> Function:
    """A function that reads these names of its module, as a method of what keeps them."""

    @wraps(function)
    def method(self: Any, *given: Any, **named: Any) -> Any:
        before = {n: space[n] for n in names if n in space}
        arrays = [*slots(before)]
        for way, array in slots(self):  # each in its place, for who was handed the object that holds them as a default
            put(space, (way[0]._replace(is_item=True), *way[1:]), array)
        try:
            result = function(*given, **named)
            for way, array in slots({n: space[n] for n in names if n in space}):
                put(self, (way[0]._replace(is_item=False), *way[1:]), array)
            return result
        finally:
            space.update(before)
            for way, array in arrays:
                put(space, way, array)

    own = inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY)
    vars(method)["__signature__"] = inspect.Signature([own, *inspect.signature(function).parameters.values()])
    return method


def made_small(sizes: set[int]) -> dict[int, int]:
    """Small numbers for sizes: what is a multiple of another, or the sum of two, as a cell's gates are, stays so."""
    small: dict[int, int] = {}
    left = iter(SMALL)
    for n in sorted(sizes):
        times = next((k * small[m] for m in small for k in (2, 3, 4) if n == k * m), 0)
        added = next((small[a] + small[b] for a in small for b in small if n == a + b and a < b), 0)
        small[n] = times or added or next(left, 0)
    if 0 in small.values():
        raise Unclear(f"expected weights of at most {len(SMALL)} sizes, got {sorted(sizes)}")
    return small


def shrink_numbers(module: ModuleType, smaller: dict[int, int]) -> None:
    """Give the integers of a module that name such a size its small number."""
    for name, value in [*vars(module).items()]:
        if type(value) is int and value in smaller:
            vars(module)[name] = smaller[value]
