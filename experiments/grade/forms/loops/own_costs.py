"""The costs that a file defines as functions or methods, whether or not its training calls them.

One that is called a loss or a cost is what the file goes down, by its own words; an error or a mean square may only be
shown.
"""

import inspect
import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from experiments.grade.forms.course.losses import words_of
from experiments.grade.forms.definitions import MODULE, Definitions, functions_of
from experiments.grade.forms.loops.turns.kept import STACKED
from experiments.grade.forms.loops.turns.space import Names
from experiments.grade.forms.stateful.objects import OWN
from experiments.grade.forms.whole.network_data import OF_A_COST, role

CALLED = "the file's cost"
"""What the value of such a cost is kept under."""
ITS_OWN = {"loss", "cost", "objective"}
"""The words of a cost that is more than shown."""
AN_ERROR = re.compile(r"(^|_)(sq)?err(or)?s?(_|$)|error", re.IGNORECASE)
LIKELIHOOD = re.compile("likelihood", re.IGNORECASE)
TURNS_IT = re.compile(r"prime|deriv|grad|delta|backward|plot|print", re.IGNORECASE)


class CostFunction(NamedTuple):
    """A function or a method, and what the file calls it."""

    name: str
    f: Callable[..., Any]
    is_method: bool

    @property
    def only_shows(self) -> bool:
        """Whether it may be no more than a measure of how good it is."""
        return not words_of(self.name) & ITS_OWN

    def call(self, names: Names, sides: tuple[str, str]) -> str:
        """The statement that keeps its value, of what has the names of its arguments, or else their roles; `sides` are
        the prediction and the target. Nothing, if something is not there."""
        given: list[str] = []
        owner = next((place for place, v in _objects(names) if self._is_of(v)), "")
        if self.is_method and not owner:
            return ""
        for n, p in inspect.signature(self.f).parameters.items():
            if p.default is not p.empty or p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD) or n in OWN:
                continue
            side = {"output": sides[0], "y": sides[1]}.get(role(n), "")
            if n not in names and not side:
                return ""
            given.append(f"{n}=globals()[{n!r}]" if n in names else f"{n}=globals()[{STACKED!r}](globals()[{side!r}])")
        called = f"{owner}.{self.name}" if self.is_method else self.name
        return f"globals()[{CALLED!r}] = {called}({', '.join(given)})"

    def _is_of(self, thing: Any) -> bool:
        return getattr(type(thing), self.name, None) is self.f


def _objects(names: Names) -> Iterator[tuple[str, Any]]:
    """The objects of the file's own classes, and those that these keep, and where."""
    for n, v in names.items():
        if type(v).__module__ == MODULE:
            yield f"globals()[{n!r}]", v
            yield from ((f"globals()[{n!r}].{m}", o) for m, o in vars(v).items() if type(o).__module__ == MODULE)


def own_costs(found: Definitions) -> list[CostFunction]:
    """Those of a file: what is called a loss or a cost first."""
    every = []
    for name, thing in found.own().items():
        if inspect.isfunction(thing):
            every.append(CostFunction(name, thing, False))
        elif inspect.isclass(thing):
            every += [CostFunction(f.__name__, f, True) for f in functions_of(thing)]
    patterns = (OF_A_COST, LIKELIHOOD, AN_ERROR)
    costs = [c for c in every if any(p.search(c.name) for p in patterns) and not TURNS_IT.search(c.name)]
    return sorted(costs, key=lambda c: c.only_shows)
