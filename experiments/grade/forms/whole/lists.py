"""A network as functions of lists: forward(x, weights, biases) → (zs, activations), and the backward → (dws, dbs).

As forward_prop and back_prop (whole-forward-backward), but that the parameters lie in lists by layer, all_weights and
all_biases, and so do the gradients. Their depth is a number that the functions read from the module (K), or any. A
backward that sums or averages over no axis is tried on one example.
Compared with the truth of its own forward.
"""

import ast
import inspect
import re
from collections.abc import Callable, Iterator
from itertools import pairwise, product
from typing import Any

import numpy as np

from experiments.grade.forms.definitions import Definitions
from experiments.grade.forms.piece import Arrays, Piece
from experiments.grade.forms.whole.forward_backward import EXAMPLES, GIVES, OUTPUT, Layout, Propagation
from experiments.grade.forms.whole.names import DATA, TARGET
from experiments.grade.forms.whole.results import returned_names

WEIGHTS = re.compile(r"(all_|the_)?(weights|ws|thetas)(_list)?", re.IGNORECASE)
BIASES = re.compile(r"(all_|the_)?(biases|bs)(_list)?", re.IGNORECASE)
INPUTS = DATA | {"net_input", "a0"}
WIDTHS = (4, 5, 2, 4, 5, 2, 4, 5)
CLASSES = (3, 1)


def pieces(found: Definitions) -> Iterator[Piece]:
    """A forward of data and two lists, and the backward whose arguments are among what it takes and returns."""
    functions = found.functions()
    for forward in functions.values():
        takes, gives = [*inspect.signature(forward).parameters], returned_names(found.node_of(forward))
        if len(takes) != 3 or not {*takes} & INPUTS or not any(map(WEIGHTS.fullmatch, takes)):
            continue
        for backward in functions.values():
            names, known = {*inspect.signature(backward).parameters}, {*takes, *gives, *TARGET}
            if GIVES.match(backward.__name__) and names & TARGET and names & {*takes} and names <= known:
                yield OfLists(forward, backward, found)
                break


class OfLists(Propagation):
    """The two functions."""

    form = "network as functions of lists"

    def __init__(self, forward: Callable[..., Any], backward: Callable[..., Any], found: Definitions) -> None:
        super().__init__(forward, backward, found)
        self.x = next(n for n in self.arguments if n in INPUTS)
        self.lists = [n for n in self.arguments if n != self.x]
        read = [vars(self.module).get(n) for n in {*forward.__code__.co_names, *backward.__code__.co_names}]
        self.depths = [n + 1 for n in read if type(n) is int and 0 < n < len(WIDTHS)] or [3]
        sums = {n.arg for n in ast.walk(found.node_of(backward)) if isinstance(n, ast.keyword)}
        self.counts = (EXAMPLES,) if sums & {"axis", "keepdims"} else (1,)

    @property
    def data(self) -> str:
        """The argument that has no gradient here."""
        return self.x

    def _layouts(self, rng: np.random.Generator) -> Iterator[Layout]:
        for depth, classes, count, columns in product(self.depths, CLASSES, self.counts, (True, False)):
            sizes = (*WIDTHS[:depth], classes)
            arrays: Arrays = {}
            for name in self.lists:
                for i, (n, m) in enumerate(pairwise(sizes)):
                    weight, bias = ((m, n), (m, 1)) if columns else ((n, m), (1, m))
                    arrays[f"{name}{i}"] = rng.standard_normal(weight if WEIGHTS.fullmatch(name) else bias)
            arrays[self.x] = rng.standard_normal((sizes[0], count) if columns else (count, sizes[0]))
            labels = [0, 1, 1, 0, 1, 0] if classes == 1 else [0, 2, 1, 2, 0, 1]
            one_hot = np.eye(max(classes, 2))[labels[:count], :classes]
            target = one_hot.T.copy() if columns else one_hot
            yield Layout(f"examples are {'columns' if columns else 'rows'}", arrays, target, target)

    def _pass(self, given: Arrays) -> dict[str, Any]:
        """What forward takes and returns, by name, and the network's output."""
        own: dict[str, Any] = {self.x: given[self.x]}
        for name in self.lists:
            own[name] = [a for n, a in given.items() if n != self.x and n[: len(name)] == name]
        result = self.forward(**own)
        values = [*result] if isinstance(result, tuple) else [result]
        names = self.outputs if len(self.outputs) == len(values) else [f"value {i}" for i in range(len(values))]
        arrays = [v for v in values if isinstance(v, np.ndarray)] or [v[-1] for v in values if isinstance(v, list)]
        return {**own, **dict(zip(names, values, strict=True)), OUTPUT: arrays[-1]}

    def _gradients(self, result: Any, shapes: dict[str, tuple[int, ...]]) -> Arrays:
        """Of two lists, or a dict of them; the one whose first array is a weight's is that of the weights."""
        parts = [*result.values()] if isinstance(result, dict) else [*result]
        if np.shape(parts[0][0]) != shapes[f"{self.lists[0]}0"] == np.shape(parts[1][0]):
            parts.reverse()
        pairs = zip(self.lists, parts, strict=False)
        return {f"d{name}{i}": np.asarray(g) for name, part in pairs for i, g in enumerate(part)}
