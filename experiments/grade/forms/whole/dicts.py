"""A network as functions of a dict: forward(X, params) → (A, cache), and backward(Y, params, cache) → gradients.

As forward_prop and back_prop (whole-forward-backward), but that the parameters lie in a dict, params["W1"] or
params[f"W{l}"], and so do the gradients, under the same keys or as dW1. Examples are rows or columns.
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
from experiments.grade.forms.definitions import Definitions
from experiments.grade.forms.piece import Arrays, Piece
from experiments.grade.forms.whole.forward_backward import EXAMPLES, GIVES, OUTPUT, RUNS, Layout, Propagation
from experiments.grade.forms.whole.names import DATA, TARGET
from experiments.grade.forms.whole.network_data import CACHES
from experiments.grade.forms.whole.results import returned_names

A_BIAS = re.compile(r"b(ias)?(es)?[_\d]*\w?", re.IGNORECASE)
WIDTHS = (4, 5, 2, 4)
CLASSES = (3, 1)


def pieces(found: Definitions) -> Iterator[Piece]:
    """A forward of data and a dict, and the backward whose arguments are among what it takes and returns."""
    functions = found.functions()
    for name, forward in functions.items():
        takes = [n for n, p in inspect.signature(forward).parameters.items() if p.default is p.empty]
        if not RUNS.fullmatch(name) or len(takes) != 2 or len([n for n in takes if n in DATA]) != 1:
            continue
        dictionary = next(n for n in takes if n not in DATA)
        keys = _keys(found, forward, dictionary)
        for backward in functions.values() if any(not A_BIAS.fullmatch(k) for k in keys) else ():
            known = {*takes, *returned_names(found.node_of(forward)), *TARGET, *CACHES}
            names = {*inspect.signature(backward).parameters}
            if GIVES.fullmatch(backward.__name__) and names & TARGET and names <= known:
                yield OfDict(forward, backward, dictionary, keys, found)
                break


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
        self, forward: Callable[..., Any], backward: Callable[..., Any], dictionary: str, keys: list[str], found: Any
    ) -> None:
        super().__init__(forward, backward, found)
        self.dictionary, self.keys = dictionary, keys

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
            labels = np.array([0, 1, 1, 0, 1, 0]) if classes == 1 else np.array([0, 2, 1, 2, 0, 1])
            one_hot = np.eye(max(classes, 2))[labels][:, :classes]
            where = f"examples are {'columns' if columns else 'rows'}"
            for target, said in ((one_hot, ""), *(((labels, ", Y are classes"),) if classes > 1 else ())):
                turned = target.T.copy() if columns and target.ndim > 1 else target
                yield Layout(f"{where}{said}", arrays, turned, one_hot.T.copy() if columns else one_hot)

    def _pass(self, given: Arrays) -> dict[str, Any]:
        """What forward takes and returns, by name, and the network's output."""
        own: dict[str, Any] = {self.data: given[self.data], self.dictionary: {k: given[k] for k in self.keys}}
        result = self.forward(**own)
        values = [*result] if isinstance(result, tuple) else [result]
        names = self.outputs if len(self.outputs) == len(values) else [f"value {i}" for i in range(len(values))]
        output = next((v for v in reversed(values) if isinstance(v, np.ndarray)), None)
        if output is None:  # all is in the cache
            output = next(v for v in reversed([*values[0].values()]) if isinstance(v, np.ndarray))
        others = [v for v in values if v is not output]
        cache = others[0] if len(others) == 1 else tuple(others)
        return {**dict.fromkeys(CACHES, cache), **own, **dict(zip(names, values, strict=True)), OUTPUT: output}
