"""Logistic regression in one function: propagate(w, b, X, Y) gives (grads, cost), grads["dw"] and grads["db"].

In any order, also (dw, db, cost). X is (n, m), w (n, 1), b a number, Y (1, m) of 0 and 1; or X is (m, n).
Held against the truth of its own cost.
"""

import inspect
import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from experiments.grade.errors import Unclear
from experiments.grade.forms.course.arguments import ROLES
from experiments.grade.forms.definitions import Definitions, needs
from experiments.grade.forms.piece import Arrays, Example, Piece, Ran
from experiments.grade.forms.whole.names import DATA, TARGET
from experiments.grade.forms.whole.results import gradients_in, returned_names

NAME = re.compile("propagat|cost|loss|grad", re.IGNORECASE)
COST = re.compile(r"cost|loss|J|error", re.IGNORECASE)
BINARY = np.array([1.0, 0, 0, 1])
LAYOUTS: dict[str, dict[str, tuple[int, ...]]] = {
    "examples are columns": {"w": (3, 1), "b": (), "x": (3, 4), "y": (1, 4)},
    "examples are columns, w is a row": {"w": (1, 3), "b": (), "x": (3, 4), "y": (1, 4)},
    "examples are rows": {"w": (3, 1), "b": (), "x": (4, 3), "y": (4, 1)},
    "examples are rows, w is a vector": {"w": (3,), "b": (), "x": (4, 3), "y": (4,)},
}


def pieces(found: Definitions) -> Iterator[Piece]:
    """Every function of a weight, a bias, data and a target that gives gradients and a cost."""
    for name, f in found.functions().items():
        names = [*inspect.signature(f).parameters]
        roles = [_role(n) for n in names]
        if NAME.search(name) and needs(f) == len(names) == 4 and {*roles} == {"w", "b", "x", "y"}:
            yield Propagate(name, f, dict(zip(roles, names, strict=True)), found)


def _role(name: str) -> str:
    return "y" if name in TARGET else "x" if name in DATA else ROLES.get(name, "")


class Propagate(Piece):
    """The function."""

    form = "logistic regression"

    def __init__(self, name: str, f: Callable[..., Any], roles: dict[str, str], found: Definitions) -> None:
        self.f, self.module, self.roles = f, found.module, roles
        self.names = returned_names(found.node_of(f))
        super().__init__(name, [*inspect.signature(f).parameters], [], [f])

    def truth_examples(self, rng: np.random.Generator) -> Iterator[Example]:
        why = ""
        for layout, shapes in LAYOUTS.items():
            arrays = {self.roles[r]: rng.standard_normal(shape) for r, shape in shapes.items() if r != "y"}
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
            yield Example(arrays, self._run, fixed=fixed, together=True)
            return
        raise Unclear(f"expected (grads, cost) of ({', '.join(self.arguments)}); the first that was tried raised {why}")

    def _run(self, given: Arrays) -> Ran:
        result = self.f(**{n: given[n] for n in self.arguments})
        if not isinstance(result, tuple):
            raise Unclear("expected (grads, cost)")
        grads = next((v for v in result if isinstance(v, dict)), None)
        if grads is not None:
            costs = [v for v in result if v is not grads]
        else:
            at = next((i for i, n in enumerate(self.names) if COST.search(n)), len(result) - 1)
            costs, grads = [result[at]], (*result[:at], *result[at + 1 :])
        names = [n for n in self.names if not COST.search(n)]
        parameters = {self.roles[r]: np.shape(given[self.roles[r]]) for r in ("w", "b")}
        return Ran({"cost": costs[0]}, lambda _: gradients_in(grads, names, parameters), pure=False)
