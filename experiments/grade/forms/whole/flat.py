"""A network whose parameters are one vector: cost(params, …, X, y) → (cost, grad), as an optimizer of SciPy's calls it.

forward_backward_prop(X, labels, params, dimensions), nnCostFunction(nn_params, input_layer_size, hidden_layer_size,
num_labels, X, y, lambda_), in any order. The sizes come in a tuple or one by one; the vector has biases or none; X are
rows, y classes or one-hot, a column of 0 and 1, or numbers.
Compared with the truth of its own cost.
"""

import inspect
import re
from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import numpy as np

from experiments.grade.errors import Unclear
from experiments.grade.forms.course.losses import STRENGTH
from experiments.grade.forms.definitions import Definitions
from experiments.grade.forms.piece import Arrays, Example, Fields, Piece, Ran
from experiments.grade.forms.whole.names import DATA, PENALTIES, TARGET

VECTOR = re.compile(r"(nn_|initial_|flat_|all_)?(params|parameters|thetas?|weights|vec|vector)(_vec|_vector|_flat)?")
ALL_SIZES = re.compile(r"(layer_)?(dims|dimensions|sizes|layers|shape)|layer_sizes")
INPUTS, HIDDEN = re.compile(r"n?_?in(put)?s?(_.*)?"), re.compile(r"n?_?hid(den)?(_.*)?|num_hidden|H")
OUTPUTS = re.compile(r"n?_?(out(put)?s?|classes|labels|K)(_.*)?|num_labels|num_classes")
SIZES = (3, 4, 2)


def pieces(found: Definitions) -> Iterator[Piece]:
    """Every function of a vector, its sizes, data and a target that says cost or propagation."""
    for name, f in found.functions().items():
        roles = {n: _role(n) for n in inspect.signature(f).parameters}
        kinds = [*roles.values()]
        if not re.search("cost|loss|prop|grad|objective", name, re.IGNORECASE) or "" in kinds:
            continue
        if all(kinds.count(role) == 1 for role in ("vector", "x", "y")) and {*kinds} & {"sizes", "hidden"}:
            yield Flat(name, f, roles, found)


def _role(name: str) -> str:
    known = {
        "y": name in TARGET, "x": name in DATA, "penalty": name.lower() in PENALTIES,
        "vector": VECTOR.fullmatch(name), "sizes": ALL_SIZES.fullmatch(name), "output": OUTPUTS.fullmatch(name),
        "hidden": HIDDEN.fullmatch(name), "input": INPUTS.fullmatch(name),
    }  # fmt: skip
    return next((role for role, is_it in known.items() if is_it), "")


class Flat(Piece):
    """The function."""

    form = "network of one vector"

    def __init__(self, name: str, f: Callable[..., Any], roles: dict[str, str], found: Definitions) -> None:
        self.f, self.module, self.names = f, found.module, {role: n for n, role in roles.items()}
        super().__init__(name, [*roles], [], [f])

    def truth_examples(self, rng: np.random.Generator) -> Iterator[Example]:
        why = ""
        for arrays in self._candidates(rng):
            try:
                cost, grad = self._called(arrays)
                fits = np.shape(grad) == np.shape(arrays["params"]) and np.size(cost) == 1 and np.isfinite(cost).all()
            except Exception as error:
                why = why or f"{type(error).__name__}: {error}"
                continue
            if fits:
                yield Example(arrays, self._run, fixed=tuple(n for n in arrays if n != "params"), together=True)
                return
        raise Unclear(f"expected (cost, grad) of ({', '.join(self.arguments)}); the first that was tried raised {why}")

    def _candidates(self, rng: np.random.Generator) -> Iterator[Arrays]:
        """Vectors with biases and without, for one hidden layer and none; and what the target may be."""
        n, h, k = SIZES
        x, labels = rng.standard_normal((5, n)), np.array([0, 1, 1, 0, 1])
        targets, lengths = (np.eye(k)[labels], labels, labels[:, None]), ((n + 1) * h + (h + 1) * k, n * h + h * k)
        for y, length, columns in product(targets, lengths, (False, True)):
            data = (x.T, y.T) if columns else (x, y)
            yield {"params": rng.standard_normal(length), "x": data[0].copy(), "y": data[1].copy()}

    def _called(self, given: Arrays) -> tuple[Any, Any]:
        n, h, k = SIZES
        values: Fields = {
            "vector": given["params"], "x": given["x"], "y": given["y"], "sizes": (n, h, k), "input": n, "hidden": h,
            "output": k, "penalty": STRENGTH,
        }  # fmt: skip
        result = self.f(**{n: values[role] for role, n in self.names.items()})
        if not isinstance(result, tuple | list) or len(result) != 2:
            raise Unclear("expected (cost, grad)")
        return result[0], result[1]

    def _run(self, given: Arrays) -> Ran:
        cost, grad = self._called(given)
        return Ran({"cost": np.sum(cost)}, lambda _: {"dparams": np.asarray(grad)}, pure=False)
