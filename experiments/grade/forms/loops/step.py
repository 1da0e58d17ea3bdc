"""A turn as a step down a cost: which one it is, the file's own or a usual one, and how the turn is run for it."""

import ast
import copy
import inspect
from collections.abc import Callable, Iterator, Sequence
from itertools import product
from types import FunctionType, ModuleType
from typing import Any

import numpy as np

from experiments.grade.errors import Unclear
from experiments.grade.forms.definitions import constants_of
from experiments.grade.forms.loops.descent import (
    CLOSE,
    RATE,
    Candidate,
    Fit,
    along,
    as_a_cost,
    factors,
    fits,
    is_a_gradient,
)
from experiments.grade.forms.loops.drawn import EXAMPLES, IN_A_BATCH
from experiments.grade.forms.loops.own_costs import CALLED, CostFunction
from experiments.grade.forms.loops.start import NEAR, Cost
from experiments.grade.forms.loops.turns.kept import stacked
from experiments.grade.forms.loops.turns.space import ELSEWHERE, Names, moved, needed, run_in
from experiments.grade.forms.loops.turns.turn import Turn, compiled
from experiments.grade.forms.loops.unsaid import Unsaid
from experiments.grade.forms.piece import Arrays, Ran
from experiments.grade.forms.stateful.guards import guards, without_constants, without_guards
from experiments.grade.forms.stateful.objects import RATES
from experiments.grade.forms.stateful.slots import put, slots
from experiments.grade.forms.whole.costs import choices
from experiments.grade.forms.whole.network_data import role
from manual.numbers.number_types import Array

REDRAWN = 6
"""How often weights are drawn again, to see whether a step goes down the same cost there."""


class Step(Unsaid):
    """What a loop's turn moves, and the costs that it may go down.

    Raises:
        Unclear: there is none.
    """

    def __init__(self, turn: Turn, module: ModuleType, names: Names, functions: Sequence[CostFunction]) -> None:
        super().__init__(turn, module, names)
        self.sizes, self.sides = (1, 1), ("", "")
        pairs = [*self._of_pairs()]  # which tells a layout of the data that is none, and how many there are
        defined = [*self._defined(functions)]
        binding = [one for one in defined if not one.only_shown]
        shown = binding or [*self._shown(self.turn.costs)] or [*self._shown(self.turn.sums)] or defined
        self.costs = shown if shown and not self._is_absolute(shown[0].cost) else [*shown, *pairs]
        self.costs = self.costs or [*self.of_comparisons()]
        if not self.costs:
            raise Unclear("it has no loss, and no difference of data and a prediction, to take a cost of")
        if self.rule and not any(np.isclose(self.rule.rate, rate) for rate in self.rates()):
            raise Unclear("its step is longer or shorter than by its learning rate")
        self.still = needed(self.still, self._values)

    def _values(self, statements: list[FunctionType]) -> list[Any]:
        """What the costs are after these statements, at two places."""
        ran = [self.run(statements, w) for w in (self.weights, moved(self.weights, np.random.default_rng(2)))]
        return [np.asarray(one.cost(after)) for one in self.costs for after in ran]

    def _defined(self, functions: Sequence[CostFunction]) -> Iterator[Candidate]:
        """The first function of a cost that the file defines, of what the turn has by the names of its arguments."""
        still = self._still(self.weights)
        for one in functions:
            call = one.call(still, self.sides)
            if call:
                called = compiled(ast.parse(call).body[0], self.module)
                cost = lambda after, c=called: np.sum(run_in(self.module, [c], after)[CALLED])  # noqa: E731
                try:
                    value = np.asarray(cost(still))
                    is_one = value.dtype.kind == "f" and np.isfinite(value) and self._is_of_all(cost)
                    if is_one and not (one.only_shows and self._is_of_more(cost)):
                        self._check_sides(one, still)
                        yield Candidate(*as_a_cost(one.name, cost, value), True, one.only_shows)
                        return
                except Unclear:
                    raise
                except Exception:  # a cost of something else
                    continue

    def _check_sides(self, one: CostFunction, still: Names) -> None:
        """Raise Unclear where a cost is handed a prediction and a target of two shapes, which broadcast: the data lie
        another way."""
        given = {n: stacked(still.get(n)) for n in inspect.signature(one.f).parameters}
        tables = {n: np.shape(a) for n, a in given.items() if np.ndim(a) == 2 and np.asarray(a).dtype.kind == "f"}
        made = {shape for n, shape in tables.items() if n not in self.weights and self._depends(n, [*self.weights])}
        if made and any(role(n) == "y" and shape not in made for n, shape in tables.items()):
            raise Unclear("its cost is handed a prediction and a target of two shapes")

    def _is_of_all(self, cost: Cost) -> bool:
        """Whether each of the parameters changes a cost."""
        before = cost(self._still(self.weights))
        return all(cost(self._still(self._beside([n]))) != before for n in self.weights)

    def _is_of_more(self, cost: Cost) -> bool:
        """Whether a cost is of more than the turn goes by, as of all examples: it depends on what does not move."""
        rng, before = np.random.default_rng(7), cost(self._still(self.weights))
        ways = {n: (g == 0) * NEAR * rng.standard_normal(g.shape) for n, g in self.step(self.weights).items()}
        return any(cost(self._still({**self.weights, n: self.weights[n] + way})) != before for n, way in ways.items())

    def _shown(self, names: Sequence[str]) -> Iterator[Candidate]:
        """What the loop itself calls its loss, or adds up."""
        still = self._still()
        for name in names:
            value = np.asarray(still.get(name))
            if value.size == 1 and value.dtype.kind == "f" and self._depends(name, [*self.weights]):
                cost = lambda after, n=name: np.sum(after[n])  # noqa: E731
                yield Candidate(*as_a_cost(name.removeprefix("cost "), cost, value), True)
                return

    def _is_absolute(self, shown: Cost) -> bool:
        """Whether a number is the sum of the absolute errors, or a multiple of it: that is looked at, and hardly ever
        gone down."""
        still = self._still(self.weights)  # of a prediction that begins as 0, an error of a class is its own square
        made, data = (stacked(still.get(side)) for side in self.sides)
        error = np.sum(np.abs(made - data)) if all(self.sides) else 0
        times = [factor for _, factor in factors(*self.sizes)] if error else []
        return any(np.isclose(shown(still), factor * error) for factor in times)

    def _of_pairs(self) -> Iterator[Candidate]:
        """The usual costs of the first prediction, made of every parameter, that data are subtracted from."""
        still = self._still()
        for pair in self.turn.pairs:
            values = {n: stacked(still.get(n)) for n in pair}
            varies = [self._depends(n, [*self.weights]) for n in pair]
            if sorted(varies) != [False, True]:
                continue
            made, data = pair if varies[0] else pair[::-1]
            if values[made].shape != values[data].shape and np.size(values[data]) > 1:
                raise Unclear("it subtracts data from a prediction of another shape")
            if values[made].dtype.kind == "f" and all(self._depends(made, [n]) for n in self.weights):
                examples = self._examples(values[made])
                self.sizes, self.sides = (examples, values[made].size // examples), (made, data)
                usual = [*choices(examples, values[made], values[data])]
                if examples == IN_A_BATCH:
                    of_all = choices(EXAMPLES, values[made], values[data])
                    usual += [(f"{said} of all batches", cost) for said, cost in of_all]
                for said, cost in usual:
                    of_pair = lambda after, f=cost, a=made, y=data: f(stacked(after[a]), stacked(after[y]))  # noqa: E731
                    yield Candidate(said, of_pair, False)
                return

    def _examples(self, prediction: Any) -> int:
        """How many examples a prediction has: in columns, where data do, and none has as many rows."""
        shape = [*np.shape(prediction)]
        kept = {way for places in self.places.values() for way in places}
        data = [a for way, a in slots(self.names) if np.ndim(a) > 1 and way not in kept and [*a.shape] != shape]
        rows = (IN_A_BATCH, EXAMPLES) if shape[:1] == [IN_A_BATCH] else shape[:1]
        in_columns = len(shape) > 1 and not any(len(a) in rows for a in data)
        return (shape or [1])[-1 if in_columns and any(a.shape[-1] == shape[-1] for a in data) else 0]

    def rates(self) -> list[float]:
        """What the step may be multiplied with: a rate by its name, and no other is looked for; else each number of the
        statements that move."""
        moving = [s for s, moves in zip(self.turn.statements, self.moving, strict=True) if moves]
        nodes = [n for s in moving for n in ast.walk(s)]
        read = {n.id if isinstance(n, ast.Name) else n.attr for n in nodes if isinstance(n, ast.Name | ast.Attribute)}
        values = [self.names.get(n, vars(self.module).get(n)) for n in read]
        named = [v for v in values if isinstance(v, float) and 0 < v < 1]
        named += [RATE] if any(n.lower() in RATES for n in read) else []
        named += [rate for n in nodes if isinstance(n, ast.Call) for rate in self._by_default(n)]
        if self.obeys_its_rate():  # a velocity may be a mean, or a step be taken ahead of it
            return [RATE, *(RATE * r for v in named for r in (1 - v, 1 + v) if self.has_momentum)]
        below = {id(n.right) for n in nodes if isinstance(n, ast.BinOp) and isinstance(n.op, ast.Div)}
        numbers = {id(n): float(ast.literal_eval(n)) for n in nodes if _is_number(n)}
        written = [1 / v if at in below else v for at, v in numbers.items() if v > 0]
        return [*dict.fromkeys([1.0, *named, *written])]

    def _lengths(self) -> list[float]:
        """The rates that a step may have; 1 where a rule gives us its gradients."""
        return [1.0] if self.rule else self.rates()

    def _by_default(self, call: ast.Call) -> Iterator[float]:
        """The rate by which a function of the file steps that is told none."""
        f: Any = vars(self.module).get(ast.unparse(call.func))
        parameters = [*inspect.signature(f).parameters.items()] if inspect.isfunction(f) else []
        told = {k.arg for k in call.keywords}
        for name, p in parameters[len(call.args) :]:
            if name.lower() in RATES and name not in told and type(p.default) in (int, float):
                yield float(p.default)

    def best(self) -> Fit:
        """The cost down which the step goes by the most parameters.

        Raises:
            Unclear: it is neither the file's own nor a usual one, and another.
        """
        found = [*fits(self.costs, self._lengths(), self.weights, self.step, self._still, self.sizes)]
        best = max(found, key=_how_far)
        if len(same := [fit for fit in found if _how_far(fit) == _how_far(best)]) > 1:  # as all are at small weights
            others = moved(self.weights, np.random.default_rng(3))
            best = max(same, key=lambda fit: _how_far(self._again(fit, others)))
        if best.own and self.decays(best.cost, best.rate):
            raise Unclear("it goes down another cost than its own: its weights decay, too")
        is_known = best.fits == best.of or best.parallel or (best.own and best.each_parallel)
        is_known = is_known or (best.fits > 0 and self._is_constant())
        if not is_known and is_a_gradient(self.step, self.weights):
            best = self._with_penalty(found)
        return best

    def _is_constant(self) -> bool:
        """Whether the step is the same beside the weights: then it is that of some cost, whatever it is."""
        here, beside = self.step(self.weights), self.step(self._beside([*self.weights]))
        return all(np.array_equal(here[n], beside[n]) for n in here)

    def _with_penalty(self, found: list[Fit]) -> Fit:
        """A usual cost with a penalty down which the step goes; or its own, where by a penalty alone it does not.

        Raises:
            Unclear: there is none.
        """
        for one, rate in product([c for c in self.costs if not c.own], self._lengths()):
            if more := self.penalized(one, rate):
                (fit,) = fits([more], [rate], self.weights, self.step, self._still, self.sizes)
                if fit.fits == fit.of:
                    return fit._replace(convention="a convention: a penalty that no cost shows")
        if own := next((fit for fit in found if fit.own and self._is_off_beside_data(fit)), None):
            return own
        raise Unclear("it goes down another cost than its own, or than the usual ones")

    def _is_off_beside_data(self, fit: Fit) -> bool:
        """Whether what a step is off by is the same of other data: it is of the parameters alone, as a penalty is."""
        names, rng, found = self.names, np.random.default_rng(4), []
        kept = {way for places in self.places.values() for way in places}
        other = copy.deepcopy(names)
        for way, array in [each for each in slots(other) if each[0] not in kept]:
            put(other, way, array + ELSEWHERE * rng.standard_normal(array.shape))
        for self.names in (names, other):
            found.append(along(fit, self.weights, self.step, self._still))
        self.names = names
        (step, slope), (step_there, slope_there) = found
        near = CLOSE * CLOSE * np.abs(slope).max()
        off = step - slope
        return bool(np.abs(step - step_there).max() > near and np.abs(off - (step_there - slope_there)).max() <= near)

    def suspect(self, best: Fit) -> Arrays | None:
        """Other weights, at which the step is not down that cost: where a unit is dead that lived at the first, say."""
        rng = np.random.default_rng(3)
        for _ in range(REDRAWN):
            drawn = {n: np.asarray(_size(w) * rng.standard_normal(w.shape)) for n, w in self.weights.items()}
            fit = self._again(best, drawn)
            if fit.fits < fit.of:
                return drawn
        return None

    def _again(self, fit: Fit, weights: Arrays) -> Fit:
        """How the same cost fits at other weights."""
        one = Candidate(fit.said, fit.cost, False)
        (found,) = fits([one], [fit.rate], weights, self.step, self._still, self.sizes)
        return found

    def runners(self, best: Fit) -> Iterator[tuple[str, Callable[[Arrays], Ran]]]:
        """Passes, whose gradient is what the parameters move by, and the cost of each; where it has guards of its own,
        the same without them, too."""
        yield best.said, self._runner(best, self.still)
        constants = [c for statement in self.still for c in constants_of(statement.__code__)]
        if small := guards(self.module, constants):
            bare = [FunctionType(without_constants(s.__code__), vars(self.module)) for s in self.still]
            said = f"{best.said} without {', '.join(f'{g:g}' for g in sorted(small))}"
            yield said, without_guards(self.module)(self._runner(best, bare))

    def _runner(self, best: Fit, still: list[FunctionType]) -> Callable[[Arrays], Ran]:
        def run(given: Arrays) -> Ran:
            value = best.cost(self.run(still, dict(given)))
            is_float64 = all(np.asarray(w).dtype == np.float64 for w in given.values())

            def backward(_: Any) -> Arrays:
                return {f"d{n}": np.asarray(g / best.rate, np.float64) for n, g in self.step(given).items()}

            return Ran({"cost": np.float64(value) if is_float64 else value}, backward, pure=False)

        return run


def _how_far(fit: Fit) -> tuple[int, bool, int]:
    """How well a cost fits, to take the one that fits best."""
    return fit.fits, fit.parallel, fit.turned


def _is_number(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and type(node.value) in (int, float)


def _size(weight: Array) -> float:
    return float(np.sqrt(np.mean(np.square(weight)))) or 1.0
