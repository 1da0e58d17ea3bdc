"""Layers in columns: linear_forward(A, W, b) gives (Z, cache); linear_backward(dZ, cache) gives (dA_prev, dW, db).

A is (n, m), W (out, in), b (out, 1); dW and db may have the 1/m of the cost. Also linear_activation_forward(A_prev, W,
b, "relu"), each word that it knows; relu(Z) and relu_backward(dA, cache); convolution and pooling on (m, H, W, C) with
hparameters and a mode; recurrent cells and sequences with a dict of parameters, which give a dict of gradients; norms
with gamma and beta (n, 1).
Compared with the truth of its own forward.
"""

import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np

from experiments.grade.errors import Unclear
from experiments.grade.forms.columns.shapes import Layout, layouts, pictures
from experiments.grade.forms.columns.words import words_of
from experiments.grade.forms.course.arguments import KEYS, keys_of
from experiments.grade.forms.course.losses import STRENGTH
from experiments.grade.forms.definitions import Definitions, needs
from experiments.grade.forms.piece import NO_FIELDS, Arrays, Example, Fields, Piece, Ran
from experiments.grade.forms.settings import AS_ITSELF, at_defaults, known_to, others
from experiments.grade.forms.stateful.objects import returns_a_tuple
from experiments.grade.forms.stateful.penalties import Penalty, is_strength, usual_penalty
from experiments.grade.forms.stateful.slots import stem
from experiments.grade.forms.whole.results import gradients_in, returned_names

NAME = re.compile(r"(?P<stem>\w+)_(backward|backprop|back|bwd)(?P<variant>_\w+)?")
AVERAGED = "dW and db with the 1/N of the cost"


def pieces(found: Definitions) -> Iterator[Piece]:
    """Every X_backward(δ, cache) whose X_forward, or X, runs on columns, pictures or cells in this layout."""
    functions = found.functions()
    for name, backward in functions.items():
        match = NAME.fullmatch(name)
        if not match:
            continue
        names = [f"{match['stem']}_{way}{match['variant'] or ''}" for way in ("forward", "fwd")] + [match["stem"]]
        forward = next((functions[n] for n in names if n in functions and functions[n] is not backward), None)
        if forward is None:
            continue
        piece = ColumnLayer(match["stem"] + (match["variant"] or ""), forward, backward, found)
        if piece.layout is not None:
            yield piece


class ColumnLayer(Piece):
    """A forward, and the backward that takes its cache. `layout` is None where it is of another form."""

    form = "layer in columns"

    def __init__(
        self, name: str, forward: Callable[..., Any], backward: Callable[..., Any], found: Definitions
    ) -> None:
        self.forward, self.backward, self.module = forward, backward, found.module
        takes = inspect.signature(forward).parameters
        self.words, self.words_back = words_of(found, forward, backward), words_of(found, backward)
        keys = {n: [*keys_of(found, forward, n)] for n in takes if n not in self.words}
        self.settings = {n: {k: KEYS[k] for k in ks if k in KEYS} for n, ks in keys.items() if {*ks} & KEYS.keys()}
        self.dicts = {n: sorted(ks) for n, ks in keys.items() if ks and n not in self.settings}
        plain = [n for n, p in takes.items() if p.default is p.empty and n not in self.words and not keys.get(n)]
        self.names, self.outputs = returned_names(found.node_of(backward)), returned_names(found.node_of(forward))
        self.plain = plain
        super().__init__(name, plain, [*self.settings, *self.words], [forward, backward])
        self.deltas = needs(backward) - 1 - len([n for n in self.words_back if self._is_needed(n)])
        self.layout = self._fitting() if self._is_of_the_form(name) else None

    def _is_needed(self, name: str) -> bool:
        p = inspect.signature(self.backward).parameters[name]
        return p.default is p.empty

    def _is_of_the_form(self, name: str) -> bool:
        """Whether something of it is of this form alone: two arrays or more in columns, windows, a dict, a bare
        name."""
        bare = self.forward.__name__ == name
        fits = bool(self.words or self.dicts or self.settings or bare or len(self.plain) in (2, 3))
        return fits and self.deltas in (1, 2) and len(self.dicts) <= 1 and len(self.plain) in (1, 2, 3)

    def _fitting(self) -> Layout | None:
        """The layout of which the backward, too, runs; else the first that the forward runs on."""
        forward_alone = None
        keys = next(iter(self.dicts.values()), [])
        rng = np.random.default_rng(0)
        for layout in layouts(len(self.plain), keys, any("stride" in s for s in self.settings.values())):
            arrays = layout.drawn(self.plain, rng)
            try:
                _, given, words = next(self._ways(arrays))
                ran = self._run(arrays, given, words)
                y = ran.outputs
            except Exception:  # another layout
                continue
            first = np.asarray(next(iter(y.values())))
            if first.dtype.kind != "f" or (layout.output and first.shape != layout.output):
                continue
            is_norm = len(layout.arguments) > 1 and layout.output == layout.arguments[0]
            try:
                gradients = ran.backward(self._delta(y, rng)) if ran.backward else {}
            except Exception:
                forward_alone = forward_alone or (None if is_norm else layout)
                continue
            # whatever broadcasts runs on a norm's arrays, as a product with a mask does
            if not is_norm or _shapes(gradients) == {f"d{n}": a.shape for n, a in arrays.items()}:
                return layout
        return forward_alone

    def truth_examples(self, rng: np.random.Generator) -> Iterator[Example]:
        if self.layout is None:
            raise Unclear("no layout of its examples is known on which it runs")
        self.form = f"layer in columns, {self.layout.name}"
        self.form += "" if returns_a_tuple(self.forward) else at_defaults(self.forward, self.backward)
        examples = [*self._examples(self.layout.drawn(self.plain, rng), rng)]
        if not examples:
            raise Unclear("no setting that was tried runs")
        if not self.layout.output or len(self.plain) == 1:
            yield from examples
            return
        for choice in (AVERAGED, ""):
            for example in examples:
                yield replace(example, run=self._times(example.run) if choice else example.run, choice=choice)
            for example in self._penalised(examples[0], is_averaged=choice == AVERAGED):
                yield replace(example, choice=choice)

    def _penalised(self, plain: Example, is_averaged: bool) -> Iterator[Example]:
        """An example with each penalty that the backward alone is told of, and adds the derivative of."""
        examples = plain.arrays[self.plain[0]].shape[1]
        count = examples if is_averaged else 1
        _, given, words = next(self._ways(plain.arrays))
        takes = inspect.signature(self.forward).parameters
        told = [n for n, p in inspect.signature(self.backward).parameters.items() if p.default == 0 and n not in takes]
        for name in filter(is_strength, told):

            def with_it(own: Arrays, name: str = name) -> Ran:
                return self._run(own, given, words, {name: STRENGTH})

            without, found = (self._gradients(plain, run) for run in (plain.run, with_it))
            added = {n: found[f"d{n}"] - without[f"d{n}"] for n in self.plain if f"d{n}" in found}
            parameters = {n: plain.arrays[n] for n in self.plain[1:] if n in added}
            if penalty := usual_penalty(name, parameters, added, examples):
                scaled = self._times(with_it) if is_averaged else with_it

                def run(own: Arrays, scaled: Callable[[Arrays], Ran] = scaled, penalty: Penalty = penalty) -> Ran:
                    ran, value = scaled(own), penalty.of({n: own[n] for n in self.plain[1:]})
                    return ran._replace(y={**ran.outputs, penalty.name: count * value})

                delta = {**plain.delta, penalty.name: np.ones(())}
                yield replace(plain, run=run, delta=delta, place=name, known=AS_ITSELF)

    @staticmethod
    def _gradients(example: Example, run: Callable[[Arrays], Ran]) -> Arrays:
        return run({n: a.copy() for n, a in example.arrays.items()}).backward(example.delta)  # pyright: ignore[reportOptionalCall]

    def _times(self, run: Callable[[Arrays], Ran]) -> Callable[[Arrays], Ran]:
        """The pass, with the gradients of the parameters times the number of examples."""
        first = f"d{self.plain[0]}"

        def scaled(given: Arrays) -> Ran:
            ran, count = run(given), given[self.plain[0]].shape[1]
            back = ran.backward
            return ran._replace(
                backward=lambda delta: {n: g if n == first else count * g for n, g in back(delta).items()}  # pyright: ignore[reportOptionalCall]
            )

        return scaled

    def _examples(self, arrays: Arrays, rng: np.random.Generator) -> Iterator[Example]:
        for place, given, words in self._ways(arrays):

            def run(own: Arrays, given: dict[str, Fields] = given, words: Fields = words) -> Ran:
                return self._run(own, given, words)

            try:
                y = run({n: a.copy() for n, a in arrays.items()}).outputs
            except (ValueError, UnboundLocalError, KeyError, NotImplementedError, AssertionError):
                continue  # a word that belongs to something else
            options = {k: v for of in given.values() for k, v in of.items()}
            known = AS_ITSELF if words.keys() - self.words.keys() else ""
            yield Example(arrays, run, self._delta(y, rng), place=place, known=known, options=options)

    def _ways(self, arrays: Arrays) -> Iterator[tuple[str, dict[str, Fields], Fields]]:
        """Every setting and every word, and each number at another value; what to call them."""
        usual = [*self._usual(arrays)]
        yield from usual
        known = others(self.forward, self.backward, hands_on=returns_a_tuple(self.forward))
        yield from ((place, usual[0][1], usual[0][2] | options) for place, options in known)

    def _usual(self, arrays: Arrays) -> Iterator[tuple[str, dict[str, Fields], Fields]]:
        shape = next(iter(arrays.values())).shape
        windows = [[(n, *way) for way in pictures(shape, s)] for n, s in self.settings.items()]
        for settings in product(*windows):
            for words in product(*self.words.values()):
                places = [place for _, place, _ in settings] + [*words]
                given = {n: s for n, _, s in settings}
                yield ", ".join(filter(None, places)), given, dict(zip(self.words, words, strict=True))

    def _delta(self, outputs: Fields, rng: np.random.Generator) -> Fields:
        """A δ for each output that the backward takes one of; the others, such as a step's prediction, have none."""
        shapes = [*((n, np.shape(y)) for n, y in outputs.items())]
        drawn = {n: rng.standard_normal(shape) for n, shape in shapes[: self.deltas]}
        return drawn | {n: np.zeros(shape) for n, shape in shapes[self.deltas :]}

    def _run(
        self, arrays: Arrays, settings: dict[str, Fields], words: Fields, told: Mapping[str, Any] = NO_FIELDS
    ) -> Ran:
        """A pass; the backward alone is `told` of some settings."""
        dicts = {n: {k: arrays[k] for k in keys} for n, keys in self.dicts.items()}
        plain = {n: arrays[n] for n in self.plain}
        result = self.forward(**plain, **dicts, **{n: dict(s) for n, s in settings.items()}, **words)
        outputs, cache = self._parted(result, plain)
        names = self.outputs[:-1] if len(self.outputs) == len(outputs) + 1 else []
        names = names or [f"y{i + 1}" for i in range(len(outputs))]
        y = dict(zip(names if len(outputs) > 1 else ["y"], outputs, strict=True))

        def backward(delta: Fields) -> Arrays:
            deltas, known = [*delta.values()][: self.deltas], [words[n] for n in self.words]
            first = next(iter(inspect.signature(self.backward).parameters))
            given = [cache, *deltas] if "cache" in first or first in self.plain else [*deltas, cache]
            named = known_to(self.backward, words) | dict(zip(self.words_back, known, strict=False))
            return self._by_name(self.backward(*given, **named, **told), arrays)

        return Ran(y, backward, pure=False)

    @staticmethod
    def _parted(result: Any, plain: Arrays) -> tuple[list[Any], Any]:
        """The outputs and the cache; a function that gives its output alone is gone back through from its input."""
        if isinstance(result, tuple):
            return [*result[:-1]], result[-1]
        if len(plain) == 1:
            return [result], next(iter(plain.values()))
        raise Unclear("forward returned no cache beside its output; expected (Z, cache)")

    def _by_name(self, result: Any, arrays: Arrays) -> Arrays:
        if isinstance(result, dict):
            return gradients_in(result, [], {n: a.shape for n, a in arrays.items()})
        gradients = [*result] if isinstance(result, tuple | list) else [result]
        if len(gradients) != len(arrays):
            return gradients_in(result, self.names, {n: a.shape for n, a in arrays.items()})
        stems = [stem(n) for n in self.names]
        names = [n for own in stems for n in arrays if stem(n) == own]
        names = names if len({*names}) == len(names) == len(arrays) else [*arrays]
        return {f"d{n}": np.asarray(g) for n, g in zip(names, gradients, strict=True)}


def _shapes(arrays: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    return {n: np.shape(a) for n, a in arrays.items()}
