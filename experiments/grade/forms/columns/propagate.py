"""Logistic regression in one function: propagate(w, b, X, Y) gives (grads, cost), grads["dw"] and grads["db"].

In any order, also (dw, db, cost); or in two functions of the same arguments, compute_gradient(X, y, w, b) → (dj_db,
dj_dw) and compute_cost(X, y, w, b), maybe with lambda_; or without a bias, gradient(theta, X, y) and cost(theta, X, y).
X is (n, m), w (n, 1), b a number, Y (1, m); or X is (m, n).
Compared with the truth of its own cost.
"""

import ast
import inspect
import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from experiments.grade.errors import Unclear
from experiments.grade.forms.course.arguments import ROLES
from experiments.grade.forms.course.losses import STRENGTH
from experiments.grade.forms.definitions import Definitions
from experiments.grade.forms.piece import Arrays, Example, Piece, Ran, Taught
from experiments.grade.forms.stateful.slots import stem
from experiments.grade.forms.whole.names import DATA, PENALTIES, TARGET
from experiments.grade.forms.whole.network_data import role
from experiments.grade.forms.whole.results import gradients_in, returned_names

NAME = re.compile("propagat|cost|loss|grad", re.IGNORECASE)
GRADIENT = re.compile("grad", re.IGNORECASE)
AT_ONCE = re.compile("propagat|grad", re.IGNORECASE)
COST = re.compile(r"cost|loss|^J$|error", re.IGNORECASE)
BINARY = np.array([1.0, 0, 0, 1])
LAYOUTS: dict[str, dict[str, tuple[int, ...]]] = {
    "examples are columns": {"w": (3, 1), "b": (), "x": (3, 4), "y": (1, 4)},
    "examples are columns, w is a row": {"w": (1, 3), "b": (), "x": (3, 4), "y": (1, 4)},
    "examples are rows": {"w": (3, 1), "b": (), "x": (4, 3), "y": (4, 1)},
    "examples are rows, w is a vector": {"w": (3,), "b": (), "x": (4, 3), "y": (4,)},
}


def pieces(found: Definitions) -> Iterator[Piece]:
    """Every function of a weight, a bias, data and a target that gives gradients and a cost, or beside one that gives
    the cost."""
    known = ({"w", "b", "x", "y"}, {"w", "x", "y"})
    functions = {n: f for n, f in found.functions().items() if NAME.search(n) and {*_roles(f)} in known}
    costs = {_stem(n): f for n, f in functions.items() if not (_returns_a_tuple(found, f) or GRADIENT.search(n))}
    for name, f in functions.items():
        names = returned_names(found.node_of(f))
        cost = costs.get(_stem(name), next(iter(costs.values()), None))
        if not _returns_a_tuple(found, f):
            if GRADIENT.search(name) and "b" not in _roles(f) and cost and _roles(cost).keys() == _roles(f).keys():
                yield Propagate(name, f, cost, found)
        elif len(names) == 2 and not any(map(COST.search, names)) and {stem(n) for n in names} == {"w", "b"}:
            if cost is not None and _roles(cost).keys() == _roles(f).keys():
                yield Propagate(name, f, cost, found)
        else:
            piece = Propagate(name, f, None, found)
            if AT_ONCE.search(name) or piece.runs():
                yield piece


def _roles(f: Callable[..., Any]) -> dict[str, str]:
    """The arguments that it cannot do without, and what they are."""
    return {_role(n): n for n, p in inspect.signature(f).parameters.items() if p.default is p.empty}


def _stem(name: str) -> str:
    """What is left of a name without the word for what it gives: of compute_cost_reg and compute_gradient_reg."""
    return re.sub("cost|loss|gradients?|grads?", "", name, flags=re.IGNORECASE)


def _returns_a_tuple(found: Definitions, f: Callable[..., Any]) -> bool:
    values = [n.value for n in ast.walk(found.node_of(f)) if isinstance(n, ast.Return)]
    return any(isinstance(v, ast.Tuple) for v in values)


def _role(name: str) -> str:
    known = "y" if name in TARGET else "x" if name in DATA else role(name)
    return known if known in ("x", "y") else ROLES.get(name, "")


class Propagate(Piece):
    """The function."""

    form = "logistic regression"

    def __init__(self, name: str, f: Callable[..., Any], cost: Callable[..., Any] | None, found: Definitions) -> None:
        self.f, self.cost, self.module, self.roles = f, cost, found.module, _roles(f)
        alone = "b" not in self.roles
        self.gradients_by = f.__name__
        self.names = (["w"] if alone else returned_names(found.node_of(f))) + (["cost"] if cost else [])
        self.settings = {n: STRENGTH for n in inspect.signature(f).parameters if n.lower() in PENALTIES}
        super().__init__(name, [*self.roles.values()], [*self.settings], [f, *([cost] if cost else [])])

    def runs(self) -> bool:
        """Whether it gives a cost and gradients of anything that is tried."""
        try:
            return any(True for _ in self.truth_examples(np.random.default_rng(0)))
        except Unclear:
            return False

    def truth_examples(self, rng: np.random.Generator) -> Iterator[Example]:
        why = ""
        for layout, shapes in LAYOUTS.items():
            arrays = {
                self.roles[r]: rng.standard_normal(shape) for r, shape in shapes.items() if r in {*self.roles} - {"y"}
            }
            arrays[self.roles["y"]] = BINARY.reshape(shapes["y"])
            try:
                ran = self._run({n: a.copy() for n, a in arrays.items()})
                if ran.backward is None or np.shape(ran.y["cost"]):
                    raise Unclear("expected (grads, cost), the cost as one number")
                ran.backward(None)
            except Exception as error:
                why = why or f"{type(error).__name__}: {error}"
                continue
            self.form = f"logistic regression, {layout}"
            fixed = (self.roles["x"], self.roles["y"])
            x, y = (arrays[n] for n in fixed)
            self.taught = Taught(x, y, [*arrays.keys() - {*fixed}], self.gradients_by, sum(self.settings.values()))
            yield Example(arrays, self._run, fixed=fixed, together=True)
            return
        raise Unclear(f"expected (grads, cost) of ({', '.join(self.arguments)}); the first that was tried raised {why}")

    def _run(self, given: Arrays) -> Ran:
        arguments = {n: given[n] for n in self.arguments} | self.settings
        result = self.f(**arguments)
        if self.cost is not None:
            gradients = result if isinstance(result, tuple) else (result,)
            theirs = {n: given[self.roles[r]] for r, n in _roles(self.cost).items()}
            settings = {n: v for n, v in self.settings.items() if n in inspect.signature(self.cost).parameters}
            result = (*gradients, np.asarray(self.cost(**theirs, **settings)).reshape(-1)[0])
        if not isinstance(result, tuple):
            raise Unclear("expected (grads, cost)")
        grads = next((v for v in result if isinstance(v, dict)), None)
        if grads is not None:
            costs = [v for v in result if v is not grads]
        else:
            at = next((i for i, n in enumerate(self.names) if COST.search(n)), len(result) - 1)
            costs, grads = [result[at]], (*result[:at], *result[at + 1 :])
        names = [n for n in self.names if not COST.search(n)]
        parameters = {self.roles[r]: np.shape(given[self.roles[r]]) for r in ("w", "b") if r in self.roles}
        return Ran({"cost": costs[0]}, lambda _: gradients_in(grads, names, parameters), pure=False)
