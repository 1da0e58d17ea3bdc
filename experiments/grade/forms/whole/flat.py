"""A network whose parameters are one vector: cost(params, …, X, y) → (cost, grad), as an optimizer of SciPy's calls it.

forward_backward_prop(X, labels, params, dimensions), nnCostFunction(nn_params, input_layer_size, hidden_layer_size,
num_labels, X, y, lambda_), in any order. The sizes come in a tuple or one by one; X are rows or columns, y classes or
one-hot, a column of 0 and 1, or numbers; or there is no target, as of an autoencoder, or no data, as of ratings Y and
R, which are rated. The vector is as long as the function takes it; what else it is told is a number.
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
from experiments.grade.forms.stateful.objects import RATES
from experiments.grade.forms.whole.names import DATA, PENALTIES, TARGET
from experiments.grade.forms.whole.network_data import COUNTS

VECTOR = re.compile(r"(nn_|initial_|flat_|all_)?(params|parameters|thetas?|weights|vec|vector)(_vec|_vector|_flat)?")
ALL_SIZES = re.compile(r"(layer_)?(dims|dimensions|sizes|layers|shape)|layer_sizes")
INPUTS, HIDDEN = re.compile(r"n?_?in(put)?s?(_.*)?"), re.compile(r"n?_?hid(den)?(_.*)?|num_hidden|H")
OUTPUTS = re.compile(r"n?_?(out(put)?s?|classes|labels|K)(_.*)?|num_labels|num_classes")
SIZES = (3, 4, 2)
A_SIZE = re.compile(r"(n|num|number)_.*|.*_(size|dim|num)", re.IGNORECASE)
RATED = {"R", "mask", "rated"}
LONGEST = 60
"""Numbers that the vector may have."""


def pieces(found: Definitions) -> Iterator[Piece]:
    """Every function of a vector, its sizes, data or a target that says cost or propagation."""
    for name, f in found.functions().items():
        roles = {n: _role(n) for n, p in inspect.signature(f).parameters.items() if p.default is p.empty}
        kinds = [*roles.values()]
        if not re.search("cost|loss|prop|grad|objective", name, re.IGNORECASE) or "trains" in kinds:
            continue
        has_sizes, are_one = {*kinds} & {"sizes", "hidden", "size"}, all(kinds.count(r) < 2 for r in ("x", "y"))
        if kinds.count("vector") == 1 and are_one and {*kinds} & {"x", "y"} and has_sizes:
            yield Flat(name, f, roles, found)


def _role(name: str) -> str:
    known = {
        "trains": name.lower() in COUNTS | RATES, "y": name in TARGET, "x": name in DATA, "rated": name in RATED,
        "penalty": name.lower() in PENALTIES,
        "vector": VECTOR.fullmatch(name), "sizes": ALL_SIZES.fullmatch(name), "output": OUTPUTS.fullmatch(name),
        "hidden": HIDDEN.fullmatch(name), "input": INPUTS.fullmatch(name), "size": A_SIZE.fullmatch(name),
    }  # fmt: skip
    return next((role for role, is_it in known.items() if is_it), "")


class Flat(Piece):
    """The function."""

    form = "network of one vector"

    def __init__(self, name: str, f: Callable[..., Any], roles: dict[str, str], found: Definitions) -> None:
        self.f, self.module, self.roles = f, found.module, roles
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
        """Data and targets that the function may have, and vectors of any length."""
        labels, kinds = np.array([0, 1, 1, 0, 1]), {*self.roles.values()}
        x = [rng.standard_normal((len(labels), n)) for n in SIZES]
        targets = (np.eye(SIZES[-1])[labels], labels, labels[:, None])
        tables = [rng.standard_normal((n, m)) for n, m in product(SIZES, SIZES) if n != m]
        for rows in x if "x" in kinds else (None,):
            for y in tables if rows is None else targets if "y" in kinds else (None,):
                for turned, length in product((False, True), range(1, LONGEST)):
                    data = {"x": rows, "y": y, "rated": None if y is None else (y > 0) * 1.0}
                    given = {n: a for n, a in data.items() if a is not None and n in kinds}
                    arrays = {n: (a.T if turned and rows is not None else a).copy() for n, a in given.items()}
                    yield {"params": rng.standard_normal(length), **arrays}

    def _called(self, given: Arrays) -> tuple[Any, Any]:
        n, h, k = SIZES
        sizes = iter(SIZES)
        values: Fields = {"sizes": (n, h, k), "input": n, "hidden": h, "output": k, "penalty": STRENGTH, "": STRENGTH}
        values |= {"vector": given["params"], **given}
        arguments = {name: next(sizes) if role == "size" else values[role] for name, role in self.roles.items()}
        result = self.f(**arguments)
        if not isinstance(result, tuple | list) or len(result) != 2:
            raise Unclear("expected (cost, grad)")
        return result[0], result[1]

    def _run(self, given: Arrays) -> Ran:
        cost, grad = self._called(given)
        return Ran({"cost": np.sum(cost)}, lambda _: {"dparams": np.asarray(grad)}, pure=False)
