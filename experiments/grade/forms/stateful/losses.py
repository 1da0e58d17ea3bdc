"""Losses as classes: a cost of a prediction and a target, and a gradient by the prediction.

forward(y_pred, y_true) gives one number, or one for each example (calculate(…) their mean); loss, cost, __call__.
backward(dvalues, y_true), backward(dout=1), grad(predicted, actual), gradient(y, p): returned, or kept as
self.dinputs. The target comes first where its name says so. It is one-hot, or a class for each example; whichever
runs is tried. Softmax and its loss may be one class; a guard, as in log(y + 1e-7), may be missing in the gradient.
Compared with the truth of its own cost.
"""

import copy
import inspect
from collections.abc import Callable, Iterator
from contextlib import nullcontext, suppress
from dataclasses import replace
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from experiments.grade.errors import Unclear
from experiments.grade.forms.columns.words import as_options, words_of_class
from experiments.grade.forms.definitions import Definitions, functions_of
from experiments.grade.forms.own_examples import of_class
from experiments.grade.forms.piece import NO_FIELDS, Arrays, Example, Fields, Piece, Ran
from experiments.grade.forms.settings import AS_ITSELF, others
from experiments.grade.forms.stateful.guards import choices, without_guards
from experiments.grade.forms.stateful.lists import of_arrays
from experiments.grade.forms.stateful.making import Words, constructions
from experiments.grade.forms.stateful.objects import (
    BACKWARD,
    input_gradient,
    methods_named,
    needed,
    returns_a_tuple,
    returns_tuples_alone,
)
from manual import Loss
from manual.numbers.number_types import Array

COSTS = ("calculate", "forward", "loss", "cost", "calc_loss", "compute_loss", "compute", "__call__", "call")
GRADIENTS = (*BACKWARD, "grad", "gradient", "derivative", "deriv", "prime", "delta", "loss_prime", "loss_gradient",
             "diff")  # fmt: skip
TARGETS = {
    "y", "t", "y_true", "ytrue", "true", "target", "targets", "label", "labels", "actual", "truth", "expected",
    "y_real", "ground_truth", "gt", "desired", "y_batch", "targ", "targs",
}  # fmt: skip
"""What a target is called; where both arguments are called so, the second is one."""
UPSTREAM = {"dout", "grad_output", "grad", "upstream", "dloss", "dl", "d_out"}
CLASSES = 4
CLOSER = 0.3
"""What embeddings are multiplied by to be near to each other."""
FURTHER = 4
"""What numbers are multiplied by to reach every branch of an activation."""
COLUMNS = "examples are columns"
ROWS = ("one-hot", "labels", "labels in a column")


class Target(NamedTuple):
    """A prediction and a target that go together."""

    name: str
    prediction: Array
    target: Array


def pieces(found: Definitions) -> Iterator[Piece]:
    """Every class with a cost of two arguments, and a gradient."""
    own = [k for k in found.own().values() if inspect.isclass(k)]
    for name, kind in found.classes().items():
        cost = next((n for n in methods_named(kind, COSTS) if len(needed(getattr(kind, n))) == 2), None)
        gradients = methods_named(kind, GRADIENTS)
        gradient = next((n for n in gradients if len(needed(getattr(kind, n))) <= 2), None)
        if cost is None or gradient is None or issubclass(kind, Loss) or returns_tuples_alone(getattr(kind, cost)):
            continue
        has_a_target = not TARGETS.isdisjoint(map(str.lower, needed(getattr(kind, cost))))
        if returns_a_tuple(getattr(kind, gradient)) and not has_a_target:
            continue  # a layer of two inputs, which has a gradient by each
        if any(kind in k.__mro__[1:] for k in own) and gradient not in vars(kind):
            continue
        yield StatefulLoss(name, kind, (cost, gradient), found)


def is_target_first(names: list[str]) -> bool:
    """Whether the first of two arguments is called as a target is, and the second is not."""
    return names[0].lower() in TARGETS and names[1].lower() not in TARGETS


def targets(rng: np.random.Generator) -> Iterator[Target]:
    """Probabilities as predictions, which are also numbers and logits; every class occurs."""
    p = rng.uniform(0.1, 1, (5, CLASSES))
    p /= p.sum(1, keepdims=True)
    labels = np.array([1, 0, 3, 2, 1])
    yield Target("one-hot", p, np.eye(CLASSES)[labels])
    yield Target("labels", p, labels)
    yield Target("labels in a column", p, labels[:, None])
    yield Target("one number", p[:, :1], np.array([[1.0], [0.0], [0.0], [1.0], [1.0]]))
    yield Target("distributions", p, rng.dirichlet(np.full(4, 2.0), 5))
    yield Target("one example", p[0], np.eye(4)[1])
    yield Target(COLUMNS, p.T.copy(), np.eye(4)[labels].T.copy())


def embeddings(names: list[str], rng: np.random.Generator) -> list[Array]:
    """Rows for each name; for a target, whether they belong together."""
    together = np.array([1.0, 0, 0, 1, 1])
    return [together if n.lower() in TARGETS else rng.standard_normal((5, 3)) for n in names]


class StatefulLoss(Piece):
    """A class with a cost and a gradient."""

    form = "loss as a class"
    kind: type | None = None
    order: bool | None = None
    words: Words = MappingProxyType({})
    called: tuple[str, ...] = ()
    told: Callable[..., Any] | None = None

    def __init__(self, name: str, kind: type, methods: tuple[str, str], found: Definitions) -> None:
        self.kind, self.takes, self.module = kind, kind, found.module
        self.words = words_of_class(found, kind)
        self.called = methods
        self.cost, self.gradient = (lambda own, name=name: getattr(own, name) for name in methods)
        self.names, self.gradient_names = (needed(getattr(kind, name)) for name in methods)
        super().__init__(name, self.names, [], [kind])

    @property
    def target_first(self) -> bool:
        """Whether the cost takes the target first, by its arguments' names."""
        return is_target_first(self.names) if self.order is None else self.order

    def truth_examples(self, rng: np.random.Generator) -> Iterator[Example]:
        """In both orders, where the names are two distributions', p and q: either may be the one that is learned."""
        for order in (True, False) if {n.lower() for n in self.names} == {"p", "q"} else (None,):
            self.order = order
            yield from self._in_this_order(rng)

    def _in_this_order(self, rng: np.random.Generator) -> Iterator[Example]:
        if self._gives_a_list(rng):
            self.takes = of_arrays(self.takes, self.called)
        prototype = self.made(rng)
        found, why = [], ""
        for one in targets(rng):
            try:
                value, dx = self.tried(prototype, one)
                if one.target.dtype.kind == "i" and self._takes_numbers(prototype, one):
                    continue
            except Exception as error:
                why = why or f"{type(error).__name__}: {error}"
                continue
            if np.all(np.isfinite(value)) and (np.shape(dx) == one.prediction.shape or not found):
                found.append((one, np.ndim(value)))
        rows = [each for each in found if each[0].name in ROWS] or found[:1]
        if "labels" in (names := [one.name for one, _ in rows]) and ROWS[-1] in names:
            rows.pop(names.index(ROWS[-1]))  # what takes a row of labels makes a square of a column
        if not found:
            raise Unclear(f"expected a cost of predictions and one-hot rows or classes; the first raised {why}")
        ways = [("", rows)]
        if [one.name for one, _ in rows] == ["one-hot"] and found[-1][0].name == COLUMNS:
            ways.append((COLUMNS, found[-1:]))
        own = of_class(self.kind, 2, self.module, rng) if self.kind else []
        for layout, fitting in ways:
            for choice, each in choices(self.module, fitting[0][1]):
                said = f"{choice} {layout}".strip()
                for one, _ in fitting:
                    yield from self._settings(prototype, one, said, each, rng)
                for i, (made, given) in enumerate(own, 1):
                    yield self._example(made, Target(f"example {i}", *given), said, each)

    def _gives_a_list(self, rng: np.random.Generator) -> bool:
        """Whether its gradient, of an example, is a list of numbers."""
        with suppress(Exception):  # it takes several examples alone
            return bool(self.called) and isinstance(self._returned(self.made(rng), *np.eye(3)[:2]), list)
        return False

    def _settings(
        self, prototype: Any, one: Target, choice: str, each: Callable[..., Any], rng: np.random.Generator
    ) -> Iterator[Example]:
        """The example as it is, with more rows, some of them twice, and with each setting at another value."""
        yield self._example(prototype, one, choice, each)
        axis = -1 if one.name == COLUMNS else 0
        twice = [np.concatenate([a, np.take(a, (0, 1), axis)], axis) for a in (one.prediction, one.target)]
        more = Target(f"{one.name}, 7 examples", *twice)
        with suppress(Exception):  # it takes the numbers alone that it was tried on
            if np.shape(self.tried(prototype, more)[1]) == more.prediction.shape:
                yield self._example(prototype, more, choice, each)
        numbers = rng.uniform(1.25, 3.5, one.prediction.shape)
        numbers[1::2] *= -1
        further = one._replace(name=f"{one.name}, further out", prediction=numbers)
        if self._is_of_numbers(prototype, further):
            yield self._example(prototype, further, choice, each)
        for place, own in self._others(rng):
            other = one._replace(name=f"{one.name}, {place}")
            yield replace(self._example(own, other, choice, each), known=AS_ITSELF)

    def _others(self, rng: np.random.Generator) -> Iterator[tuple[str, Any]]:
        """Objects whose settings have other values than their defaults; what to call each."""
        known = others(self.takes, self.told, hands_on=self.told is None)
        for place, options in (*known, *as_options(self.words)):
            with suppress(Exception):  # it is not made so
                yield place, self.made(rng, options)

    def made(self, rng: np.random.Generator, options: Fields = NO_FIELDS) -> Any:
        """An object of the class.

        Raises:
            Unclear: it is not known how to make one.
        """
        why = ""
        for arguments in constructions(self.takes, rng):
            try:
                return self.takes(*arguments, **options)
            except Exception as error:
                why = why or f"{type(error).__name__}: {error}"
        raise Unclear(f"how a {self.name} is made is not known; the first raised {why}")

    def tried(self, prototype: Any, one: Target) -> tuple[Any, Any]:
        """The cost, and its gradient by the prediction."""
        own = copy.deepcopy(prototype)
        value = self._value(own, one.prediction.copy(), one.target.copy())
        gradient = self._back(own, one.prediction.copy(), one.target.copy())
        return np.asarray(value, dtype=float), gradient[0] if isinstance(gradient, tuple) else gradient

    def _is_of_numbers(self, prototype: Any, one: Target) -> bool:
        """Whether it is a cost of any predictions, and none of probabilities: each that lies outside of [0, 1] counts,
        and none is under a logarithm."""
        functions = [f for thing in self.made_of for f in functions_of(thing)]
        if any("log" in n for f in functions for n in f.__code__.co_names):
            return False
        outside = (one.prediction < 0) | (one.prediction > 1)
        moved = one._replace(prediction=np.where(outside, one.prediction * 1.25, one.prediction))
        with suppress(Exception):  # it takes others alone
            value, other = (self.tried(prototype, each)[0] for each in (one, moved))
            return bool(np.all(np.isfinite([value, other])) and np.all(value != other))
        return False

    def _takes_numbers(self, prototype: Any, one: Target) -> bool:
        """Whether it takes classes for numbers, as a squared error does."""
        try:
            self.tried(prototype, one._replace(target=one.target + 0.5))
        except Exception:
            return False
        return True

    def _value(self, own: Any, prediction: Array, target: Array) -> Any:
        given = (target, prediction) if self.target_first else (prediction, target)
        value = self.cost(own)(*given)
        return value[0] if isinstance(value, tuple | list) else value

    def _back(self, own: Any, prediction: Array, target: Array) -> Any:
        """∂C/∂prediction; or it and that by the target, in their order."""
        kept = {*vars(own)}
        returned = self._returned(own, prediction, target)
        if isinstance(returned, tuple) and [np.shape(g) for g in returned] == [prediction.shape] * 2:
            return returned[::-1] if self.target_first else returned
        return input_gradient(own, returned, prediction, [n for n in vars(own) if n not in kept])

    def _returned(self, own: Any, prediction: Array, target: Array) -> Any:
        """What the gradient returns, which is told by what its arguments are called."""
        names = self.gradient_names
        upstream = np.copy(own.output) if np.shape(getattr(own, "output", ())) == prediction.shape else prediction
        if len(names) == 2:
            is_first = is_target_first(names) if self.order is None else self.order
            given = [target, upstream] if is_first else [upstream, target]
        elif len(names) == 1:
            name = names[0].lower()
            given = [target if name in TARGETS else 1.0 if name in UPSTREAM else upstream]
        else:
            given = []
        return self.gradient(own)(*given)

    def _example(self, prototype: Any, one: Target, choice: str, each: Callable[..., Any]) -> Example:
        names, order = self.names[::-1] if self.target_first else self.names, self.order
        name, of_target = names
        choice = choice if order is None else f"{choice} by {name}".strip()

        def run(given: Arrays) -> Ran:
            self.order = order
            own, prediction, target = copy.deepcopy(prototype), given[name], given.get(of_target, one.target)
            with without_guards(self.module) if "without" in choice else nullcontext():
                value = each(self._value(own, prediction, target.copy()))

            def backward(_: Any) -> Arrays:
                found = self._back(own, prediction, target.copy())
                gradients = found if isinstance(found, tuple) else (found,)
                return {f"d{n}": np.asarray(g) for n, g in zip(names, gradients, strict=False) if g is not None}

            return Ran({"loss": value}, backward, pure=False)

        arrays = {name: one.prediction}
        if one.target.dtype.kind == "f" and self._gives_both(run, arrays):
            arrays[of_target] = one.target
        return Example(arrays, run, place=one.name, choice=choice)

    @staticmethod
    def _gives_both(run: Callable[[Arrays], Ran], arrays: Arrays) -> bool:
        """Whether there is a gradient by the target, too."""
        with suppress(Exception):  # it is said where it is judged
            backward = run({n: a.copy() for n, a in arrays.items()}).backward
            return backward is not None and len(backward(None)) > 1
        return False
