"""What the forms of a piece have in common: how it is described, and how it runs."""

import ast
import copy
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from types import CodeType, FunctionType, ModuleType
from typing import Any, NamedTuple

import numpy as np

from experiments.grade.errors import Unclear
from manual.numbers.number_types import Array

Arrays = dict[str, Array]
Fields = dict[str, Any]
NO_FIELDS: Fields = {}
Outputs = Any
"""One output, or a dict of several by name; δ likewise."""


class Ran(NamedTuple):
    """One forward pass: its output, and the backward from there.

    There is no backward where a form asks for none, as when a norm is tested. `gradient` is a layer's own shorter way,
    if it has one. Where the form promises that a backward leaves the cache alone, it is `pure`, and is called twice.
    """

    y: Outputs
    backward: Callable[[Any], Arrays] | None
    gradient: Callable[[Any], Arrays] | None = None
    pure: bool = True

    @property
    def outputs(self) -> Fields:
        """By name: "y", where there is one."""
        return by_name(self.y)


def by_name(y: Outputs) -> Fields:
    """One output or several, by name."""
    return y if isinstance(y, dict) else {"y": y}


@dataclass(frozen=True)
class Example:
    """The inputs of a forward: `run` makes a pass of them, on any numbers. Without δ, its output is a cost.

    Args:
        arrays: the inputs by name. What `run(arrays).backward` returns as "dx" is the derivative by "x".
        run: makes the pass; it is handed copies, and must make anew what a pass leaves behind.
        delta: the upstream gradient, of the shape of the output, or a dict of them.
        fixed: the arrays of floats that have no derivative. Arrays of integers never have one.
        place: at which of several settings this is, as a row says it.
        choice: a convention that the file does not tell, such as which cost a network has. Of several, the one counts
            for all examples by which most agrees.
        together: whether the gradients come with the output, so that the forward decides on the way to them, too.
        known: what torch has it as, by a name in judging/torch_forwards.py, and with which options.
        options: of that.
        convention: what is to be remarked of gradients that agree.
    """

    arrays: Arrays
    run: Callable[[Arrays], Ran]
    delta: Outputs = None
    fixed: tuple[str, ...] = ()
    place: str = ""
    choice: str = ""
    together: bool = False
    known: str = ""
    options: Fields = field(default_factory=dict)
    convention: str = ""

    @property
    def floats(self) -> Arrays:
        """The inputs to differentiate by."""
        return {n: a for n, a in self.arrays.items() if a.dtype.kind == "f" and n not in self.fixed}

    @property
    def settings(self) -> list[str]:
        """The single numbers that have no derivative. They are said, as one of them may be a parameter."""
        return [n for n in self.fixed if not self.arrays[n].ndim]

    def scaled(self, factor: float) -> "Example":
        """The example with a larger input; its parameters stay."""
        first = next(iter(self.arrays))
        if first not in self.floats:
            return self
        return replace(self, arrays={**self.arrays, first: np.asarray(self.arrays[first] * factor)})

    def within(self) -> "Iterator[Example]":
        """The example in smaller domains, where a logarithm, a root, an arcsine or such a function is a number."""
        for domain in DOMAINS:
            yield replace(self, arrays=self.arrays | {n: np.asarray(domain(a)) for n, a in self.floats.items()})

    def moved(self, seed: int) -> "Example":
        """The example a little beside itself, where a decision that lies on an edge is off it."""
        rng = np.random.default_rng(seed)
        return replace(self, arrays=self.arrays | {n: np.asarray(a + _step(a, rng)) for n, a in self.floats.items()})


DOMAINS = (
    lambda a: a / (1 + abs(a)),  # (−1, 1)
    lambda a: 0.125 + abs(a),  # above 0
    lambda a: (0.125 + abs(a)) / (1 + abs(a)),  # (0, 1)
    lambda a: 1.125 + abs(a),  # above 1
)
"""Where a forward is tried that is no number at inputs of either sign."""


def _step(a: Array, rng: np.random.Generator) -> Array:
    return (
        (2.0**-6 * max(1.0, float(np.abs(a).max(initial=0))))
        * rng.uniform(0.5, 1, a.shape)
        * rng.choice([-1, 1], a.shape)
    )


class Taught(NamedTuple):
    """What trains by a piece is handed of it: data and target, and the names of its parameters; which function or
    method gives the gradients, and at which strength of a penalty; of a class, how an object is made of parameters at a
    rate, and what it then has of them."""

    x: Any
    y: Any
    names: list[str]
    gives: str
    penalty: float = 0
    make: Callable[[Arrays, float], Any] = lambda given, _: given
    kept: Callable[[Any], Arrays] = lambda own: own


class Piece:
    """One thing to check. `arguments` are what its forward cannot do without; `accepts`, what may be set besides.

    `judging` says how the grader judges it (judging/checker.py): by "truth", where `truth_examples` is all it needs.
    """

    form: str
    judging = "truth"
    module: ModuleType
    has_cost = False
    has_gradient = False
    gradients_by = ""
    """The function or the method that gives the gradients of all parameters, by its name, where others may train by it;
    these are handed what is `taught`, once an example is drawn."""
    taught: Taught
    otherwise: "Piece | None" = None
    """What it may be besides, where how it is called as this is not known."""
    is_otherwise = False
    """Whether it is judged as that."""
    written: Collection[CodeType] = ()
    """The functions whose statements are run with those of another."""
    statements: Sequence[tuple[ast.stmt, FunctionType]] = ()
    """What it runs of the file besides functions, statement by statement, as a training loop."""

    def __init__(self, name: str, arguments: list[str], accepts: list[str], made_of: list[Any]) -> None:
        self.name, self.arguments, self.accepts, self.made_of = name, arguments, accepts, made_of
        self.partly = set[str]()
        """The methods of which the first step alone is judged."""
        self.elsewhere = set[str]()
        """Those that move parameters by another rule than along their gradients, which is not judged."""

    def run(self, given: Arrays, options: Fields) -> Ran:
        """One pass from these arrays, with these hyperparameters."""
        raise NotImplementedError

    def draw(self, seed: int) -> list[Example]:
        """What the truth is taken of, drawn by this seed; of what else it may be, where this is not known."""
        try:
            return [*self.truth_examples(np.random.default_rng(seed))]
        except Unclear:
            if self.otherwise is None:
                raise
            with suppress(Unclear):
                found = self.otherwise.draw(seed)
                self.is_otherwise = True
                return found
            raise

    def truth_examples(self, rng: np.random.Generator) -> Iterator[Example]:
        """What the truth is taken of.

        Raises:
            Unclear: the file does not say what to call the forward with.
        """
        raise NotImplementedError


HALVINGS = 20
"""How often δ is halved, so that no gradient is cut off."""


def below_clipping(run: Callable[[Arrays], Ran], arrays: Arrays, delta: Outputs) -> Outputs:
    """A δ so small that no gradient is cut off: up to there a backward is linear in δ."""

    def gradients(delta: Outputs) -> Arrays:
        np.random.seed(0)  # so that each draws the same
        backward: Any = run({n: a.copy() for n, a in arrays.items()}).backward
        return backward(copy.deepcopy(delta))

    larger = delta
    with suppress(Exception):  # which is said where it is run
        found = gradients(larger)
        for _ in range(HALVINGS):
            half = {n: d / 2 for n, d in larger.items()} if isinstance(larger, dict) else larger / 2
            of_half = gradients(half)
            if all(np.allclose(g, 2 * of_half[n], rtol=2.0**-30, atol=0) for n, g in found.items()):
                return larger
            larger, found = half, of_half
    return delta


def pair(result: Any, method: str, expected: str) -> tuple[Any, Any]:
    """A result of two.

    Raises:
        Unclear: it is something else.
    """
    if not isinstance(result, tuple) or len(result) != 2:
        got = f"{len(result)} values" if isinstance(result, tuple) else f"a {type(result).__name__}"
        raise Unclear(f"{method} returned {got}; expected {expected}")
    return result


def aliases(name: str) -> tuple[str, ...]:
    """What a parameter or its gradient may be called."""
    others = {"weight": ("W", "w", "weights", "gamma"), "bias": ("b", "biases", "beta")}.get(name, ())
    return (name, *others)


def gradient_names(name: str) -> tuple[str, ...]:
    """What the gradient of a parameter may be called in a dict."""
    return tuple(
        form.format(n) for n in aliases(name) for form in ("{}", "d{}", "d_{}", "grad_{}", "grad{}", "{}_grad")
    )
