"""The costs that the class of a network has: its own, and one that it only shows, as its mse.

Where the gradient is that of another than the one that it shows, which is meant, is not known. Right code may show one
cost and go down another; code that forgets the slope of its last layer looks the same. A weight decay that a backward
adds to its gradients, and no cost shows, is taken for the usual penalty (stateful/penalties.py), and judged apart:
first all is judged without it.
"""

import copy
import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import numpy as np

from experiments.grade.forms.course.losses import STRENGTH
from experiments.grade.forms.piece import Arrays, Example
from experiments.grade.forms.stateful.objects import methods_named
from experiments.grade.forms.stateful.penalties import Penalty, is_strength, usual_penalty
from experiments.grade.forms.whole.network_data import COSTS, OF_A_COST, Cost, Fitted, by_roles, is_a_cost
from experiments.grade.forms.whole.network_methods import NetworkMethods

STEP, CLOSE, WAYS = 2.0**-16, 2.0**-10, 3


class OwnCosts:
    """A class of networks, and the functions of its file that are called as costs are."""

    kind: type
    methods: NetworkMethods
    costs: Sequence[Callable[..., Any]]

    def cost_of(self, fitted: Fitted, names: Sequence[str] = COSTS) -> Cost | None:
        """The cost that the class or its file has, if it gives one number of an output and a target."""
        prototype, (_, x, _), y = fitted
        output = self.methods.run(copy.deepcopy(prototype), x)
        for place in ("", "cost", "loss"):
            holder = getattr(prototype, place, None) if place else prototype
            for name in methods_named(holder if inspect.isclass(holder) else type(holder), names):
                cost = by_roles(
                    lambda own, p=place, n=name: getattr(getattr(own, p) if p else own, n),
                    getattr(holder, name),
                    self.methods.of_itself,
                )
                if is_a_cost(cost, self._gone(prototype, x), x, output, y):
                    return cost
        for function in self.costs if names is COSTS else ():
            cost = by_roles(lambda own, f=function: self.of_its_file(own, f), function)
            if is_a_cost(cost, prototype, x, output, y):
                return cost
        return None

    def of_its_file(self, own: Any, function: Any) -> Any:  # noqa: ARG002
        """A function of the file, for an object."""
        return function

    def _gone(self, prototype: Any, x: Any) -> Any:
        own = copy.deepcopy(prototype)
        self.methods.run(own, x)
        return own


def shown_costs(kind: type) -> list[str]:
    """A class's methods that are called as a cost is, and not as the one that it learns by."""
    return [n for n in dir(kind) if n not in COSTS and OF_A_COST.search(n) and inspect.isfunction(getattr(kind, n))]


def is_of_another(shown: Example, usual: Sequence[Example]) -> bool:
    """Whether the gradient is that of a usual cost, and no multiple of that of the one that is shown."""
    ratios = [ours / slope for slope, ours in _slopes(shown)]
    return np.ptp(ratios) > CLOSE * np.abs(ratios).max() and any(map(_agrees, usual))


def _agrees(example: Example) -> bool:
    return all(abs(ours - slope) <= CLOSE * abs(slope) for slope, ours in _slopes(example))


def _slopes(example: Example) -> Iterator[tuple[float, float]]:
    """The cost's slope along some ways, by differences, and what the gradient says of it."""
    rng = np.random.default_rng(0)
    ran = example.run({n: a.copy() for n, a in example.arrays.items()})
    found = ran.backward(None) if ran.backward else {}
    for _ in range(WAYS):
        ways = {n: rng.standard_normal(a.shape) for n, a in example.floats.items() if f"d{n}" in found}
        there, back = (
            example.run(example.arrays | {n: example.arrays[n] + step * way for n, way in ways.items()}).y["cost"]
            for step in (STEP, -STEP)
        )
        ours = sum(float(np.sum(found[f"d{n}"] * way)) for n, way in ways.items())
        yield float(there - back) / (2 * STEP), ours


class Decay(NamedTuple):
    """The attribute that has the strength, and what it is the strength of; the network without it, and with some."""

    strength: str
    penalty: Penalty
    without: Fitted
    penalized: Fitted


def decay_of(fitted: Fitted, parameters: Arrays, gradients: Callable[[Fitted], Arrays]) -> Decay | None:
    """The weight decay of a network that keeps its strength, if its gradients have one."""
    named = [n for n, v in vars(fitted.prototype).items() if is_strength(n) and type(v) in (int, float)]
    for name in named:
        without, penalized = (_at(fitted, name, strength) for strength in (0.0, STRENGTH))
        with suppress(Exception):  # it does not run so
            plain, more = gradients(without), gradients(penalized)
            added = {n: more[f"d{n}"] - plain[f"d{n}"] for n in parameters if f"d{n}" in more}
            if penalty := usual_penalty(name, parameters, added, fitted.given.examples):
                return Decay(name, penalty, without, penalized)
    return None


def _at(fitted: Fitted, name: str, strength: float) -> Fitted:
    own = copy.deepcopy(fitted.prototype)
    setattr(own, name, strength)
    return fitted._replace(prototype=own)
