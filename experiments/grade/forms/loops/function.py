"""A function or a method that trains: fit(X, y), train(X, y, epochs, lr), build_model(n_hidden), gradient_descent(…).

It makes its weights itself, or is handed them, and has forward, gradients and updates in one loop, of which one turn is
run, as of a script (loops-script). X are rows or columns, y classes, one-hot, or numbers; data that the file loads from
elsewhere are drawn. Where the file itself calls it, with what it has, that is tried first.
Compared with the truth of its own loss, else of the first usual cost under which nothing differs.
"""

import ast
import copy
import inspect
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from itertools import product
from types import FunctionType
from typing import Any

import numpy as np

from experiments.grade.errors import Unclear
from experiments.grade.forms.course.losses import words_of
from experiments.grade.forms.definitions import Definitions
from experiments.grade.forms.loops.calls import calls
from experiments.grade.forms.loops.drawn import EXAMPLES, IN_A_BATCH, WIDTHS, drawn
from experiments.grade.forms.loops.script import Way, first_turns, is_size, smaller_settings, ways_of
from experiments.grade.forms.loops.training import Training, Tried
from experiments.grade.forms.loops.turns.inline import Inline
from experiments.grade.forms.loops.turns.moving import moved, names_in
from experiments.grade.forms.loops.turns.quiet import Quiet
from experiments.grade.forms.loops.turns.space import Names, data_of, run_in
from experiments.grade.forms.loops.turns.turn import Turn, compiled, listed
from experiments.grade.forms.piece import Piece
from experiments.grade.forms.placeholders import is_abstract
from experiments.grade.forms.stand_ins import Count
from experiments.grade.forms.stateful.objects import OWN, RATES
from experiments.grade.forms.stateful.slots import copied
from experiments.grade.forms.whole.alternatives import FIRST, Option, alternatives
from experiments.grade.forms.whole.flat import ALL_SIZES
from experiments.grade.forms.whole.network_data import BATCHES, SIZES, constructions, role, roles, values
from experiments.grade.forms.whole.network_methods import takes_data

UNITS = 4
WEIGHTS, BIASES = {"w", "weights", "theta", "coef", "beta", "params", "parameters"}, {"b", "bias", "w0", "b0"}
TABLES = {"points", "dataset", "train", "train_set", "training_set", "training_data", "rows", "data_points"}
"""What rows are called whose last number is the target."""
Function = Callable[..., Any]
TRAINS = {"train", "fit", "learn"}
STEPS = {"train", "fit", "learn", "update", "step", "sgd", "backward", "backprop", "back", "propagate"}
"""The words of a method that makes one step."""


def pieces(found: Definitions) -> Iterator[Piece]:
    """Every function and method, of those that no other form knows, with a loop that trains; else a method that makes
    one step."""
    functions = {n: (f, ways) for n, f in found.functions().items() if (ways := _ways(f, None, found))}
    written = {code for f, ways in functions.values() for way in ways for code in way.written if code is not f.__code__}
    for name, (function, ways) in functions.items():
        if function.__code__ not in written:  # else it is run where it is called
            yield TrainingFunction(name, [(function, way) for way in ways], None, found)
    for name, kind in found.classes().items():
        yield from of_class(name, kind, found)


def of_class(name: str, kind: type, found: Definitions, of: Option | None = None) -> Iterator[Piece]:
    """A class by its methods with a loop that trains, or else by those that make one step; with what its constructor
    may be handed, or each of that."""
    methods = [f for n in dir(kind) if inspect.isfunction(f := getattr(kind, n))]
    methods.sort(key=lambda f: not words_of(f.__name__) & TRAINS)
    for ways_of_it in (_ways, _step) if not is_abstract(kind) and not takes_data(kind) else ():
        trained = [(f, way) for f in methods for way in ways_of_it(f, kind, found)]
        if trained:
            for option in [of] if of else alternatives(kind, found):
                yield TrainingFunction(name, trained, kind, found, option)
            return


def drivers(found: Definitions, trained: Collection[int]) -> Iterator[Piece]:
    """What trains by calling what other forms have taken: functions, and classes of these with a method that trains;
    each that is understood, but for those of which that is known."""
    free = replace(found, claimed=set())
    for name, thing in found.own().items():
        if id(thing) in trained or inspect.isfunction(thing) == (id(thing) in found.claimed):
            continue
        if inspect.isfunction(thing):
            ways = [(thing, way) for way in _ways(thing, None, free)]
            driving = iter([TrainingFunction(name, ways, None, free)] if ways else [])
        else:
            driving = of_class(name, thing, free, FIRST) if learning(thing) else iter([])
        for piece in driving:
            with suppress(Exception):  # it is not understood
                piece.draw(0)
                yield piece


def learning(kind: Any) -> list[str]:
    """The methods of a class that train, by their names."""
    names = [n for n in dir(kind) if words_of(n) & TRAINS] if inspect.isclass(kind) else []
    return [n for n in names if inspect.isfunction(getattr(kind, n))]


def _ways(function: Function, kind: type | None, found: Definitions) -> list[Way]:
    node, given = found.node_of(function), [*inspect.signature(function).parameters]
    if not isinstance(node, ast.FunctionDef) or _is_handed_its_gradient(node, found):
        return []
    return ways_of(node.body, found, {given[0]: kind} if kind and given else {}, given)


def _is_handed_its_gradient(node: ast.FunctionDef, found: Definitions) -> bool:
    """Whether all that it subtracts comes, but for a rate, from a function that is a piece of its own."""
    pieces = {n for n, o in found.own().items() if id(o) in found.claimed}
    handed, subtracted = set[str](), list[set[str]]()
    for n in ast.walk(node):
        if isinstance(n, ast.Assign):
            value = n.value.value if isinstance(n.value, ast.Subscript) else n.value
            from_a_piece = isinstance(value, ast.Call) and ast.unparse(value.func) in pieces
            if from_a_piece or {*names_in(value)} in [{name} for name in handed]:
                handed |= {name for target in n.targets for name in names_in(target)}
        difference = n if isinstance(n, ast.AugAssign) else n.value if isinstance(n, ast.Assign) else None
        if isinstance(difference, ast.AugAssign | ast.BinOp) and isinstance(difference.op, ast.Sub):
            taken = difference.value if isinstance(difference, ast.AugAssign) else difference.right
            subtracted.append({name for name in names_in(taken) if name.lower() not in RATES})
    return bool(subtracted) and all(names and names <= handed for names in subtracted)


def _step(function: Function, kind: type, found: Definitions) -> list[Way]:
    """A method that moves what its object keeps, as a loop of one turn."""
    node = found.node_of(function)
    if not isinstance(node, ast.FunctionDef) or not words_of(function.__name__) & STEPS:
        return []
    inline = Inline(found, {OWN[0]: kind}, node.body)
    body = inline.statements(node.body)
    return [Way(ast.While(ast.Constant(True), body, []), [], inline.written)] if OWN[0] in moved(body) else []


class TrainingFunction(Training):
    """A function, or a method of a class that can be made."""

    form = "function that trains"

    def __init__(
        self,
        name: str,
        ways: Sequence[tuple[Function, Way]],
        kind: type | None,
        found: Definitions,
        option: Option = FIRST,
    ) -> None:
        self.kind, self.tree, self.option = kind, found.tree, option
        settings = {n: v for n, v in vars(found.module).items() if isinstance(v, list | dict) and n[:2] != "__"}
        self._settings = smaller_settings(settings)
        turns = [self._turn(f, way, found) for f, way in ways]
        super().__init__(name + option.said, turns, found, [kind or ways[0][0]])

    def _turn(self, f: Function, way: Way, found: Definitions) -> Tried:
        mangled = Mangled(self.kind.__name__ if self.kind else "")
        loop, first = mangled.visit(copy.deepcopy(way.loop)), [mangled.visit(copy.deepcopy(s)) for s in way.before]
        quieted = Quiet(found.module, [*first, loop])
        quiet = [new for s in first for new in listed(quieted.visit(s))]
        before = [[compiled(s, found.module) for s in [*quiet, *turn]] for turn in first_turns(loop)]
        return Tried(
            Turn(loop, found.module, way.is_outer), partial(self._begins, f, before), {*way.written, f.__code__}
        )

    def _begins(self, f: Function, turns: list[list[FunctionType]], rng: np.random.Generator) -> Iterator[Names]:
        begins, why = False, ""
        for given in self._given(f, rng):
            for before in turns:
                try:  # it may need what is not there
                    names = data_of(run_in(self.module, before, copied(given)))
                except Exception as error:
                    why = why or f"{type(error).__name__}: {error}"
                    continue
                begins = True
                yield names
        if not begins:
            raise Unclear(f"how {self.name} begins is not known: {why}")

    def _given(self, f: Function, rng: np.random.Generator) -> Iterator[Names]:
        """What the function may be called with: as the file itself does, first."""
        yield from calls(self.found, f) if not self.option.said else ()
        makes = [*constructions(self.kind, self.option.given)] if self.kind else [lambda: None]
        for data, make in product(drawn(rng, WIDTHS), makes):
            width, seen = data["x"].shape[data["x"].shape[0] == EXAMPLES], list[str]()
            for units, flat in product((UNITS, 2), (True, False)):
                with suppress(Exception):  # other data
                    given = self._settings | {n: np.array(a) for n, a in data.items()}
                    arguments = _arguments(f, given, units, width, flat, rng)
                    shapes = repr({n: np.shape(v) if isinstance(v, np.ndarray) else v for n, v in arguments.items()})
                    if shapes not in seen:
                        seen.append(shapes)
                        own = {} if self.kind is None else {n: make() for n in _own(f)}
                        for space in (arguments, *map(vars, own.values())):
                            space.update({n: IN_A_BATCH for n in space if n.lower() in BATCHES})
                        yield self._elsewhere(given) | arguments | own

    def _elsewhere(self, data: Names) -> Names:
        """What the module would have, had it been able to load its data."""
        names: Names = data_of(vars(self.module))
        for statement in [s for s in self.tree.body if isinstance(s, ast.Assign)]:
            targets = [n.id for t in statement.targets for n in ast.walk(t) if isinstance(n, ast.Name)]
            known = [vars(self.module).get(n) for n in targets]
            if not any(v is None or isinstance(v, Count) for v in known) or self._calls_own(statement):
                continue
            try:
                names = run_in(self.module, [compiled(statement, self.module)], names)
            except (Exception, SystemExit):
                names |= {n: data[role(n)] for n in targets if role(n) in data}
        return data_of(names)

    def _calls_own(self, statement: ast.stmt) -> bool:
        called = [n.func for n in ast.walk(statement) if isinstance(n, ast.Call)]
        own = [vars(self.module).get(f.id) for f in called if isinstance(f, ast.Name)]
        return any(getattr(f, "__module__", "") == self.module.__name__ for f in own)


def _own(f: Function) -> list[str]:
    return [n for n in inspect.signature(f).parameters if n in OWN][:1]


def _arguments(f: Function, data: Names, units: int, width: int, flat: bool, rng: np.random.Generator) -> Names:
    """What the function is called with, by the names of its arguments."""
    found: Names = {}
    parameters = inspect.signature(f).parameters
    whats = dict(zip(parameters, roles([*parameters], f.__name__), strict=True))
    for name, p in parameters.items():
        low, what = name.lower(), whats[name]
        if name in OWN or p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD):
            continue
        if low in TABLES:
            found[name] = rng.standard_normal((EXAMPLES, width + 1)).round(2)
            found[name][:, -1] = [0, 1, 1, 0, 1]
        elif what in ("x", "y"):
            found[name] = data[what]
        elif what in ("rate", "count", "penalty", "quiet"):
            found[name] = values([name], {})[name] if what != "rate" else 1.0
        elif p.default is not p.empty:
            found[name] = units if is_size(ast.Constant(p.default)) else copy.deepcopy(p.default)
        elif low in WEIGHTS:
            found[name] = rng.standard_normal(width if flat else (width, 1))
        elif low in BIASES:
            found[name] = 0.5
        elif ALL_SIZES.fullmatch(low):
            found[name] = [width, *SIZES[1:]]
        else:
            found[name] = copy.deepcopy(next((v for n, v in data.items() if n.lower() == low), units))
    return found


class Mangled(ast.NodeTransformer):
    """Code of a class's method as it is outside of it: self.__w is self._Net__w."""

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        if self.kind and node.attr.startswith("__") and not node.attr.endswith("__"):
            node.attr = f"_{self.kind.lstrip('_')}{node.attr}"
        return self.generic_visit(node)
