"""A cost class of a network: fn(a, y), and delta(z, a, y), which is ∂C/∂z at the last layer, where a = σ(z).

Static methods or not; delta may also be called error or output_delta, and take what it takes in any order, by name.
σ is a function of the file of one array; without any, the logistic function.
Compared with the truth of fn of σ(z).
"""

import inspect
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from experiments.grade.errors import Unclear
from experiments.grade.forms.definitions import Definitions, needs
from experiments.grade.forms.derivatives import MARK
from experiments.grade.forms.piece import Arrays, Example, Piece, Ran
from experiments.grade.forms.stateful.guards import unguarded
from experiments.grade.forms.stateful.losses import TARGETS
from experiments.grade.forms.stateful.objects import methods_named, needed
from manual.numbers.number_types import Array

COSTS = ("fn", "cost", "loss", "forward", "compute", "calculate", "value", "__call__")
DELTAS = ("delta", "error", "output_delta", "output_error")
STEP = 2.0**-14
OF_Z = {"z", "zl", "z_l", "zs", "pre_activation"}


def pieces(found: Definitions) -> Iterator[Piece]:
    """Every class with such a cost and such a delta."""
    for name, kind in found.classes().items():
        cost = next((n for n in methods_named(kind, COSTS) if len(needed(getattr(kind, n))) == 2), None)
        delta = next((n for n in methods_named(kind, DELTAS) if _roles(getattr(kind, n))), None)
        if cost and delta:
            yield CostAndDelta(name, kind, cost, delta, found)


def _roles(delta: Any) -> list[str]:
    """What delta's arguments are: z, y, and a, which is any other; none, where they are not these."""
    names = [n.lower() for n in needed(delta)]
    roles = ["z" if n in OF_Z else "y" if n in TARGETS else "a" for n in names]
    return roles if sorted(roles) in (["a", "y", "z"], ["y", "z"]) else []


def _is_an_activation(f: Callable[..., Any]) -> bool:
    """Whether it gives finite numbers of an array, as many as that has."""
    try:
        a = f(np.linspace(-1, 1, 4)[:, None])
        return np.shape(a) == (4, 1) and bool(np.isfinite(a).all())
    except Exception:  # it takes something else
        return False


class CostAndDelta(Piece):
    """The class."""

    form = "cost and its δ"

    def __init__(self, name: str, kind: type, cost: str, delta: str, found: Definitions) -> None:
        self.kind, self.cost, self.delta, self.module = kind, cost, delta, found.module
        own = {n: f for n, f in found.own().items() if inspect.isfunction(f) and needs(f) == 1 and not MARK.search(n)}
        fitting = {n: f for n, f in own.items() if _is_an_activation(f)}
        self.activations = fitting or {"the logistic function": lambda z: 1 / (1 + np.exp(-z))}
        super().__init__(name, ["z"], [], [kind])

    def truth_examples(self, rng: np.random.Generator) -> Iterator[Example]:
        z, y = rng.standard_normal((4, 1)), np.array([[0.0], [1.0], [0.0], [0.0]])

        def value(own: Any, a: Any) -> Any:
            return getattr(own, self.cost)(a, np.copy(y))

        if self._is_of_z_itself(value, z, y):
            raise Unclear("its δ is right where the last layer has no activation, and whether it has one is not known")
        for name, activation in self.activations.items():
            for choice, cost in unguarded(f"of {name}", value, self.module):

                def run(given: Arrays, f: Callable[[Any], Any] = activation, cost: Callable[..., Any] = cost) -> Ran:
                    own, z = self.kind(), given["z"]
                    a = f(z)
                    return Ran({"cost": np.sum(cost(own, a))}, lambda _: {"dz": self._delta(own, z, a, y)})

                yield Example({"z": z}, run, choice=choice)

    def _delta(self, own: Any, z: Any, a: Any, y: Array) -> Any:
        delta, known = getattr(own, self.delta), {"z": z, "a": a, "y": y}
        return delta(*(np.copy(known[role]) for role in _roles(delta)))

    def _is_of_z_itself(self, value: Callable[..., Any], z: Array, y: Array) -> bool:
        """Whether δ is, as far as differences tell, that of a = z, or a multiple of it."""
        own, steps = self.kind(), STEP * np.eye(z.size).reshape(-1, *z.shape)
        try:
            slopes = [(np.sum(value(own, z + s)) - np.sum(value(own, z - s))) / (2 * STEP) for s in steps]
            delta = np.ravel(self._delta(own, z, z, y))
            return bool(np.allclose(delta * (delta @ slopes) / (delta @ delta), slopes, rtol=STEP, atol=STEP))
        except Exception:  # it is no cost of any numbers
            return False
