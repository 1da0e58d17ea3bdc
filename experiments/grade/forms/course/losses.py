"""Course losses: loss(x, y) gives (loss, dx); loss(W, X, y, reg) gives (loss, dW).

Every function named for a loss (softmax_loss, svm_loss_naive, …) that returns two values or more; and one of a word and
those around it, which takes their index. x are scores (N, C), or (N, T, C) with a mask, or one number an example; y
classes, or numbers of x's shape; a dataset is one that words are sampled from. A gradient belongs to the argument of
its shape. Settings (delta, margin, smoothing) are tried at another value, too. Compared with the truth of the loss that
it returns; softmax_loss and svm_loss of scores with torch's, too.
"""

import ast
import inspect
import re
from collections.abc import Callable, Iterator
from itertools import cycle
from typing import Any

import numpy as np

from experiments.grade.errors import Unclear
from experiments.grade.forms.course.arguments import ROLES
from experiments.grade.forms.definitions import Definitions
from experiments.grade.forms.piece import Arrays, Example, Fields, Piece, Ran
from experiments.grade.forms.settings import others
from experiments.grade.forms.whole.names import DATA, PENALTIES, TARGET
from manual.numbers.number_types import Array

WORDS = {"loss", "cost", "svm", "hinge", "entropy", "mse", "nll"}
BINARY = {"bce", "binary", "logistic"}
"""Those that say that there is one number an example."""
OF_ANOTHER = re.compile(r"_?(grad(ient)?s?|prime|deriv\w*)$|^d_?", re.IGNORECASE)
"""What the name of a cost's gradient has beside the cost's."""
VARIANT = re.compile(r"_(naive|vectorized|vectorised|fast|alt)$")
STRENGTH = 0.3
"""Of a penalty: beside it, a factor of 2 shows."""


def pieces(found: Definitions) -> Iterator[Piece]:
    """Every function whose name says loss, and that returns several values."""
    for name, f in functions(found):
        yield LossFunction(name, f, found)


def functions(found: Definitions) -> Iterator[tuple[str, Callable[..., Any]]]:
    """These functions, and their names."""
    every = found.functions()
    for name, f in every.items():
        words, is_of_another = words_of(name), OF_ANOTHER.sub("", name) in every.keys() - {name}
        is_one = words & WORDS or any(map(INDEX.fullmatch, inspect.signature(f).parameters))
        if is_one and not words & {"forward", "backward"} and not is_of_another and _returns_gradients(found, f):
            yield name, f


def _returns_gradients(found: Definitions, f: Callable[..., Any]) -> bool:
    values = [n.value for n in ast.walk(found.node_of(f)) if isinstance(n, ast.Return)]
    return any(isinstance(value, ast.Tuple) and len(value.elts) > 1 for value in values)


def words_of(name: str) -> set[str]:
    """The words of a name, in lower case."""
    return {word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)}


def drawn(name: str, count: int, rng: np.random.Generator) -> Iterator[list[Array]]:
    """What the arguments of a function of this name may be."""
    x, y = rng.standard_normal((5, 4)), np.array([0, 3, 1, 3, 2])
    weights, rows = rng.standard_normal((3, 4)), rng.standard_normal((5, 3))
    steps, words, mask = rng.standard_normal((2, 3, 4)), np.array([[0, 3, 1], [3, 2, 0]]), rng.random((2, 3)) < 0.7
    mask[0, 0] = True
    if count == 2 and BINARY & words_of(name):
        yield [x[:, 0], (y > 1).astype(float)]
    if count == 2:
        yield from ([x, y], [x, rng.random((5, 4))], [x[:, 0], (y > 1).astype(int)], [steps, words], [x.T, y])
    elif count == 3:
        yield from ([weights, rows, y], [steps, words, mask], [rows, y, weights], [rows, weights, y])
        yield [rows, rng.standard_normal((5, 3)), (y > 1).astype(float)]
        yield from ([rows[:, 0], np.array(2), weights.T], [weights[0], np.array(2), x])
        yield from ([weights[:, 0], rows, (y > 1).astype(int)], [weights[:, :1], rows, (y > 1).astype(int)[:, None]])
    elif count == 4:
        yield [weights, weights[0], rows, y]


def _by_roles(names: list[str], rng: np.random.Generator) -> Iterator[Arrays]:
    """What weights, a bias, data and a target of these names may be, in any order."""
    roles = ["y" if n in TARGET else "x" if n in DATA else ROLES.get(n, "") for n in names]
    if not {"w", "x", "y"} <= {*roles} <= {"w", "b", "x", "y"} or len({*roles}) < len(roles):
        return
    rows, labels = rng.standard_normal((5, 3)), np.array([0, 3, 1, 3, 2])
    binary, scores = (labels > 1).astype(float), (rng.standard_normal((3, 4)), rng.standard_normal(4))
    for w, b, x, y in (
        (*scores, rows, labels), (scores[0][:, 0], np.array(0.3), rows, binary),
        (scores[0][:, :1], np.array([0.3]), rows, binary[:, None]), (scores[0].T, scores[1][:, None], rows.T, labels),
        (scores[0][:, :1], np.array(0.3), rows.T, binary[None]),
        (scores[0].T[:1], np.array([[0.3]]), rows.T, binary[None]),
    ):  # fmt: skip
        yield {n: {"w": w, "b": b, "x": x, "y": y}[role].copy() for n, role in zip(names, roles, strict=True)}


class Words:
    """A data set of five words, which are drawn in turn, so that each pass draws the same."""

    def __init__(self) -> None:
        self.drawn = cycle(range(5))

    def sampleTokenIdx(self) -> int:
        """The next word."""
        return next(self.drawn)


INDEX = re.compile(r"(word|token)s?_?(2|to)_?(ind|idx|index|ix|id)", re.IGNORECASE)
"""What is called the index of a word's vector."""
OF_WORDS: dict[str, Any] = {
    r"(current|center)\w*word": "c",
    r"(outside|context|window)_?words?": ["a", "d", "a"],
    r"window_?size|c|m": 2,
}
"""What the arguments are beside it, in lower case: a word occurs twice."""


def told(names: list[str]) -> Fields:
    """What is no array among arguments of these names: a dataset; a word, those around it, and their index."""
    found: Fields = {n: Words for n in names if n == "dataset"}
    index = [n for n in names if INDEX.fullmatch(n)]
    for name in names if index else ():
        value = next((v for pattern, v in OF_WORDS.items() if re.fullmatch(pattern, name.lower())), None)
        found |= {name: lambda v=value: v} if value is not None else {}
    return found | {n: lambda: {word: i for i, word in enumerate("abcde")} for n in index}


def _fit(arrays: Arrays, gradients: list[Any]) -> bool:
    """Whether each gradient has the shape of an argument of its own."""
    shapes = [a.shape for a in arrays.values() if a.dtype.kind == "f"]
    for g in gradients:
        if np.shape(g) not in shapes:
            return False
        shapes.remove(np.shape(g))
    return True


class LossFunction(Piece):
    """A function that gives a loss and its gradient at once."""

    form = "course loss"

    def __init__(self, name: str, f: Callable[..., Any], found: Definitions) -> None:
        self.f, self.module = f, found.module
        parameters = inspect.signature(f).parameters
        needed = [n for n, p in parameters.items() if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD]
        self.told = told(needed)
        needed = [n for n in needed if n not in self.told]
        super().__init__(name, needed, [n for n in parameters if n not in (*needed, *self.told)], [f])

    def truth_examples(self, rng: np.random.Generator) -> Iterator[Example]:
        failed: list[str] = []
        found = None
        for run in self._runs(rng, failed):
            fits = _fit(run[0], run[2])
            found = run if fits or found is None else found
            if fits:
                break
        if found is None:
            said = ", ".join(self.arguments)
            raise Unclear(f"what ({said}) are is not known: nothing that was tried fits; {failed[0] if failed else ''}")
        yield self._example("", *found)
        yield from self._at_others(*found)

    def _runs(self, rng: np.random.Generator, failed: list[str]) -> Iterator[tuple[Arrays, Fields, list[Any]]]:
        """What the arguments may be, and the gradients, where that gives one loss; what it raises elsewhere."""
        for names, besides in self._ways():
            tried = [dict(zip(names, values, strict=True)) for values in drawn(self.name, len(names), rng)]
            for arrays in (*_by_roles(names, rng), *tried):
                try:
                    loss, gradients = self._called(arrays, besides)
                except Exception as error:
                    failed.append(f"{type(error).__name__}: {error}")
                    continue
                if np.size(loss) == 1:
                    yield arrays, besides, gradients

    def _at_others(self, arrays: Arrays, besides: Fields, gradients: list[Any]) -> Iterator[Example]:
        """The same with each other setting at another value, as far as it runs so."""
        for place, options in others(self.f):
            try:
                self._called(arrays, besides | options)
            except Exception:
                continue
            yield self._example(place, arrays, besides | options, gradients)

    def _ways(self) -> Iterator[tuple[list[str], Fields]]:
        """The arguments that are arrays, and the others: the last one may be the strength of a penalty."""
        penalty = {n: STRENGTH for n in self.accepts if n.lower() in PENALTIES}
        last = self.arguments[-1:]
        if len(self.arguments) > 3:
            yield self.arguments[:-1], {last[0]: STRENGTH} | penalty
        yield self.arguments, penalty
        if len(self.arguments) == 3:
            yield self.arguments[:-1], {last[0]: STRENGTH} | penalty

    def _called(self, arrays: Arrays, besides: Fields) -> tuple[Any, list[Any]]:
        result = self.f(
            **{n: a.copy() for n, a in arrays.items()}, **besides, **{n: make() for n, make in self.told.items()}
        )
        if not isinstance(result, tuple) or len(result) < 2:
            raise Unclear("expected (loss, gradient)")
        loss, *gradients = result
        if len(gradients) == 1 and isinstance(gradients[0], tuple | list):
            gradients = [*gradients[0]]
        if len(gradients) == 1 and isinstance(gradients[0], dict):
            gradients = [*gradients[0].values()]
        return loss, gradients

    def _example(self, place: str, arrays: Arrays, besides: Fields, gradients: list[Any]) -> Example:
        floats = [n for n, a in arrays.items() if a.dtype.kind == "f"]
        of: list[str] = []
        for g in gradients:
            left = [n for n in floats if n not in of]
            of.append(next((n for n in left if arrays[n].shape == np.shape(g)), left[0] if left else ""))

        def run(given: Arrays) -> Ran:
            loss, gradients = self._called(given, besides)
            by = {f"d{n}": g for n, g in zip(of, gradients, strict=False) if n}
            return Ran({"loss": np.sum(loss)}, lambda _: by, pure=False)

        stem = VARIANT.sub("", self.name)
        known = stem if len(arrays) == 2 and not besides else ""
        return Example(arrays, run, fixed=tuple(n for n in floats if n not in of), known=known, place=place)
