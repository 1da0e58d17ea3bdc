"""Networks as classes: Network([3, 4, 2]) with feedforward(a) and backprop(x, y) → gradients of all parameters.

Also backward(X, y, o), backward(y), train(x, y, epochs); without arguments, where the constructor takes data. The
gradients are lists by layer (nabla_b, nabla_w), arrays in a row, or a dict; kept as self.dW1; or what the parameters
moved by. x and y are columns of one example, or rows or columns of several. The cost is the class's own (cost, loss),
else the first of ½ Σ (a − y)², cross-entropy and the like under which nothing differs; the head says which.
Compared with the truth of its own forward.
"""

import ast
import copy
import inspect
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import numpy as np

from experiments.grade.errors import Unclear
from experiments.grade.forms.definitions import Definitions, constants_of
from experiments.grade.forms.own_examples import of_class
from experiments.grade.forms.piece import Arrays, Example, Piece, Ran
from experiments.grade.forms.stateful.guards import unguarded
from experiments.grade.forms.stateful.objects import RATES, Parameters, in_shape_of, needed
from experiments.grade.forms.stateful.penalties import Penalty
from experiments.grade.forms.stateful.single_numbers import with_its_parameters
from experiments.grade.forms.stateful.slots import as_arrays, slots
from experiments.grade.forms.stateful.steps import Act, OwnStep, Stepping, by_moves, by_pairs, must_be_one_step
from experiments.grade.forms.whole.alternatives import FIRST, Option, alternatives
from experiments.grade.forms.whole.class_costs import Decay, OwnCosts, decay_of, is_of_another, shown_costs
from experiments.grade.forms.whole.costs import choices
from experiments.grade.forms.whole.network_data import (
    LAYOUTS,
    OF_A_COST,
    SEQUENCE,
    TURNED,
    WORDS,
    Cost,
    Fitted,
    Given,
    constructions,
    values,
)
from experiments.grade.forms.whole.network_methods import PAIR, NetworkMethods, takes_data
from experiments.grade.forms.whole.results import ALL, MATRICES, fits, gradients_in, method_node, returned_names
from manual import Layer, Network

TWO_PAIRS = "%s of two pairs"


def pieces(found: Definitions) -> Iterator[Piece]:
    """Every class that runs x, and gives gradients of x and y."""
    for name, kind in found.classes().items():
        methods = None if issubclass(kind, Layer | Network) else NetworkMethods.of(kind, found)
        if methods:
            for option in alternatives(kind, found):
                yield NetworkClass(name, kind, methods, found, option)


class NetworkClass(OwnCosts, Stepping):
    """A class of networks."""

    is_a = form = "network as a class"

    def __init__(
        self, name: str, kind: type, methods: NetworkMethods, found: Definitions, option: Option = FIRST
    ) -> None:
        self.kind, self.found, self.module, self.methods = kind, found, found.module, methods
        self.gradients_by = methods.gives
        self.node, self.option = method_node(found, kind, methods.gives), option
        self.names = returned_names(self.node)
        own = found.own().items()
        self.costs = [f for n, f in own if inspect.isfunction(f) and OF_A_COST.search(n)]
        super().__init__(name + option.said, ["x", "y"], [], [kind])

    def truth_examples(self, rng: np.random.Generator) -> Iterator[Example]:
        usual = self._fitted(rng)
        self.form = f"{self.is_a}, {usual.given.layout}"
        decay = None if self.cost_of(usual) else self._decay(usual, rng)
        yield from self._examples(decay.without if decay else usual, "", rng)
        if decay:
            yield from self._examples(decay.penalized, f"{decay.strength}, {decay.penalty.name}", rng, decay.penalty)
        for i, (own, (x, y)) in enumerate(of_class(self.kind, 2, self.module, rng), 1):
            yield from self._examples(Fitted(own, usual.given._replace(x=x), y), f"example {i}", rng)

    def _decay(self, fitted: Fitted, rng: np.random.Generator) -> Decay | None:
        parameters = Parameters(fitted.prototype, fitted.given.x, self.methods.run, rng)
        arrays = parameters.drawn(fitted.prototype, rng)
        given = {**arrays, "x": fitted.given.x}

        def gradients(other: Fitted) -> Arrays:
            run = self._runner(other, parameters, lambda *_: 0.0, self._moves(parameters, other, given))
            return run(given).backward(None)

        return decay_of(fitted, arrays, gradients)

    def _examples(
        self, fitted: Fitted, place: str, rng: np.random.Generator, penalty: Penalty | None = None
    ) -> Iterator[Example]:
        x = fitted.given.x
        parameters = Parameters(fitted.prototype, x, self.methods.run, rng)
        parameters.leave_out(fitted.prototype, x)
        arrays = {**parameters.drawn(fitted.prototype, rng), "x": x}
        if not parameters.places and np.array_equal(self.methods.run(copy.deepcopy(fitted.prototype), x), x):
            raise Unclear(f"a {self.name} has no layers of its own")
        if not place:
            self.taught = fitted.taught(parameters, self.gradients_by)
        own = self.cost_of(fitted)
        output = self.methods.run(parameters.with_these(fitted.prototype, arrays), x)
        hot = x if self.methods.of_itself else fitted.given.one_hot(fitted.y, np.shape(output))
        every = choices(fitted.given.examples, output, hot)
        usual = [(said, lambda _, __, a, ___, f=f: f(a, hot)) for said, f in every]
        moves = self._moves(parameters, fitted, arrays)
        must_be_one_step(self.methods, self.names, parameters, fitted, arrays)
        costs = [] if own is None else unguarded("its own cost", own, self.module)
        costs += usual if own is None or moves else []
        if penalty:
            costs = [(said, lambda own, *more, f=f, of=penalty.of: f(own, *more) + of(own)) for said, f in costs]

        def example(choice: str, cost: Cost, rate: float) -> Example:
            run = self._runner(fitted, parameters, cost, rate if moves else 0)
            return Example(arrays, run, fixed=("x",) if parameters.places else (), choice=choice, place=place)

        rates = [(f", learning rate {rate:g}" if rate != 1 else "", rate) for rate in self._rates(moves)]
        examples = [example(choice + said, cost, rate) for said, rate in rates for choice, cost in costs]
        shown = None if own else self.cost_of(fitted, shown_costs(self.kind))
        if shown and is_of_another(example("", shown, 1), examples):
            raise Unclear(f"its gradient is not that of its own {shown_costs(self.kind)[0]}, but of another cost")
        yield from examples
        for method, is_plain, act in self._acts(parameters, fitted, arrays):
            moved = [by_moves(e, parameters, fitted.prototype, act, method) for e in examples]
            if self.goes(examples[0], moved[0], method, is_plain, is_own=method == self.methods.gives):
                yield from moved

    def _acts(self, parameters: Parameters, fitted: Fitted, arrays: Arrays) -> Iterator[tuple[str, bool, Act]]:
        """The ways in which the network moves its parameters by itself; its backward may, beside its gradients."""
        (_, (_, x, _), y), back = fitted, self.methods.given_back
        yield self.methods.gives, False, lambda own, _, __: back(own, x, y)
        if step := OwnStep.of(self.kind, self.found, parameters, self.names):
            yield step.method, step.is_plain, lambda own, _, __: step(own, back(own, x, y), self.names)
        for methods, is_plain in by_pairs(self.methods, self.found, parameters):
            with suppress(Unclear):  # it makes several, or begins elsewhere
                must_be_one_step(methods, [], parameters, fitted, arrays)
                twice = copy.copy(methods)
                twice.times = 2  # what adds up moves all parameters by one factor
                for said, plainly, each in (
                    (methods.gives, is_plain, methods),
                    (TWO_PAIRS % methods.gives, False, twice),
                ):
                    yield said, plainly, lambda own, _, __, m=each: m.given_back(own, x, y)

    # ------------------------------------------------------------ making one

    def _fitted(self, rng: np.random.Generator) -> Fitted:
        """The first network and data on which both methods run and the gradients have the parameters' shapes; else that
        run; else on which forward does. A backward that says that there are several examples is tried on these."""
        why, found = "", list[tuple[int, Fitted]]()
        for far, one in self._tried(rng):
            if isinstance(one, str):
                why = why or one
            elif far == ALL or one.given.x.ndim > 1:  # a vector is also what any layout makes a row of
                found.append((far, one))
                if far == ALL or (far >= MATRICES and self._is_of_several and 5 in one.given.x.shape):
                    return one
        if not found:
            raise Unclear(f"how a {self.name} is made, or what it runs on, is not known; the first raised {why}")
        return max(found, key=lambda each: each[0])[1]

    @property
    def _is_of_several(self) -> bool:
        """Whether the method that gives the gradients averages or sums over examples."""
        nodes = [*ast.walk(self.node)]
        sums = {n.arg for n in nodes if isinstance(n, ast.keyword)} | {
            n.value.attr for n in nodes if isinstance(n, ast.Subscript) and isinstance(n.value, ast.Attribute)
        }
        return not sums.isdisjoint(("axis", "keepdims", "shape"))

    def _tried(self, rng: np.random.Generator) -> Iterator[tuple[int, Any]]:
        layouts = [n for n in LAYOUTS if self.found.told.fits(n)]
        first = self._is_of_several or takes_data(self.kind)
        for layout in sorted(layouts, key=lambda n: n == SEQUENCE or (first and "one" in n)):
            if takes_data(self.kind):
                names = needed(self.kind.__init__)
                given = Given(layout, rng.standard_normal([n or 3 for n in LAYOUTS[layout]]))
                for target in (np.array([[1.0], [0], [0], [1], [1]]), np.array([[1.0, 0, 0, 1, 1]])):
                    data = values(names, {"x": given.x, "y": target})
                    yield self._tried_one(given, lambda d=data: self.kind(**copy.deepcopy(d | self.option.given)))
                continue
            for make in constructions(self.kind, self.option.given):
                for given in self._data(layout, make, rng):
                    yield self._tried_one(given, make)

    def _data(self, layout: str, make: Callable[[], Any], rng: np.random.Generator) -> Iterator[Given]:
        """Data of as many numbers as the sizes say, or as a weight has rows or columns."""
        if layout == SEQUENCE:
            yield Given(layout, WORDS)
            return
        try:
            kept = [a for _, a in slots(make())]
        except Exception:  # which is said where it is tried
            kept = []
        widths = dict.fromkeys([3, *(n for a in kept[:4] if np.ndim(a) == 2 for n in a.shape)])
        are_pairs = self.methods.inputs == PAIR
        for width in widths:
            shape = [n or width for n in LAYOUTS[layout]]
            yield Given(layout, rng.standard_normal([PAIR, *shape] if are_pairs else shape), are_pairs)

    def _tried_one(self, given: Given, make: Callable[[], Any]) -> tuple[int, Any]:
        """How far a network goes: 0 forward, 1 backward, to gradients of the shapes of the MATRICES, or of ALL
        parameters; or why not."""
        try:
            prototype = make()
            as_arrays(prototype)
            output = np.asarray(self.methods.run(copy.deepcopy(prototype), given.x))
            if output.dtype.kind != "f" or not given.fits(output.shape):
                return 0, f"a forward that gives {output.dtype} {output.shape}"
            if self.methods.of_itself and output.shape != given.x.shape:
                return 0, f"a forward that gives {output.shape} of {given.x.shape}"
        except Exception as error:
            return 0, f"{type(error).__name__}: {error}"
        hot = given.x if self.methods.of_itself else given.target(output.shape)
        labels = [hot.argmax(int(given.in_rows))] if min(hot.shape) > 1 and not self.methods.of_itself else []
        turned = [hot.T.copy()] if given.layout == TURNED else []
        for y in (*turned, hot, *labels):
            own = copy.deepcopy(prototype)
            try:
                result = self.methods.given_back(own, given.x, y)
            except Exception:
                continue
            settled = with_its_parameters(
                prototype,
                lambda own: self.methods.run(own, given.x),
                lambda own, _, y=y: self.methods.given_back(own, given.x, y),
                self.found,
            )
            return max(1, fits(prototype, own, result)), Fitted(settled, given, y)
        return 0, Fitted(prototype, given, hot)

    # ------------------------------------------------------------ what it does

    def _moves(self, parameters: Parameters, fitted: Fitted, arrays: Arrays) -> bool:
        """Whether the parameters move, by a step whose length is not known here, and that is all that is seen."""
        own = parameters.with_these(fitted.prototype, arrays)
        try:
            result = self.methods.given_back(own, fitted.given.x, fitted.y)
        except Exception:
            return False
        if gradients_in(result, self.names, {n: arrays[n].shape for n in parameters.places}):
            return False
        takes_a_rate = any(n.lower() in RATES for n in inspect.signature(getattr(own, self.methods.gives)).parameters)
        return not (takes_a_rate or parameters.rates or parameters.kept_gradients(own))

    def _rates(self, moves: bool) -> list[float]:
        """What a learning rate that is written in the code may be."""
        code = inspect.unwrap(getattr(self.kind, self.methods.gives)).__code__
        read = [vars(self.module).get(n) for n in code.co_names if n.lower() in RATES]
        found = [c for c in (*read, *constants_of(code)) if isinstance(c, float) and 0 < c < 1 and moves]
        return [1.0, *dict.fromkeys(found)]

    def _runner(self, fitted: Fitted, parameters: Parameters, cost: Cost, rate: float) -> Any:
        """A pass; of parameters that move, in numbers so wide that their own digits leave those of the step alone."""
        prototype, _, y = fitted

        def run(given: Arrays) -> Ran:
            x = given["x"]
            is_float64 = all(np.asarray(a).dtype in (np.float64, int) for a in given.values())
            wide = {n: a.astype(np.longdouble) for n, a in given.items()} if rate and is_float64 else given
            chance = np.random.get_state()
            gone = parameters.with_these(prototype, wide)
            value = cost(gone, x, self.methods.run(gone, x), y)
            shapes = {n: np.shape(given[n]) for n in parameters.places}

            def backward(_: Any) -> Arrays:
                own = parameters.with_these(prototype, wide)
                np.random.set_state(chance)  # so that what is drawn in forward is the same
                result = self.methods.given_back(own, x, y)
                named = {} if rate else gradients_in(result, self.names, shapes or {"x": np.shape(x)})
                named = {n: in_shape_of(g, given[n[1:]]) for n, g in named.items()}
                named = named or parameters.gradients(own, wide, rate)
                return {n: g.astype(np.float64) if g.dtype == np.longdouble else g for n, g in named.items()}

            return Ran({"cost": np.float64(value) if is_float64 else value}, backward, pure=False)

        return run
