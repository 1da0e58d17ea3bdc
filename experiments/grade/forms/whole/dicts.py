"""A network as functions of a dict: forward(X, params) → (A, cache), and backward(Y, params, cache) → gradients.

As forward_prop and back_prop (whole-forward-backward), but that the parameters lie in a dict, params["W1"] or
params[f"W{l}"], and so do the gradients, under the same keys or as dW1. Examples are rows or columns. A forward that is
handed Y returns the cost, too; a backward may be handed forward itself, or the strength of a penalty.
Compared with the truth of its own forward.
"""

import ast
import inspect
import re
from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import numpy as np

from experiments.grade.forms.course.arguments import keys_of
from experiments.grade.forms.course.losses import STRENGTH
from experiments.grade.forms.definitions import Definitions
from experiments.grade.forms.piece import Arrays, Piece
from experiments.grade.forms.stateful.penalties import Penalty, usual_penalty
from experiments.grade.forms.whole.forward_backward import (
    EXAMPLES,
    GIVES,
    OUTPUT,
    RUNS,
    KeptCost,
    Layout,
    Propagation,
)
from experiments.grade.forms.whole.names import DATA, PENALTIES, TARGET
from experiments.grade.forms.whole.network_data import CACHES
from experiments.grade.forms.whole.results import returned_names

A_BIAS = re.compile(r"b(ias)?(es)?[_\d]*\w?", re.IGNORECASE)
COST = "the cost that forward returns"
WIDTHS = (4, 5, 2, 4)
CLASSES = (3, 1, 10)
"""How many there may be: a file of digits may be written for ten."""


def pieces(found: Definitions) -> Iterator[Piece]:
    """A forward of data and a dict, and the backward whose arguments are among what it takes and returns."""
    functions = found.functions()
    for name, forward in functions.items():
        takes = [n for n, p in inspect.signature(forward).parameters.items() if p.default is p.empty]
        others = [n for n in takes if n not in TARGET]
        if not RUNS.fullmatch(name) or len(others) != 2 or len([n for n in others if n in DATA]) != 1:
            continue
        dictionary = next(n for n in others if n not in DATA)
        keys = _keys(found, forward, dictionary)
        gives = returned_names(found.node_of(forward))
        known = {*takes, *gives, *TARGET, *CACHES, *PENALTIES}
        for backward in functions.values() if any(not A_BIAS.fullmatch(k) for k in keys) else ():
            names = {*inspect.signature(backward).parameters}
            is_told = names & TARGET or len(takes) > len(others)
            unknown = names - _called(found, backward) - known  # one may be what has no name
            if GIVES.match(backward.__name__) and is_told and len(unknown) <= (not gives or not all(gives)):
                yield OfDict(forward, backward, dictionary, keys, found, CACHES | unknown)


def _called(found: Definitions, function: Callable[..., Any]) -> set[str]:
    """What a function calls by its name, or hands on to one that does: an argument of these is a function."""
    names = set[str]()
    for call in [n for n in ast.walk(found.node_of(function)) if isinstance(n, ast.Call)]:
        own = found.own().get(name) if isinstance(call.func, ast.Name) and (name := call.func.id) else None
        names |= {call.func.id} if isinstance(call.func, ast.Name) else set()
        if inspect.isfunction(own) and own is not function:
            given = zip(inspect.signature(own).parameters, call.args, strict=False)
            names |= {a.id for n, a in given if isinstance(a, ast.Name) and n in _called(found, own)}
    return names


def _keys(found: Definitions, forward: Callable[..., Any], dictionary: str) -> list[str]:
    """The keys of the parameters, in the order in which forward names them; W1, b1, W2, … where it counts them."""
    node = found.node_of(forward)
    reads = [n for n in ast.walk(node) if isinstance(n, ast.Subscript) and ast.unparse(n.value) == dictionary]
    counted = []
    for read in sorted(reads, key=lambda n: (n.lineno, n.col_offset)):
        first = read.slice.values[0] if isinstance(read.slice, ast.JoinedStr) else getattr(read.slice, "left", None)
        counted += [str(first.value)] if isinstance(first, ast.Constant) else []
    if counted:
        return [f"{prefix}{i}" for i in (1, 2, 3) for prefix in dict.fromkeys(counted)]
    source = ast.unparse(node)
    return sorted(keys_of(found, forward, dictionary), key=lambda k: source.find(repr(k)))


class OfDict(Propagation):
    """The two functions."""

    form = "network as functions of a dict"

    def __init__(
        self,
        forward: Callable[..., Any],
        backward: Callable[..., Any],
        dictionary: str,
        keys: list[str],
        found: Any,
        caches: set[str],
    ) -> None:
        super().__init__(forward, backward, found)
        self.dictionary, self.keys, self.y, self.strength = dictionary, keys, np.zeros(()), STRENGTH
        asked = {*inspect.signature(backward).parameters}
        self.caches = caches
        self.takes_target = [n for n in self.arguments if n in TARGET]
        self.besides = dict.fromkeys(asked & _called(found, backward), forward)
        self.strengths = [n for n in asked if n in PENALTIES]

    def _fitting(self, rng: np.random.Generator) -> Layout:
        layout = super()._fitting(rng)
        self.y = layout.target
        return layout

    def _costs(self, layout: Layout) -> Iterator[tuple[str, KeptCost]]:
        """With a penalty that the backward alone knows."""
        costs = super()._costs(layout)
        if COST in self._pass(layout.arrays):
            costs = iter([("the cost that forward returns", lambda kept: kept[COST])])
        penalty = self._penalty(layout) if self.strengths else None
        if penalty is None:
            yield from costs
            return
        for said, cost in costs:
            total = lambda kept, cost=cost: cost(kept) + penalty.of(kept[self.dictionary])  # noqa: E731
            yield f"{said}, with a {penalty.name}", total

    def _penalty(self, layout: Layout) -> Penalty | None:
        """By what a backward adds to the gradients by its strength."""
        shapes, found = {k: layout.arrays[k].shape for k in self.keys}, []
        for self.strength in (0.0, STRENGTH):
            kept = self._pass({n: a.copy() for n, a in layout.arrays.items()})
            found.append(self._gradients(self._back(kept, layout.target), shapes))
        added = {k: found[1][f"d{k}"] - found[0][f"d{k}"] for k in self.keys if all(f"d{k}" in one for one in found)}
        return usual_penalty(self.strengths[0], {k: layout.arrays[k] for k in self.keys}, added, EXAMPLES)

    def _layouts(self, rng: np.random.Generator) -> Iterator[Layout]:
        weights = [k for k in self.keys if not A_BIAS.fullmatch(k)]
        for classes, columns, flat in product(CLASSES, (False, True), (True, False)):
            sizes, arrays, layer = (*WIDTHS[: len(weights)], classes), Arrays(), 0
            arrays[self.data] = rng.standard_normal((sizes[0], EXAMPLES) if columns else (EXAMPLES, sizes[0]))
            for key in self.keys if len(weights) <= len(WIDTHS) else ():
                layer += key in weights
                n, m = sizes[max(layer - 1, 0) :][:2]
                bias = (m,) if flat else (m, 1) if columns else (1, m)
                arrays[key] = (
                    rng.standard_normal((m, n) if columns else (n, m)) if key in weights else rng.standard_normal(bias)
                )
            labels = np.array([0, 1, 1, 0, 1, 0]) if classes == 1 else np.array([0, classes - 1, 1, classes - 1, 0, 1])
            one_hot = np.eye(max(classes, 2))[labels][:, :classes]
            where = f"examples are {'columns' if columns else 'rows'}"
            for target, said in ((one_hot, ""), *(((labels, ", Y are classes"),) if classes > 1 else ())):
                self.y = turned = target.T.copy() if columns and target.ndim > 1 else target
                yield Layout(f"{where}{said}", arrays, turned, one_hot.T.copy() if columns else one_hot)

    def _pass(self, given: Arrays) -> dict[str, Any]:
        """What forward takes and returns, by name, and the network's output."""
        own: dict[str, Any] = {self.data: given[self.data], self.dictionary: {k: given[k] for k in self.keys}}
        own |= {n: np.copy(self.y) for n in self.takes_target}
        result = self.forward(**own)
        values = [*result] if isinstance(result, tuple) else [result]
        names = self.outputs if len(self.outputs) == len(values) else [f"value {i}" for i in range(len(values))]
        output = next((v for v in reversed(values) if isinstance(v, np.ndarray)), None)
        if output is None:  # all is in the cache
            output = next(v for v in reversed([*values[0].values()]) if isinstance(v, np.ndarray))
        costs = [v for v in values if self.takes_target and np.shape(v) == () and not isinstance(v, dict)]
        others = [v for v in values if v is not output and all(v is not cost for cost in costs)]
        cache = others[0] if len(others) == 1 else tuple(others)
        besides = {
            **self.besides,
            **dict.fromkeys(self.strengths, self.strength),
            **dict(zip([COST], costs, strict=False)),
        }
        named = dict(zip(names, values, strict=True))
        return {**dict.fromkeys(self.caches, cache), **besides, **own, **named, OUTPUT: output}
