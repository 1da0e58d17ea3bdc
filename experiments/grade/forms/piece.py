"""What the forms of a piece have in common: how it is described, and how it runs."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from experiments.grade.errors import Unclear
from manual.numbers.number_types import Array

Arrays = dict[str, Array]
Fields = dict[str, Any]


class Ran(NamedTuple):
    """One forward pass: its output, and the backward from there. `gradient` is a layer's own shorter way, if it has
    one."""

    y: Any
    backward: Callable[[Array | None], Arrays]
    gradient: Callable[[Array | None], Arrays] | None = None


@dataclass(frozen=True)
class Example:
    """The inputs of a forward: `run` makes a pass of them, on any numbers. Without δ, its output is a cost."""

    arrays: Arrays
    run: Callable[[Arrays], Ran]
    delta: Array | None = None

    def scaled(self, factor: float) -> "Example":
        """The example with a larger input; its parameters stay."""
        (first, x), *_ = self.arrays.items()
        return Example({**self.arrays, first: x * factor if x.dtype.kind == "f" else x}, self.run, self.delta)

    def moved(self, seed: int) -> "Example":
        """The example a little beside itself, where a decision that lies on an edge is off it."""
        rng = np.random.default_rng(seed)
        new = {n: a + _step(a, rng) if a.dtype.kind == "f" else a for n, a in self.arrays.items()}
        return Example(new, self.run, self.delta)


def _step(a: Array, rng: np.random.Generator) -> Array:
    return (
        (2.0**-6 * max(1.0, float(np.abs(a).max(initial=0))))
        * rng.uniform(0.5, 1, a.shape)
        * rng.choice([-1, 1], a.shape)
    )


class Piece:
    """One thing to check. `arguments` are what its forward cannot do without; `accepts`, what may be set besides."""

    form: str
    has_cost = False
    has_gradient = False

    def __init__(self, name: str, arguments: list[str], accepts: list[str], made_of: list[Any]) -> None:
        self.name, self.arguments, self.accepts, self.made_of = name, arguments, accepts, made_of

    def run(self, given: Arrays, options: Fields) -> Ran:
        """One pass from these arrays, with these hyperparameters."""
        raise NotImplementedError

    def truth_examples(self, rng: np.random.Generator) -> Iterator[Example]:
        """What the truth is taken of.

        Raises:
            Unclear: the file does not say what to call the forward with.
        """
        raise NotImplementedError


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
