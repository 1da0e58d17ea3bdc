"""Two functions: forward(x, …) gives y, or (y, cache); backward(delta, …) gives the gradients.

The backward's other arguments are those of forward, by name, or what forward returned beside y. The gradients come
in the order of the arguments, or as a dict. Named linear_forward and linear_backward, or for relu, sigmoid, tanh or
softmax, they are compared with torch; others with the truth of forward, on what examples(rng) yields: its
arguments.
"""

import inspect
import re
from collections.abc import Callable, Iterator
from copy import deepcopy
from functools import partial
from types import ModuleType
from typing import Any

import numpy as np

from experiments.grade.errors import Unclear
from experiments.grade.forms.definitions import Definitions
from experiments.grade.forms.own_examples import of_function
from experiments.grade.forms.piece import Arrays, Example, Fields, Piece, Ran
from experiments.grade.forms.settings import AS_ITSELF, at_defaults, others
from experiments.grade.forms.stateful.objects import returns_a_tuple
from manual.numbers.number_types import Array

SHAPES = {
    **dict.fromkeys(("x", "z", "a", "inputs"), (5, 3)),
    **dict.fromkeys(("W", "w", "weight", "weights"), (4, 3)),
    **dict.fromkeys(("b", "bias"), (4,)),
    **dict.fromkeys(("gamma", "beta"), (3,)),
}
"""What a forward's arguments are where the file has no `examples(rng)`: by their name."""
OF_OUTPUT = {"a", "y", "out", "output", "outputs", "s", "p", "activation", "activations"}
OF_INPUT = {"x", "z", "inp", "input", "inputs", "pre_activation"}
"""What a backward calls the forward's output, or its input, where the forward calls it otherwise."""


def pieces(found: Definitions) -> Iterator[Piece]:
    """Every forward and backward, or name_forward and name_backward."""
    functions, pairs = found.functions(), {}
    for name, backward in functions.items():
        match = re.fullmatch(r"(\w+_)?backward", name)
        forward = functions.get(f"{match[1] or ''}forward") if match else None
        # a backward of the same arguments has no δ: it is a cost's
        if match and forward and {*inspect.signature(forward).parameters} != {*inspect.signature(backward).parameters}:
            pairs[(match[1] or "forward").rstrip("_")] = forward, backward
    for name, (forward, backward) in pairs.items():
        others = [inspect.signature(f).parameters for n, (f, _) in pairs.items() if n != name]
        yield FunctionsPiece(name, forward, backward, found.module, [[*parameters] for parameters in others])


class FunctionsPiece(Piece):
    """Two functions. The backward's arguments after delta are the forward's, by name, or what the forward kept."""

    form = judging = "functions"

    def __init__(
        self,
        name: str,
        forward: Callable[..., Any],
        backward: Callable[..., Any],
        module: ModuleType,
        others: list[list[str]],
    ) -> None:
        parameters = inspect.signature(forward).parameters
        needed = [n for i, (n, p) in enumerate(parameters.items()) if i == 0 or p.default is p.empty or n in SHAPES]
        super().__init__(name, needed, [n for n in parameters if n not in needed], [forward, backward])
        self.of_x, self.of_delta, self.module, self.others = forward, backward, module, others

    def run(self, given: Arrays, options: Fields) -> Ran:
        takes = inspect.signature(self.of_delta).parameters
        first, *names = [n for n, p in takes.items() if p.default is p.empty or n in {**given, **options}]
        if first in given:
            raise Unclear(f"got backward({', '.join([first, *names])}); expected δ first: backward(delta, …)")
        result = self.of_x(**given, **options)
        if isinstance(result, tuple) and len(result) != 2:
            raise Unclear(f"forward returned {len(result)} values; expected y, or (y, cache)")
        y, *cache = result if isinstance(result, tuple) else (result,)

        def backward(delta: Array | None) -> Arrays:
            kept = {n: self._kept(n, given | options, cache, y) for n in names}
            return self._by_name(self.of_delta(delta, **kept), given, [*given, *options])

        return Ran(y, backward)

    def _kept(self, name: str, given: Arrays, cache: list[Any], y: Any) -> Any:
        if name in given:
            return given[name]
        if cache:
            return cache[0]
        if name in OF_OUTPUT:
            return y
        if name in OF_INPUT and len(given) == 1:
            return next(iter(given.values()))
        expected = ", ".join([*given, "y"])
        raise Unclear(
            f"what backward's {name!r} is, is not known: forward returned no cache; expected one of {expected}"
        )

    def _by_name(self, result: Any, given: Arrays, arguments: list[str]) -> Arrays:
        if isinstance(result, dict):
            found = {f"d{n.removeprefix('d')}": g for n, g in result.items()}
            if unknown := [n for n in found if n[1:] not in given]:
                raise Unclear(f"backward returned a gradient {unknown[0]!r}; expected {[f'd{n}' for n in given]}")
            return found
        gradients = result if isinstance(result, tuple | list) else (result,)
        floats = [n for n, a in given.items() if getattr(a, "dtype", None) is not None and a.dtype.kind in "fO"]
        for names in ([*given], arguments, floats, [n for n in floats if given[n].ndim]):
            if len(names) == len(gradients):
                return {f"d{n}": g for n, g in zip(names, gradients, strict=True) if n in floats}
        expected = ", ".join(f"d{n}" for n in given)
        got = "None" if result is None else f"{len(gradients)} arrays"
        raise Unclear(f"backward returned {got}; expected {len(given)}: {expected}")

    def truth_examples(self, rng: np.random.Generator) -> Iterator[Example]:
        hands_on = returns_a_tuple(self.of_x)  # a cache may tell of all settings
        self.form = "functions" + ("" if hands_on else at_defaults(self.of_x, self.of_delta))
        for given in self._inputs(rng):
            arrays = {n: a for n, a in given.items() if isinstance(a, np.ndarray)}
            objects = {n: o for n, o in given.items() if n not in arrays}
            run = partial(self._run_on, objects)
            ran = run({n: a.copy() for n, a in arrays.items()})
            delta = rng.standard_normal(np.shape(ran.y))
            yield Example(arrays, run, delta, fixed=_settings(ran, delta, arrays))
            for place, options in others(self.of_x, self.of_delta, hands_on=hands_on):
                if not self.has_own_examples and not options.keys() & given.keys():
                    run = partial(self._run_on, objects | options)
                    yield Example(arrays, run, delta, fixed=_settings(ran, delta, arrays), place=place, known=AS_ITSELF)

    def _run_on(self, objects: Fields, arrays: Arrays) -> Ran:
        """A pass that may draw from a generator, or write into a dict, as the first one did."""
        return self.run(arrays, deepcopy(objects))

    def _inputs(self, rng: np.random.Generator) -> list[Fields]:
        names = [*self.arguments, *self.accepts]
        own = of_function(self.name, self.arguments, names, self.others, SHAPES, self.module, rng)
        self.has_own_examples = own is not None
        if own is not None:
            return own
        drawn, why = drawn_by_name(self.arguments, rng), ""
        turned = {name: a.T.copy() if a.shape == (4, 3) else a for name, a in drawn.items()}
        for given in (drawn, turned):
            try:
                self.run({n: a.copy() for n, a in given.items()}, {})
            except (ValueError, IndexError) as error:
                why = f"{type(error).__name__}: {error}"
            else:
                return [given]
        shapes = ", ".join(f"{name} {a.shape}" for name, a in drawn.items())
        expected = f"expected examples(rng), which yields ({', '.join(self.arguments)})"
        raise Unclear(f"forward was called with a guess, {shapes}, and raised {why}; {expected}")


def _settings(ran: Ran, delta: Array, arrays: Arrays) -> tuple[str, ...]:
    """The numbers among the arguments that no gradient comes back for: a rate, a probability."""
    try:
        returned = ran.backward(delta) if ran.backward else {}
    except Exception:  # the judging says so
        return ()
    return tuple(n for n, a in arrays.items() if a.dtype.kind == "f" and not a.ndim and f"d{n}" not in returned)


def drawn_by_name(arguments: list[str], rng: np.random.Generator) -> Arrays:
    """Arrays of the shapes that their names mean.

    Raises:
        Unclear: a name means none.
    """
    if not arguments:
        raise Unclear("expected forward(x, …), got one that takes nothing")
    shapes = SHAPES | {arguments[0]: SHAPES["x"]}
    if unknown := [name for name in arguments if name not in shapes]:
        expected = f"expected examples(rng), which yields ({', '.join(arguments)})"
        raise Unclear(f"what {unknown[0]!r} is, is not known; {expected}")
    if SHAPES["W"] not in map(shapes.get, arguments):  # a bias of x itself; beside an a, the second of two inputs
        shapes |= {"b": SHAPES["a"] if "a" in arguments else (3,), "bias": (3,)}
    return {name: rng.standard_normal(shapes[name]) for name in arguments}
