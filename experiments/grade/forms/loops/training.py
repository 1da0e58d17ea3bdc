"""A training loop as a piece: one turn of it is run, from the names that it begins with.

Its parameters are what the turn changes, of what was there before it, and its costs depend on; what they moved by is
their gradient.
"""

import ast
import copy
from collections.abc import Callable, Iterable, Iterator
from types import CodeType, ModuleType
from typing import Any

import numpy as np

from experiments.grade.errors import Unclear
from experiments.grade.forms.definitions import MODULE
from experiments.grade.forms.loops.descent import Candidate, Fit, fits, is_a_gradient
from experiments.grade.forms.loops.momentum import is_momentum
from experiments.grade.forms.loops.space import ELSEWHERE, Names, at, elsewhere, moved, run_in, with_arrays
from experiments.grade.forms.loops.turn import LOSS, Turn, bound, gives_a_cost
from experiments.grade.forms.piece import Arrays, Example, Piece, Ran
from experiments.grade.forms.stateful.objects import RATES
from experiments.grade.forms.stateful.slots import Slot, label, put, slots
from experiments.grade.forms.whole.costs import choices
from manual.numbers.number_types import Array

Places = dict[str, list[Slot]]
"""The places of each parameter: one array may have several."""
Cost = Callable[[Names], Any]
DRAWS = 4
"""At how many other numbers a turn is run, to see what it moves: at some a step may be 0 by chance."""
NEAR = 2.0**-20
"""How far a number is moved, to see what depends on it."""


class Training(Piece):
    """One turn of a training loop."""

    form = "script that trains"

    def __init__(self, name: str, turn: Turn, module: ModuleType, made_of: list[Any]) -> None:
        self.turn, self.module = turn, module
        super().__init__(name, [], [], made_of)

    def begins(self, rng: np.random.Generator) -> Iterator[Names]:
        """The names that the loop may begin with, without those of the module; the first with which it runs count."""
        raise NotImplementedError

    def truth_examples(self, rng: np.random.Generator) -> Iterator[Example]:
        start = self._start(rng)
        best = start.best()
        run = start.runner(best.cost, best.rate)
        yield Example(start.weights, run, choice=best.said)
        if not start.moves_all(start.weights):
            others = (moved(start.weights, rng) for _ in range(DRAWS))
            yield from (Example(w, run, choice=best.said) for w in others if start.moves_all(w))

    def _start(self, rng: np.random.Generator) -> "Start":
        why = unclear_why = ""
        for names in self.begins(rng):
            try:
                start = Start(self.turn, self.module, names)
            except Unclear as unclear:
                unclear_why = unclear_why or str(unclear)
                continue
            except Exception as error:
                why = why or f"{type(error).__name__}: {error}"
                continue
            return start
        raise Unclear(f"how {self.name} begins is not known: {unclear_why or why}")


class Start:
    """What a loop begins with, and what its first turn does there.

    Raises:
        Unclear: it moves nothing, or there is no cost.
    """

    has_momentum = False

    def __init__(self, turn: Turn, module: ModuleType, names: Names) -> None:
        self.turn, self.module = turn, module
        self.names = names | {n: 1.0 for n, v in names.items() if n.lower() in RATES and isinstance(v, float | int)}
        for own in [v for v in names.values() if type(v).__module__ == MODULE]:
            vars(own).update({n: 1.0 for n, v in vars(own).items() if n.lower() in RATES and type(v) in (float, int)})
        before, rng = self.names, np.random.default_rng(0)
        self.names = self._with_arrays(rng)
        kept = {way: np.array(a) for way, a in slots(self.names)}
        changed = self._changed(self.names).union(*(self._changed(elsewhere(self.names, rng)) for _ in range(DRAWS)))
        self.places = self._parameters(changed)
        self.moving = [*self._moving(changed)]
        self.weights: Arrays = {n: _no_constant(kept[ways[0]], rng) for n, ways in self.places.items()}
        self.weights = {n: a for n, a in self.weights.items() if self._matters(n)}
        others = [ways for n, ways in self.places.items() if n not in self.weights]
        self.places = {n: self.places[n] for n in self.weights}
        before = before if self._has_no_state(others, rng) else self.names
        self.names = before  # where a sum over turns is a number again
        if not self.weights or not any(self.moving):
            raise Unclear("it moves no floats that are there before it, and that its cost depends on")
        self.sizes = (1, 1)
        pairs = [*self._of_pairs()]  # which tells a layout of the data that is none, and how many there are
        self.costs = [*self._own_costs()] or pairs
        if not self.costs:
            raise Unclear("it has no loss, and no difference of data and a prediction, to take a cost of")

    # ------------------------------------------------------------ running it

    def run(self, codes: Iterable[CodeType], weights: Arrays | None = None, names: Names | None = None) -> Names:
        """The names after these statements. The file's functions read the same names while they run."""
        own = copy.deepcopy(self.names if names is None else names)
        for name, value in (weights or {}).items():
            shared = np.copy(value)
            for way in self.places[name]:
                put(own, way, shared)
        return run_in(self.module, codes, own)

    def _still(self, weights: Arrays | None = None) -> Names:
        """The names after a turn in which nothing moves."""
        codes = [code for code, moves in zip(self.turn.codes, self.moving, strict=True) if not moves]
        return self.run(codes, weights)

    def _with_arrays(self, rng: np.random.Generator) -> Names:
        """The names, where numbers that the turn changes are arrays."""
        own = copy.deepcopy(self.names)
        for _ in range(DRAWS):
            before = elsewhere(self.names, rng)
            own = with_arrays(own, before, self.run(self.turn.codes, names=before))
        return own

    def _changed(self, names: Names) -> set[Slot]:
        """Where the turn changes an array.

        Raises:
            Unclear: it changes its shape, too, or makes it infinite.
        """
        after = self.run(self.turn.codes, names=names)
        changed = {way: at(after, way) for way, a in slots(names) if not np.array_equal(a, at(after, way))}
        if any(np.shape(a) != np.shape(at(names, way)) or not np.isfinite(a).all() for way, a in changed.items()):
            raise Unclear("its parameters do not keep their shape")
        return {way for way, a in changed.items() if np.size(a) > 1 or not LOSS.fullmatch(str(way[-1].key))}

    def _moving(self, changed: set[Slot]) -> Iterator[bool]:
        """Of each statement, whether it changes something that was there before the turn, and is no cost's."""
        names = elsewhere(self.names, np.random.default_rng(1))
        before = names
        for end, statement in enumerate(self.turn.statements, 1):
            after = self.run(self.turn.codes[:end], names=names)
            moves = any(not np.array_equal(at(before, way), at(after, way)) for way in changed)
            yield moves and not ({*bound(statement)} & {*self.turn.costs} or gives_a_cost(statement))
            before = after

    def _parameters(self, changed: set[Slot]) -> Places:
        """The arrays that change, each with all of its places, first where it is changed."""
        found: dict[int, list[Slot]] = {}
        for way, array in slots(self.names):
            found.setdefault(id(array), []).append(way)
        own = [sorted(ways, key=lambda way: way not in changed) for ways in found.values() if changed & {*ways}]
        return {label(ways[0][ways[0][0].key == "self" :]): ways for ways in own}

    # ------------------------------------------------------------ what depends on what

    def _matters(self, name: str) -> bool:
        """Whether a cost, or a side of a difference, is made of a parameter."""
        step = ELSEWHERE * np.random.default_rng(0).standard_normal(self.weights[name].shape)
        one, other = self._still(), self._still({name: self.weights[name] + step})
        watched = [*(n for pair in self.turn.pairs for n in pair), *self.turn.costs]
        return any(_differs(one.get(n), other.get(n)) for n in watched)

    def _has_no_state(self, others: list[list[Slot]], rng: np.random.Generator) -> bool:
        """Whether what else the turn changes says nothing of its step. If that is a velocity, it is 0 from here on.

        Raises:
            Unclear: the step is made of other things, too, as the mean squares of Adam.
        """
        names = copy.deepcopy(self.names)
        for way in [way for ways in others for way in ways]:
            put(names, way, at(names, way) + ELSEWHERE * rng.standard_normal(np.shape(at(names, way))))
        one, other = self.run(self.turn.codes), self.run(self.turn.codes, names=names)
        if not any(_differs(at(one, ways[0]), at(other, ways[0])) for ways in self.places.values()):
            return True
        weights, state = ([ways[0] for ways in places] for places in (self.places.values(), others))
        after = lambda names: self.run(self.turn.codes, names=names)  # noqa: E731
        if not is_momentum(self.names, after, weights, state):
            raise Unclear("its step is made of more than a gradient: of what it keeps from turn to turn")
        for way in [way for ways in others for way in ways]:
            put(self.names, way, 0 * at(self.names, way))
        self.has_momentum = True
        return False

    def _own_costs(self) -> Iterator[Candidate]:
        """What the loop itself calls its loss."""
        still = self._still()
        for name in self.turn.costs:
            value = np.asarray(still.get(name))
            if value.size == 1 and value.dtype.kind == "f" and self._depends(name, [*self.weights]):
                yield Candidate(f"cost {name.removeprefix('cost ')}", lambda after, n=name: np.sum(after[n]), True)
                return

    def _of_pairs(self) -> Iterator[Candidate]:
        """The usual costs of the first prediction, made of every parameter, that data are subtracted from."""
        still = self._still()
        for pair in self.turn.pairs:
            sides = [np.asarray(still.get(n)) for n in pair]
            varies = [self._depends(n, [*self.weights]) for n in pair]
            if sorted(varies) != [False, True]:
                continue
            made, data = pair if varies[0] else pair[::-1]
            if sides[0].shape != sides[1].shape and np.size(still[data]) > 1:
                raise Unclear("it subtracts data from a prediction of another shape")
            if np.asarray(still[made]).dtype.kind == "f" and all(self._depends(made, [n]) for n in self.weights):
                examples = self._examples(still[made])
                self.sizes = examples, np.size(still[made]) // examples
                for said, cost in choices(examples, still[made], still[data]):
                    yield Candidate(said, lambda after, f=cost, a=made, y=data: f(after[a], after[y]), False)
                return

    def _depends(self, name: str, parameters: list[str]) -> bool:
        """Whether a value changes with parameters, however little they do: it is no step function of them."""
        rng = np.random.default_rng(0)
        steps = {n: NEAR * rng.standard_normal(w.shape) * (n in parameters) for n, w in self.weights.items()}
        other = self._still({n: w + steps[n] for n, w in self.weights.items()})
        return _differs(self._still(self.weights).get(name), other.get(name))

    def _examples(self, prediction: Any) -> int:
        """How many examples a prediction has: in columns, where data do, and none has as many rows."""
        shape = [*np.shape(prediction)]
        data = [a for _, a in slots(self.names) if np.ndim(a) > 1]
        in_columns = len(shape) > 1 and not any(len(a) == shape[0] for a in data)
        return (shape or [1])[-1 if in_columns and any(a.shape[-1] == shape[-1] for a in data) else 0]

    # ------------------------------------------------------------ its gradient

    def rates(self) -> list[float]:
        """What the step may be multiplied with: a rate by its name is 1, and no other is looked for; else each number
        of the statements that move."""
        moving = [s for s, moves in zip(self.turn.statements, self.moving, strict=True) if moves]
        nodes = [n for s in moving for n in ast.walk(s)]
        read = {n.id if isinstance(n, ast.Name) else n.attr for n in nodes if isinstance(n, ast.Name | ast.Attribute)}
        values = [self.names.get(n, vars(self.module).get(n)) for n in read]
        named = [v for v in values if isinstance(v, float) and 0 < v < 1]
        if any(n.lower() in RATES for n in read):  # a velocity may be a mean, or a step be taken ahead of it
            return [1.0, *(r for v in named for r in (1 - v, 1 + v) if self.has_momentum)]
        below = {id(n.right) for n in nodes if isinstance(n, ast.BinOp) and isinstance(n.op, ast.Div)}
        numbers = {id(n): float(ast.literal_eval(n)) for n in nodes if _is_number(n)}
        written = [1 / v if at in below else v for at, v in numbers.items() if v > 0]
        return [*dict.fromkeys([1.0, *named, *written])]

    def best(self) -> Fit:
        """The cost down which the step goes by the most parameters.

        Raises:
            Unclear: it is neither the file's own nor a usual one, and another.
        """
        found = [*fits(self.costs, self.rates(), self.weights, self.step, self._still, self.sizes)]
        best = max(found, key=lambda fit: (fit.fits, fit.parallel))
        is_known = best.fits == best.of or best.parallel or (self.costs[0].own and best.each_parallel)
        if not is_known and is_a_gradient(self.step, self.weights):
            raise Unclear("it goes down another cost than its own, or than the usual ones")
        return best

    def step(self, weights: Arrays) -> Arrays:
        """What the parameters move by, in numbers so wide that their own digits leave those of the step alone."""
        wide = {n: np.asarray(w, np.longdouble) for n, w in weights.items()}
        after = self.run(self.turn.codes, wide)
        return {n: w - at(after, self.places[n][0]) for n, w in wide.items()}

    def moves_all(self, weights: Arrays) -> bool:
        """Whether no step is 0 there: of a gradient that is 0 a multiple is no other."""
        return all(np.any(g) for g in self.step(weights).values())

    def runner(self, cost: Cost, rate: float) -> Callable[[Arrays], Ran]:
        """A pass, whose gradient is what the parameters move by."""

        def run(given: Arrays) -> Ran:
            value = cost(self._still(dict(given)))
            is_float64 = all(np.asarray(w).dtype == np.float64 for w in given.values())

            def backward(_: Any) -> Arrays:
                return {f"d{n}": np.asarray(g / rate, np.float64) for n, g in self.step(given).items()}

            return Ran({"cost": np.float64(value) if is_float64 else value}, backward, pure=False)

        return run


def _is_number(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and type(node.value) in (int, float)


def _no_constant(weight: Array, rng: np.random.Generator) -> Array:
    """A weight at which not all numbers are the same."""
    return weight if np.ptp(weight) else np.asarray(weight + ELSEWHERE * rng.standard_normal(weight.shape))


def _differs(one: Any, other: Any) -> bool:
    return np.shape(one) != np.shape(other) or not np.array_equal(
        one, other, equal_nan=np.asarray(one).dtype.kind == "f"
    )
