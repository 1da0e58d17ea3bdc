"""Course layers: X_forward(x, w, b, …) gives (out, cache); X_backward(dout, cache) gives the gradients.

The gradients come in the order of the arguments, without those of the settings; several outputs (next_h, next_c,
cache) have a δ each. Also X_forward_naive, X_backward_alt, sandwiches such as affine_relu, whole sequences, words.
Settings are dicts by their keys (bn_param, …: mode, p, seed, stride, pad, pool_height), tried in several; so may the
parameters be (params["Wz"]). Also static methods of a class, a ctx that the forward saves on, and a backward of what
the forward took and δ, in any order: backward(W, X, dZ). Rows, pictures (N, C, H, W), steps, sequences (N, T, D),
single numbers, by the arguments' names or by what runs; then weights of any shapes (highway, maxout, depthwise).
Compared with the truth of its own forward; affine, norms, conv, pools, rnn and lstm steps with torch's, too.
"""

import ast
import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from experiments.grade.errors import Unclear
from experiments.grade.forms.branches import ANOTHER_CALL
from experiments.grade.forms.columns.words import as_options, words_of
from experiments.grade.forms.course.arguments import also, candidates, keys_of, plain, settings, varied
from experiments.grade.forms.course.guesses import SINGLE_NUMBERS, guesses, single_numbers
from experiments.grade.forms.course.pairs import Layer, pairs
from experiments.grade.forms.definitions import Definitions, needs
from experiments.grade.forms.piece import Arrays, Example, Fields, Piece, Ran
from experiments.grade.forms.settings import AS_ITSELF, known_to, others
from experiments.grade.forms.whole.results import gradients_in, returned_names
from manual.numbers.number_types import Array

PARAMETER = re.compile(r"([WUVRwb]|gamma|beta)[\w]*")
"""The key of an array that is learned, where a dict holds them."""
REFUSES = (AssertionError, NotImplementedError)
"""What a function raises that is not written for a setting."""


def pieces(found: Definitions) -> Iterator[Piece]:
    """Every X_backward of δ and a cache, and the X_forward that it belongs to."""
    for layer in pairs(found):
        yield LayerFunctions(layer, found)


@dataclass(frozen=True)
class Call:
    """How the forward is called: arrays, and the settings beside them."""

    arrays: Arrays
    settings: dict[str, Fields]
    plain: Fields = field(default_factory=dict)


class LayerFunctions(Piece):
    """A forward, and the backward that takes its cache."""

    form = "course layer"

    def __init__(self, layer: Layer, found: Definitions) -> None:
        self.forward, self.backward, self.stem = layer.forward, layer.backward, layer.stem
        self.module, forward, self.names_tell = found.module, layer.forward, layer.names_tell
        self.found = found
        parameters = inspect.signature(forward).parameters
        self.needed = [n for n, p in parameters.items() if p.default is p.empty and p.kind is not p.VAR_KEYWORD]
        self.keys = {n: keys for n in parameters if (keys := keys_of(found, forward, n)) or n.endswith("_param")}
        self.dicts = {n: sorted(ks) for n, ks in self.keys.items() if ks and all(map(PARAMETER.fullmatch, ks))}
        self.keys = {n: ks for n, ks in self.keys.items() if n not in self.dicts}
        self.names = returned_names(found.node_of(layer.backward))
        known = plain(n for n in self.needed[1:] if n not in (*self.keys, *self.dicts))
        defaults = {n: p.default for n, p in parameters.items() if p.default is not p.empty}
        self.at_first = known, [n for n, v in {**known, **defaults}.items() if type(v) is float]
        self.plain, self.numbers = self.at_first
        self.outputs = _returned_names(found, forward)
        super().__init__(layer.name, self.needed, [n for n in parameters if n not in self.needed], layer.made_of)

    def truth_examples(self, rng: np.random.Generator) -> Iterator[Example]:
        self.plain, self.numbers = self.at_first  # which of them are learned is found out anew
        given_apart = {*self.keys, *self.dicts, *self.plain, "G"}
        arguments = [n for n in self.needed if n not in given_apart] + [k for ks in self.dicts.values() for k in ks]
        given = {n: settings(keys) for n, keys in self.keys.items()}
        family, arrays = self._fitting(arguments, given, rng)
        arrays = self._with_numbers(Call(arrays, given, self.plain), rng)
        self.form = f"course layer, {family}"
        yield self._example("", Call(arrays, given, self.plain), rng)
        for place, call in self._others(arguments, arrays, given, rng):
            try:
                yield self._example(place, call, rng)
            except REFUSES:
                self.form += f", not at {place}"
            except (ValueError, IndexError, TypeError, KeyError):
                if place in given:
                    raise

    def _with_numbers(self, call: Call, rng: np.random.Generator) -> Arrays:
        """The arrays, with each number that the backward gives a gradient of: a slope that is learned is no setting."""
        try:
            example = self._example("", call, rng)
            backward: Any = example.run({n: a.copy() for n, a in call.arrays.items()}).backward
            gradients = backward(example.delta)
        except Exception:  # it is judged, and said, where it is asked for
            return call.arrays
        shapes = {n: np.shape(gradients[f"d{n}"]) for n in self.numbers if f"d{n}" in gradients}
        drawn = {n: rng.uniform(0.2, 0.8, shape) for n, shape in shapes.items()}
        self.plain = {n: v for n, v in self.plain.items() if n not in drawn}
        self.numbers = []
        return call.arrays | drawn

    def _others(
        self, arguments: list[str], arrays: Arrays, given: dict[str, Fields], rng: np.random.Generator
    ) -> Iterator[tuple[str, Call]]:
        """The same at other settings, and for arrays of another number of axes."""
        for name, keys in self.keys.items():
            for place, changed, shape in [*varied(keys)][: 1 if len(self.keys) > 1 else None]:
                x = next(iter(arrays))
                drawn = {} if shape is None else {x: rng.standard_normal((*arrays[x].shape[:2], *shape))}
                changed |= _running(keys, changed, arrays, rng)
                yield place, Call(arrays | drawn, given | {name: given[name] | changed}, self.plain)
        words = as_options(words_of(self.found, self.forward, self.backward))
        learning = ((place, one) for place, one in words if not ANOTHER_CALL.search(place))
        for place, options in (*others(self.forward, self.backward), *learning):
            if options.keys() <= arrays.keys():
                continue
            yield place, Call(arrays, given, self.plain | options)
        for family, new in also(arguments, rng):
            yield family, Call(new, given, self.plain)
        if SINGLE_NUMBERS in self.form:
            yield from ((f"draw {i}", Call(single_numbers(arguments, rng), given, self.plain)) for i in range(2, 6))

    def _fitting(self, arguments: list[str], given: dict[str, Fields], rng: np.random.Generator) -> tuple[str, Arrays]:
        """The first arrays of which the backward gives gradients of their shapes; else that both, or one, run on."""
        best, found, why, is_sure = 0, ("", {}), "", False
        for family, arrays, is_named in candidates(arguments, rng):
            score, error = self._score(Call(arrays, given, self.plain), rng)
            if score > best:
                best, found, is_sure = score, (family, arrays), is_named and self.names_tell
            if best == 3:
                return found
            why = error if "AssertionError" in error or "NotImplementedError" in error or not why else why
        for family, arrays in guesses(arguments, rng) if not is_sure else ():
            if self._score(Call(arrays, given, self.plain), rng)[0] == 3:
                return family, arrays
        if best < 2 and not (best and is_sure):  # what raises on a guess may be right
            shapes = f"what ({', '.join(arguments)}) are is not known: no arrays that were tried fit"
            raise Unclear(f"{shapes}; the first raised {why}" if why else shapes)
        return found

    def _score(self, call: Call, rng: np.random.Generator) -> tuple[int, str]:
        try:
            example = self._example("", call, rng)
        except Exception as error:
            return 0, f"{type(error).__name__}: {error}"
        try:
            backward: Any = example.run({n: a.copy() for n, a in call.arrays.items()}).backward
            gradients = backward(example.delta)
        except Exception as error:
            return 1, f"{type(error).__name__}: {error}"
        fits = all(np.shape(gradients.get(f"d{n}", 0)) == a.shape for n, a in example.floats.items())
        return 2 + fits, ""

    def _example(self, place: str, call: Call, rng: np.random.Generator) -> Example:
        """The example, whose forward has run once.

        Raises:
            Exception: it does not run.
        """

        def run(arrays: Arrays) -> Ran:
            return self._run(replace(call, arrays=arrays))

        outputs = run({n: a.copy() for n, a in call.arrays.items()}).outputs
        if any(np.asarray(y).dtype.kind != "f" for y in outputs.values()):
            raise TypeError("the output is no array of floats")
        delta = {n: rng.standard_normal(np.shape(y)) for n, y in [*outputs.items()][: max(1, needs(self.backward) - 1)]}
        options = {k: _plain(v) for of in call.settings.values() for k, v in of.items()}
        known = AS_ITSELF if call.plain else self.stem  # torch calls settings otherwise
        example = Example(call.arrays, run, delta, place=place, known=known, options=options)
        if place == "mode test" and not self._goes_back(example):
            return replace(example, run=lambda arrays: run(arrays)._replace(backward=None))
        return example

    @staticmethod
    def _goes_back(example: Example) -> bool:
        """Whether there is a backward: a norm that is tested needs none."""
        backward = example.run({n: a.copy() for n, a in example.arrays.items()}).backward
        try:
            return backward is not None and bool(backward(example.delta))
        except Exception:
            return False

    def _run(self, call: Call) -> Ran:
        inside = {k: n for n, ks in self.dicts.items() for k in ks}
        arguments: Fields = {n: a for n, a in call.arrays.items() if n not in inside}
        arguments |= {n: {k: call.arrays[k] for k in ks} for n, ks in self.dicts.items()}
        arguments |= {n: _copied(of) for n, of in call.settings.items()} | call.plain
        if "G" in self.needed:
            arguments["G"] = 2
        result = self.forward(**arguments)
        if not isinstance(result, tuple) or len(result) < 2:
            raise Unclear("forward returned no cache beside its output; expected (out, cache)")
        *outputs, cache = result
        names = self.outputs if len(self.outputs) == len(outputs) else [f"y{i + 1}" for i in range(len(outputs))]
        y = dict(zip(names if len(outputs) > 1 else ["y"], outputs, strict=True))

        def backward(delta: dict[str, Array]) -> Arrays:
            first = next(iter(inspect.signature(self.backward).parameters))
            deltas = [*delta.values()]
            given = [cache, *deltas] if "cache" in first else [*deltas, cache]
            named = known_to(self.backward, {n: v for n, v in call.plain.items() if n not in self.plain})
            return self._by_name(self.backward(*given, **named), call.arrays)

        return Ran(y, backward, pure=False)

    def _by_name(self, result: Any, arrays: Arrays) -> Arrays:
        if isinstance(result, dict):
            found = {f"d{n.removeprefix('d')}": g for n, g in result.items()}
            return {n: g for n, g in found.items() if n[1:] in (*arrays, *self.numbers) and g is not None}
        if self.dicts and isinstance(result, tuple | list):
            return gradients_in(result, self.names, {n: np.shape(a) for n, a in arrays.items()})
        gradients = [*result] if isinstance(result, tuple | list) else [result]
        floats = [n for n, a in arrays.items() if np.asarray(a).dtype.kind in "fO"]
        every = [n for n in (*self.arguments, *self.accepts) if n in (*floats, *self.numbers)]
        for names in (floats, [*arrays], self.needed, every):
            if len(names) == len(gradients):
                named = zip(names, gradients, strict=True)
                return {f"d{n}": g for n, g in named if n in every and g is not None}
        expected = ", ".join(f"d{n}" for n in floats)
        got = "None" if result is None else f"{len(gradients)} arrays"
        raise Unclear(f"backward returned {got}; expected {len(floats)}: {expected}")


def _returned_names(found: Definitions, function: Callable[..., Any]) -> list[str]:
    """What a function calls its outputs, but for the cache: next_h, next_c."""
    for n in (n for n in ast.walk(found.node_of(function)) if isinstance(n, ast.Return)):
        if isinstance(n.value, ast.Tuple) and all(isinstance(e, ast.Name) for e in n.value.elts[:-1]):
            return [e.id for e in n.value.elts[:-1]]  # pyright: ignore[reportAttributeAccessIssue]
    return []


def _running(keys: set[str], changed: Fields, arrays: Arrays, rng: np.random.Generator) -> Fields:
    """The running statistics that a norm needs when it is tested."""
    if changed.get("mode") != "test":
        return {}
    size = [*arrays.values()][-1].size if len(arrays) > 1 else 0
    kept = {k for k in keys if k.startswith(("running", "moving"))}
    return {k: rng.uniform(0.5, 1.5, size) for k in sorted(kept)} if size else {}


def _copied(of: Fields) -> Fields:
    return {k: v.copy() if isinstance(v, np.ndarray) else v for k, v in of.items()}


def _plain(value: Any) -> Any:
    return value.tolist() if isinstance(value, np.ndarray) else value
