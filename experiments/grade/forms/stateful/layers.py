"""Layers that keep things on themselves: forward(inputs) and backward(dvalues), without a cache.

forward returns the output or keeps it as self.output; backward returns ∂C/∂inputs or keeps it as self.dinputs.
Gradients of the parameters stand in self.dweights, self.dW, self.grads[…], or come after ∂C/∂inputs. What a backward
with a learning rate, or update(lr) after it, moves the parameters by is the gradient, too. Also forward_pass,
forward_propagation, …; rows, columns, one example; parameters as attributes, dicts, lists, or objects with value and
grad. Each word that the constructor knows (activation="relu") is tried, and what examples(rng) yields, (layer, x). A
cost of three arrays, or of two and whether they belong together, has a backward without a δ.
Compared with the truth of its own forward.
"""

import ast
import copy
import inspect
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import numpy as np

from experiments.grade.errors import Unclear
from experiments.grade.forms.columns.words import as_options, words_of_class
from experiments.grade.forms.definitions import Definitions
from experiments.grade.forms.helper_module import stands_for_patches
from experiments.grade.forms.own_examples import of_class
from experiments.grade.forms.piece import Arrays, Example, Piece, Ran, below_clipping, by_name
from experiments.grade.forms.settings import AS_ITSELF, others
from experiments.grade.forms.stateful.keeping import again, can_be_made, inputs_of, keeps_on_itself
from experiments.grade.forms.stateful.lists import fitted_to_either
from experiments.grade.forms.stateful.losses import CLOSER, FURTHER, TARGETS, embeddings
from experiments.grade.forms.stateful.making import (
    PARTS,
    ROWS,
    Fitted,
    Inputs,
    Words,
    drawn_inputs,
    fitted,
    like,
    network_of,
)
from experiments.grade.forms.stateful.objects import (
    RATE,
    RATES,
    Methods,
    Parameters,
    accepted,
    are_those_kept,
    arguments_of,
    in_shape_of,
    input_gradient,
    methods_of,
    needed,
    output_of,
)
from experiments.grade.forms.stateful.penalties import Penalty, added_penalty, penalty_of, strengths, without_penalties
from experiments.grade.forms.stateful.single_numbers import with_its_parameters
from experiments.grade.forms.stateful.slots import gradient_in, slots
from experiments.grade.forms.stateful.steps import OwnStep, Stepping, by_moves
from experiments.grade.forms.whole.results import method_node
from manual import Layer
from manual.numbers.number_types import Array

ANY_AXES = re.compile(r"\.ndim\b|\[\.\.\.|shape\[:-1\]|reshape\([^-]*-1, (?!1\b)")
"""What a backward has that counts with leading axes of any number: reshape(-1, n), but not (-1, 1), a column."""
OUTER = re.compile(r"\bouter\(")
"""What a backward calls that is written for one example, a vector: of several it would be a product of all by all."""


def pieces(found: Definitions) -> Iterator[Piece]:
    """Every class with a forward of one input and a backward without a cache."""
    own = [k for k in found.own().values() if inspect.isclass(k)]
    for name, kind in found.classes().items():
        methods = methods_of(kind)
        if methods is None or issubclass(kind, Layer) or not keeps_on_itself(kind, methods):
            continue
        if any(kind in k.__mro__[1:] for k in own) and not can_be_made(kind):
            continue  # it runs where the classes that it is a base of do
        others = [k for k in own if k is not kind and (m := methods_of(k)) and keeps_on_itself(k, m)]
        yield StatefulLayer(name, kind, methods, found, others)


class StatefulLayer(Stepping):
    """A class whose objects run forward, and backward from what they kept; `step` is their own, if it is judged."""

    step: OwnStep | None = None

    def __init__(self, name: str, kind: type, methods: Methods, found: Definitions, others: list[type]) -> None:
        self.kind, self.methods, self.module, self.others = kind, methods, found.module, others
        self.found = found
        self.form = "layer that keeps things on itself"
        backward, node = getattr(kind, methods.backward), method_node(found, kind, methods.backward)
        self.deltas = len([n for n in needed(backward) if n.lower() not in RATES])
        loops = [n for n in ast.walk(node) if isinstance(n, ast.For)]
        self.returns_in_a_loop = any(isinstance(n, ast.Return) for loop in loops for n in ast.walk(loop))
        self.has_any_axes = bool(ANY_AXES.search(ast.unparse(node)))
        self.of_vectors = bool(OUTER.search(ast.unparse(node)))
        self.plainly = without_penalties(kind)
        last = [n.value for n in ast.walk(node) if isinstance(n, ast.Return)]
        self.returns_none = bool(last) and all(isinstance(v, ast.Constant) and v.value is None for v in last)
        made_of = [k for k in kind.__mro__ if k in found.own().values()]
        super().__init__(name, inputs_of(getattr(kind, methods.forward)), [], made_of[:1])

    def truth_examples(self, rng: np.random.Generator) -> Iterator[Example]:
        of_a_cost: Inputs = [{ROWS: embeddings(self.arguments, rng)}]
        inputs = drawn_inputs(len(self.arguments), rng, self.of_vectors) if self.deltas else of_a_cost
        parts = network_of(self.others, rng)
        words = words_of_class(self.found, self.kind)
        own = [Fitted(one, "", given) for one, given in of_class(self.kind, len(self.arguments), self.module, rng)]

        def fit(kind: type) -> Fitted:
            return fitted(kind, self._forward, self._fits, inputs, rng, parts, self.plainly, words)

        try:
            usual = fitted_to_either(self.kind, self.methods, self._forward, fit)
        except Unclear:
            if not own:
                raise
            usual = None
        usual, own = usual and self._with_its_parameters(usual), [*map(self._with_its_parameters, own)]
        self.form = f"layer that keeps things on itself, {usual.family if usual else 'as its examples are'}"
        self.form += ", a δ of one number" if self.returns_in_a_loop else ""
        yield from (self._example(one, f"example {i}" if usual else "", rng) for i, one in enumerate(own, 1))
        if usual is None:
            return
        plain = self._example(usual, "", rng)
        yield plain
        parameters = self._parameters(usual, rng)
        yield from again(plain, parameters, usual.prototype, self._pass)
        yield from self._by_its_step(usual, plain, parameters, rng)
        if len(plain.arrays) == 1 and usual.family == ROWS:  # an activation
            yield self._example(usual._replace(inputs=[FURTHER * usual.inputs[0]]), "further out", rng)
        if not self.deltas:  # within a margin, where one is kept
            given = zip(self.arguments, usual.inputs, strict=True)
            near = [a if n.lower() in TARGETS else CLOSER * a for n, a in given]
            yield self._example(usual._replace(inputs=near), "nearer to each other", rng)
        for place, x in self._other_batches(usual, rng):
            yield self._example(usual._replace(inputs=[x]), place, rng)
        yield from self._at_others(usual, plain, rng, parts, words)

    def _at_others(
        self, usual: Fitted, plain: Example, rng: np.random.Generator, parts: Sequence[Any], words: Words
    ) -> Iterator[Example]:
        """The same with each other setting at another value, as far as it runs so."""
        same, penalties = [{usual.family: usual.inputs}], strengths(self.kind)
        for place, options in (*others(self.kind), *as_options(words), *penalties):
            asked = {n: [*options.values()] for n in options if n in needed(self.kind.__init__)}
            try:
                other = fitted(type(usual.prototype), self._forward, self._backward, same, rng, parts,
                               self.plainly | ({} if asked else options), {**words, **asked})  # fmt: skip
            except Unclear:
                continue  # it does not run so
            other = self._with_its_parameters(other)
            if (place, options) not in penalties:
                yield self._example(other, place, rng)
                continue
            bare = self._example(other, "", rng)
            added = partial(added_penalty, place, self.arguments, "columns" in usual.family)
            if penalty := penalty_of(self.found, other.prototype) or added(plain, bare):
                yield self._example(other, place, rng, penalty)
            elif self.step:  # which adds it
                one, more = (self._moved(own, at, self.step, rng) for own, at in ((usual, plain), (other, bare)))
                if penalty := added(one, more):
                    yield self._moved(other, self._example(other, place, rng, penalty), self.step, rng)

    def _other_batches(self, usual: Fitted, rng: np.random.Generator) -> Iterator[tuple[str, Array]]:
        """More rows, and examples of two leading axes where the backward has them in mind, as far as both run so."""
        x = usual.inputs[0]
        batches = {"7 examples": (7, *x.shape[1:]), **({"three axes": (2, *x.shape)} if self.has_any_axes else {})}
        for place, shape in batches.items() if usual.family == ROWS and len(usual.inputs) == 1 else ():
            own, given = copy.deepcopy(usual.prototype), rng.standard_normal(shape)
            with suppress(Exception):  # it takes the rows alone that it was tried on
                y = self._forward(own, [given.copy()])
                self._backward(own, like(y, rng))
                if np.shape(y)[:-1] == shape[:-1]:
                    yield place, given

    def _by_its_step(
        self, usual: Fitted, plain: Example, parameters: Parameters, rng: np.random.Generator
    ) -> Iterator[Example]:
        moved = self._moved(usual, plain, None, rng)
        if parameters.places and self.goes(plain, moved, self.methods.backward, False, is_own=True):
            yield moved  # beside the gradients that it gives
        if step := OwnStep.of(self.kind, self.found, parameters, []):
            moved = self._moved(usual, plain, step, rng)
            if self.goes(plain, moved, step.method, step.is_plain):
                self.step = step
                yield moved

    def _parameters(self, fitted: Fitted, rng: np.random.Generator) -> Parameters:
        return Parameters(fitted.prototype, fitted.inputs, self._flat, rng)

    def _moved(self, fitted: Fitted, at: Example, step: OwnStep | None, rng: np.random.Generator) -> Example:
        """The same by what backward, or a step after it, moves the parameters by."""

        def act(own: Any, given: Arrays, delta: Any) -> None:
            returned = self._pass(own, given, delta)
            if step:
                step(own, returned, [])

        method = step.method if step else self.methods.backward
        return by_moves(at, self._parameters(fitted, rng), fitted.prototype, act, method)

    def _pass(self, own: Any, given: Arrays, delta: Any) -> Any:
        self._forward(own, [given[n] for n in self.arguments])
        return self._backward(own, delta)

    def _example(self, fitted: Fitted, place: str, rng: np.random.Generator, penalty: Penalty | None = None) -> Example:
        prototype, _, given = fitted
        parameters = Parameters(prototype, given, self._flat, rng)
        arrays = dict(zip(self.arguments, given, strict=True)) | parameters.drawn(prototype, rng)

        def run(given: Arrays) -> Ran:
            own = parameters.with_these(prototype, given)
            y = self._forward(own, [*given.values()][: len(self.arguments)])
            y = y if self.deltas else {"loss": y}
            whole = y if penalty is None else {**by_name(y), penalty.name: penalty.of(own)}

            def backward(delta: Any) -> Arrays:
                delta = delta if penalty is None else delta["y"]
                before = {n: np.copy(a) for n, a in given.items()}
                known = {*vars(own)}
                returned = self._backward(own, delta)
                new = [n for n in vars(own) if n not in known]
                named = parameters.gradients(own, before)
                returned = None if are_those_kept(returned, named.values()) else returned
                if isinstance(returned, tuple | list):
                    others = [n for n in (*self.arguments[1:], *parameters.places) if f"d{n}" not in named]
                    after = [g for part in returned[1:] for g in (part if isinstance(part, list) else [part])]
                    pairs = zip(others, after, strict=False)
                    named |= {f"d{n}": in_shape_of(np.asarray(g), before[n]) for n, g in pairs}
                x = self.arguments[0]
                dx = input_gradient(own, returned, given[x], new)
                return ({} if dx is None else {f"d{x}": np.asarray(dx)}) | named

            return Ran(whole, backward, pure=False)

        ran = run({n: a.copy() for n, a in arrays.items()})
        delta = like(ran.y, rng) if penalty is None else {"y": like(ran.y["y"], rng), penalty.name: np.ones(())}
        if isinstance(delta, dict) and penalty is None:  # a δ for each that the backward takes one of
            delta |= {n: np.zeros_like(d) for n, d in [*delta.items()][self.deltas :]}
        if self.returns_in_a_loop and isinstance(delta, np.ndarray):
            delta = delta * (np.arange(delta.size).reshape(delta.shape) == 1)
        delta = below_clipping(run, arrays, delta)
        fixed = () if self.deltas else tuple(n for n in self.arguments if n.lower() in TARGETS)
        fixed += (self.arguments[0],) if self._gives_nothing_back(ran, delta, parameters) else ()
        known = AS_ITSELF if place or stands_for_patches(self.module) else ""
        return Example(arrays, run, delta if self.deltas else None, fixed=fixed, place=place, known=known)

    def _gives_nothing_back(self, ran: Ran, delta: Any, parameters: Parameters) -> bool:
        """Whether nobody is before it: it says return None, or is a network, of parts or of three parameters."""
        is_a_network = [n for n in needed(self.kind.__init__)[:1] if n.lower() in PARTS] or len(parameters.places) > 2
        if not (self.returns_none or is_a_network):
            return False
        with suppress(Exception):
            found = ran.backward(delta) if ran.backward else {}
            return bool(found) and f"d{self.arguments[0]}" not in found
        return False

    def _with_its_parameters(self, fitted: Fitted) -> Fitted:
        def backward(own: Any, y: Any) -> None:
            self._backward(own, like(y, np.random.default_rng(0)))

        forward = partial(self._forward, inputs=copy.deepcopy(fitted.inputs))
        return fitted._replace(prototype=with_its_parameters(fitted.prototype, forward, backward, self.found))

    def _forward(self, own: Any, inputs: Sequence[Any]) -> Any:
        method, before = getattr(own, self.methods.forward), {*vars(own)}
        y = output_of(own, method(*inputs, **arguments_of(getattr(self.kind, self.methods.forward))), before)
        if not self.deltas and np.size(y) != 1:
            raise Unclear("backward takes no δ, and forward gives more than a cost")
        return {f"y{i}": each for i, each in enumerate(y, 1)} if isinstance(y, tuple) else y

    def _flat(self, own: Any, inputs: Sequence[Any]) -> Any:
        return np.concatenate([np.ravel(y) for y in by_name(self._forward(own, inputs)).values()])

    def _fits(self, own: Any, delta: Any) -> bool:
        """Whether the gradients that it keeps have as many numbers as the parameters: sums over the steps of a
        sequence have fewer on rows."""
        before = dict(slots(own))
        self._backward(own, delta)
        kept = dict(slots(own))
        gradients = ((a, gradient_in(kept, slot, i)) for i, (slot, a) in enumerate(before.items()))
        return all(g is None or np.size(g) >= np.size(a) for a, g in gradients)

    def _backward(self, own: Any, delta: Any) -> Any:
        method = getattr(own, self.methods.backward)
        rates = [n for n in accepted(method) if n.lower() in RATES]
        deltas = [*by_name(delta).values()][: self.deltas]
        return method(*deltas, **dict.fromkeys(rates, RATE))
