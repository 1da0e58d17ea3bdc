"""A function or a method that trains: fit(X, y), train(X, y, epochs, lr), build_model(n_hidden), gradient_descent(…).

It makes its weights itself, or is handed them, and has forward, gradients and updates in one loop, of which one turn is
run, as of a script (loops-script). X are rows or columns, y classes, one-hot, or numbers; data that the file loads from
elsewhere are drawn. Where the file itself calls it, with what it has, that is tried first.
Compared with the truth of its own loss, else of the first usual cost under which nothing differs.
"""

import ast
import copy
import inspect
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import product
from typing import Any

import numpy as np

from experiments.grade.forms.definitions import Definitions, is_abstract
from experiments.grade.forms.loops.calls import calls
from experiments.grade.forms.loops.script import first_turn, is_size, root_of, training_loops
from experiments.grade.forms.loops.space import Names, data_of, run_in
from experiments.grade.forms.loops.training import Training
from experiments.grade.forms.loops.turn import Loop, Quiet, Turn, compiled, listed
from experiments.grade.forms.piece import Piece
from experiments.grade.forms.stateful.objects import OWN
from experiments.grade.forms.whole.flat import ALL_SIZES
from experiments.grade.forms.whole.network_data import SIZES, constructions, role, values
from experiments.grade.forms.whole.network_methods import takes_data

WIDTHS = (3, 2, 4, 1)
"""How many numbers an example may have."""
UNITS = 4
WEIGHTS, BIASES = {"w", "weights", "theta", "coef", "beta", "params", "parameters"}, {"b", "bias", "w0", "b0"}
EXAMPLES = 5


def pieces(found: Definitions) -> Iterator[Piece]:
    """Every function and method, of those that no other form knows, with a loop that trains."""
    for name, function in found.functions().items():
        for loop, before in _loops_of(function, found):
            yield TrainingFunction(name, function, None, (loop, before), found)
            break
    kinds = {n: k for n, k in found.own().items() if inspect.isclass(k) and id(k) not in found.claimed}
    for name, kind in kinds.items():
        methods = [f for n in dir(kind) if inspect.isfunction(f := getattr(kind, n))]
        trained = ((f, both) for f in methods if not is_abstract(kind) for both in _loops_of(f, found))
        for method, both in trained if not takes_data(kind) else ():
            yield TrainingFunction(name, method, kind, both, found)
            break


def _loops_of(function: Callable[..., Any], found: Definitions) -> Iterator[tuple[Loop, list[ast.stmt]]]:
    node = found.node_of(function)
    if isinstance(node, ast.FunctionDef):
        yield from training_loops(node.body, found, [*inspect.signature(function).parameters])


class TrainingFunction(Training):
    """A function, or a method of a class that can be made."""

    form = "function that trains"

    def __init__(
        self, name: str, f: Callable[..., Any], kind: type | None, both: tuple[Loop, list[ast.stmt]], found: Definitions
    ) -> None:
        mangled = Mangled(kind.__name__ if kind else "")
        loop, before = mangled.visit(copy.deepcopy(both[0])), [mangled.visit(copy.deepcopy(s)) for s in both[1]]
        self.f, self.kind, self.tree, self.found = f, kind, found.tree, found
        quiet = [new for s in before for new in listed(Quiet(found.module).visit(s))]
        self.before = [compiled(s) for s in [*quiet, *([first_turn(loop)] if isinstance(loop, ast.For) else [])]]
        super().__init__(name, Turn(loop, found.module), found.module, [kind or f])

    def begins(self, rng: np.random.Generator) -> Iterator[Names]:
        for given in calls(self.found, self.f):
            with suppress(Exception):  # it needs what is not there
                yield data_of(run_in(self.module, self.before, given))
        yield from self._drawn(rng)

    def _drawn(self, rng: np.random.Generator) -> Iterator[Names]:
        makes = [*constructions(self.kind)] if self.kind else [lambda: None]
        labels = np.array([0, 1, 1, 0, 1])
        hot = np.eye(2)[labels]
        for width, columns, make in product(WIDTHS, (False, True), makes):
            x = rng.standard_normal((EXAMPLES, width))
            targets = [labels[None, :] * 1.0, hot.T] if columns else [labels, labels[:, None] * 1.0, hot]
            for y, units, flat in product(targets, (UNITS, 2), (True, False)):
                try:
                    data = {"x": x.T.copy() if columns else x, "y": y.copy()}
                    own = {} if self.kind is None else {n: make() for n in self._own()}
                    names = self._elsewhere(data) | self._arguments(data, units, width, flat, rng) | own
                    yield data_of(run_in(self.module, self.before, names))
                except Exception:  # other data
                    continue

    def _own(self) -> list[str]:
        return [n for n in inspect.signature(self.f).parameters if n in OWN][:1]

    def _arguments(self, data: Names, units: int, width: int, flat: bool, rng: np.random.Generator) -> Names:
        """What the function is called with, by the names of its arguments."""
        found: Names = {}
        for name, p in inspect.signature(self.f).parameters.items():
            low, what = name.lower(), role(name)
            if name in OWN or p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD):
                continue
            if what in ("x", "y"):
                found[name] = data[what]
            elif what in ("rate", "count", "penalty", "quiet"):
                found[name] = values([name], {})[name] if what != "rate" else 1.0
            elif p.default is not p.empty:
                found[name] = units if is_size(ast.Constant(p.default)) else copy.deepcopy(p.default)
            elif low in WEIGHTS:
                found[name] = rng.standard_normal(width if flat else (width, 1))
            elif low in BIASES:
                found[name] = 0.5
            else:
                found[name] = [width, *SIZES[1:]] if ALL_SIZES.fullmatch(low) else units
        return found

    def _elsewhere(self, data: Names) -> Names:
        """What the module would have, had it been able to load its data."""
        names: Names = data_of(vars(self.module))
        for statement in [s for s in self.tree.body if isinstance(s, ast.Assign)]:
            targets = [t for whole in statement.targets for t in getattr(whole, "elts", [whole])]
            if all(root_of(t) in vars(self.module) for t in targets) or self._calls_own(statement):
                continue
            try:
                names = run_in(self.module, [compiled(statement)], names)
            except Exception:
                names |= {root_of(t): data[role(root_of(t))] for t in targets if role(root_of(t)) in data}
        return data_of(names)

    def _calls_own(self, statement: ast.stmt) -> bool:
        called = [n.func for n in ast.walk(statement) if isinstance(n, ast.Call)]
        own = [vars(self.module).get(f.id) for f in called if isinstance(f, ast.Name)]
        return any(getattr(f, "__module__", "") == self.module.__name__ for f in own)


class Mangled(ast.NodeTransformer):
    """Code of a class's method as it is outside of it: self.__w is self._Net__w."""

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        if self.kind and node.attr.startswith("__") and not node.attr.endswith("__"):
            node.attr = f"_{self.kind.lstrip('_')}{node.attr}"
        return self.generic_visit(node)
