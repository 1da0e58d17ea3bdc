"""What a loop begins with, and what one turn of it does there: what it moves, and how far."""

import ast
import copy
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import product
from types import FunctionType, ModuleType
from typing import Any

import numpy as np

from experiments.grade.errors import Unclear
from experiments.grade.forms.definitions import MODULE
from experiments.grade.forms.loops.descent import RATE
from experiments.grade.forms.loops.turns.adaptive import Adaptive, adaptive
from experiments.grade.forms.loops.turns.kept import LOSS
from experiments.grade.forms.loops.turns.momentum import is_momentum
from experiments.grade.forms.loops.turns.moving import moves_each_once
from experiments.grade.forms.loops.turns.space import (
    DEPTH,
    ELSEWHERE,
    NUMBERS,
    Names,
    at,
    elsewhere,
    run_in,
    with_arrays,
)
from experiments.grade.forms.loops.turns.turn import Turn, bound, gives_a_cost
from experiments.grade.forms.piece import Arrays
from experiments.grade.forms.stateful.objects import RATES
from experiments.grade.forms.stateful.slots import Slot, copied, label, put, slots, transposes
from manual.numbers.number_types import Array

Places = dict[str, list[Slot]]
"""The places of each parameter: one array may have several."""
Cost = Callable[[Names], Any]
DRAWS = 4
"""At how many other numbers a turn is run, to see what it moves: at some a step may be 0 by chance."""
FAR = 2.0**12
"""How far it is moved besides, where that changes nothing."""
NEAR = 2.0**-20
"""How far a number is moved, to see what depends on it."""


class Start:
    """What a loop begins with, and what its first turn moves there.

    Raises:
        Unclear: nothing.
    """

    has_momentum = False
    rule: Adaptive | None = None

    def __init__(self, turn: Turn, module: ModuleType, names: Names) -> None:
        self.turn, self.module = turn, module
        self.names = at_rate(names, RATE)
        before, rng, self.turned = self.names, np.random.default_rng(0), transposes(self.names)
        changed = set[Slot]()
        for self.goes_up in (False, True):  # a mean of squares is not below 0
            try:
                self.names = self._with_arrays(rng)
                changed = self._changed(self.names)
                changed = changed.union(*(self._changed(self._elsewhere(rng)) for _ in range(DRAWS)))
                break
            except Unclear:
                if self.goes_up:
                    raise
        kept = {way: np.array(a) for way, a in slots(self.names)}
        self.places = self._parameters(changed)
        overwritten = [n for n, ways in self.places.items() if not self._is_read(ways[0], rng, [ways[0]])]
        kept_on = {way for n, ways in self.places.items() if n not in overwritten for way in ways}
        self.moving = [*self._moving(changed & kept_on)]
        repeats = (isinstance(s, ast.For | ast.While) and not moves_each_once(s) for s in turn.statements)
        if turn.is_outer and any(map(all, zip(self.moving, repeats, strict=True))):
            raise Unclear("it makes several steps")
        self.still = [statement for statement, moves in zip(turn.compiled, self.moving, strict=True) if not moves]
        self.weights: Arrays = {n: _no_constant(kept[ways[0]], rng) for n, ways in self.places.items()}
        self.weights = {n: a for n, a in self.weights.items() if n not in overwritten and self._matters(n)}
        others = [ways for n, ways in self.places.items() if n not in self.weights]
        self.places = {n: self.places[n] for n in self.weights}
        before = before if self._has_no_state(others, rng) else self.names
        self.names = before  # where a sum over turns is a number again
        self._check_the_like({way: a for way, a in kept.items() if way not in changed})
        if not self.weights or not any(self.moving):
            raise Unclear("it moves no floats that are there before it, and that its cost depends on")

    # ------------------------------------------------------------ running it

    def run(
        self, statements: Iterable[FunctionType], weights: Arrays | None = None, names: Names | None = None
    ) -> Names:
        """The names after these statements. The file's functions read the same names while they run."""
        own = copy.deepcopy(self.names if names is None else names)
        for name, value in (weights or {}).items():
            shared = np.copy(value)
            for way in self.places[name]:
                put(own, way, shared)
        for way, base in self.turned.items():
            put(own, way, at(own, base).T)
        return run_in(self.module, statements, own)

    def _elsewhere(self, rng: np.random.Generator) -> Names:
        return elsewhere(self.names, rng, self.goes_up)

    def _still(self, weights: Arrays | None = None) -> Names:
        """The names after a turn in which nothing moves."""
        return self.run(self.still, weights)

    def _with_arrays(self, rng: np.random.Generator) -> Names:
        """The names, where numbers that the turn changes are arrays."""
        own = copy.deepcopy(self.names)
        for _ in range(DRAWS):
            before = self._elsewhere(rng)
            own = with_arrays(own, before, self.run(self.turn.compiled, names=before))
        return own

    def _changed(self, names: Names) -> set[Slot]:
        """Where the turn changes an array.

        Raises:
            Unclear: it changes its shape, too, or makes it infinite.
        """
        after = self.run(self.turn.compiled, names=names)
        changed = {way: at(after, way) for way, a in slots(names) if not np.array_equal(a, at(after, way))}
        if any(np.shape(a) != np.shape(at(names, way)) or not np.isfinite(a).all() for way, a in changed.items()):
            raise Unclear("its parameters do not keep their shape")
        return {way for way, a in changed.items() if np.size(a) > 1 or not LOSS.fullmatch(str(way[-1].key))}

    def _moving(self, changed: set[Slot]) -> Iterator[bool]:
        """Of each statement, whether it changes something that was there before the turn, and is no cost's."""
        names = self._elsewhere(np.random.default_rng(1))
        before = names
        for end, statement in enumerate(self.turn.statements, 1):
            after = self.run(self.turn.compiled[:end], names=names)
            moves = any(not np.array_equal(at(before, way), at(after, way)) for way in changed)
            binds = [] if isinstance(statement, ast.For | ast.While | ast.If) else bound(statement)
            yield moves and not ({*binds} & {*self.turn.costs, *self.turn.sums} or gives_a_cost(statement))
            before = after

    def _parameters(self, changed: set[Slot]) -> Places:
        """The arrays that change, each with all of its places, first where it is changed."""
        found: dict[int, list[Slot]] = {}
        for way, array in [each for each in slots(self.names) if each[0] not in self.turned]:
            found.setdefault(id(array), []).append(way)
        own = [sorted(ways, key=lambda way: way not in changed) for ways in found.values() if changed & {*ways}]
        inside = [ways[0][ways[0][0].key == "self" :] for ways in own]
        short = [*map(label, inside)]
        whole = [".".join(str(step.key) for step in way) for way in inside]  # of what lies in params and in m, say
        return {a if short.count(a) == 1 else b: ways for a, b, ways in zip(short, whole, own, strict=True)}

    # ------------------------------------------------------------ what depends on what

    def _check_the_like(self, unmoved: dict[Slot, Array]) -> None:
        """Raise Unclear where a parameter stays that is called like one that moves, but for a number: W1 beside W2."""
        alike = {_without_numbers(ways[0]) for ways in self.places.values()}
        rng = np.random.default_rng(0)
        for way, array in ((w, a) for w, a in unmoved.items() if _without_numbers(w) in alike):
            other = copy.deepcopy(self.names)
            put(other, way, array + ELSEWHERE * rng.standard_normal(array.shape))
            one, two = self._still(), self.run(self.still, names=other)
            if any(_differs(one.get(n), two.get(n)) for n in self.turn.watched):
                raise Unclear(f"it leaves {label(way)} as it is, and moves others like it")

    def _matters(self, name: str) -> bool:
        """Whether a cost, or a side of a difference, is made of a parameter."""
        step = ELSEWHERE * np.random.default_rng(0).standard_normal(self.weights[name].shape)
        one, other = self._still(), self._still({name: self.weights[name] + step})
        return any(_differs(one.get(n), other.get(n)) for n in self.turn.watched)

    def _has_no_state(self, others: list[list[Slot]], rng: np.random.Generator) -> bool:
        """Whether what else the turn changes says nothing of its step. If that is a velocity, it is 0 from here on.

        Raises:
            Unclear: the step is made of other things, too, as the mean squares of Adam.
        """
        parameters = [ways[0] for ways in self.places.values()]
        ends = self.run(self.turn.compiled)
        empty = [w[0] for w in others if not (np.any(at(self.names, w[0])) or np.any(at(ends, w[0])))]  # as it was: 0
        state = [w[0] for w in others if w[0] not in empty and self._is_read(w[0], rng, parameters)]
        if not state:
            return True
        after = lambda names: self.run(self.turn.compiled, names=names)  # noqa: E731
        self.has_momentum = is_momentum(self.names, after, parameters, state)
        for way in [way for ways in others if ways[0] in state for way in ways]:
            put(self.names, way, 0 * at(self.names, way))
        if not self.has_momentum:
            settings = {n: v for n, v in self.names.items() if type(v) is float}
            before = [self._elsewhere(rng) | settings for _ in range(DRAWS)]
            for names, way in product(before, state):
                put(names, way, 0 * at(names, way))
            self.rule = adaptive(before, [*map(after, before)], parameters, state)
            if self.rule is None:
                raise Unclear("its step is made of more than a gradient: of what it keeps from turn to turn")
        return False

    def _is_read(self, way: Slot, rng: np.random.Generator, by: Sequence[Slot]) -> bool:
        """Whether others of a turn's arrays are made of what lay where it changes this one; beside that, as beside what
        neurons were handed last, a constant may lie."""
        drawn = [self._elsewhere(rng) for _ in range(DRAWS)]
        moved = [at(self.run(self.turn.compiled, names=before), way) != at(before, way) for before in drawn]
        places = np.logical_or.reduce(moved)
        one = self.run(self.turn.compiled)
        for far in (ELSEWHERE, FAR, -FAR):  # what is the larger of two is read, too
            names = copy.deepcopy(self.names)
            put(names, way, at(names, way) + places * far * np.abs(rng.standard_normal(np.shape(places))))
            other = self.run(self.turn.compiled, names=names)
            if any(_differs(at(one, each), at(other, each)) for each in by):
                return True
        return False

    def _beside(self, parameters: list[str]) -> Arrays:
        """The weights, with these moved a little."""
        rng = np.random.default_rng(0)
        steps = {n: NEAR * rng.standard_normal(w.shape) * (n in parameters) for n, w in self.weights.items()}
        return {n: w + steps[n] for n, w in self.weights.items()}

    def _depends(self, name: str, parameters: list[str]) -> bool:
        """Whether a value changes with parameters, however little they do: it is no step function of them."""
        other = self._still(self._beside(parameters))
        return _differs(self._still(self.weights).get(name), other.get(name))

    def step(self, weights: Arrays) -> Arrays:
        """What the parameters move by; or the gradients that a rule takes, which takes squares, too."""
        moves, after = self._moves(weights)
        if self.rule:
            return {n: np.asarray(at(after, way)) for n, way in zip(self.places, self.rule.gradients, strict=True)}
        return moves

    def _moves(self, weights: Arrays) -> tuple[Arrays, Names]:
        """What the parameters move by, in numbers so wide that their own digits leave those of the step alone; and what
        there is then."""
        wide = {n: np.asarray(w, np.longdouble) for n, w in weights.items()}
        after = self.run(self.turn.compiled, wide)
        return {n: w - at(after, self.places[n][0]) for n, w in wide.items()}, after

    def obeys_its_rate(self) -> bool:
        """Whether a parameter moves twice as far at twice the rate."""
        (once, _), names = self._moves(self.weights), self.names
        self.names = at_rate(names, 2 * RATE)
        twice, _ = self._moves(self.weights)
        self.names = names
        return any(np.any(g) and np.allclose(2 * g, twice[n], rtol=NEAR, atol=0) for n, g in once.items())

    def moves_all(self, weights: Arrays) -> bool:
        """Whether no step is 0 there: of a gradient that is 0 a multiple is no other."""
        return all(np.any(g) for g in self.step(weights).values())


def at_rate(names: Names, rate: float) -> Names:
    """The names with this for every learning rate, as it is called; in the file's objects, too."""
    own = copied(names)
    spaces = [own]
    for _ in range(DEPTH):
        for space in spaces:
            space.update({n: rate for n, v in space.items() if str(n).lower() in RATES and type(v) in NUMBERS})
        within = [v for space in spaces for v in space.values()]
        spaces = [v if isinstance(v, dict) else vars(v) for v in within if _keeps_others(v)]
    return own


def _without_numbers(way: Slot) -> tuple[str, ...]:
    return tuple(re.sub(r"\d+", "", str(step.key)) for step in way)


def _keeps_others(thing: Any) -> bool:
    return isinstance(thing, dict) or type(thing).__module__ == MODULE


def _no_constant(weight: Array, rng: np.random.Generator) -> Array:
    """A weight at which not all numbers are the same."""
    return weight if np.ptp(weight) else np.asarray(weight + ELSEWHERE * rng.standard_normal(weight.shape))


def _differs(one: Any, other: Any) -> bool:
    return np.shape(one) != np.shape(other) or not np.array_equal(
        one, other, equal_nan=np.asarray(one).dtype.kind == "f"
    )
