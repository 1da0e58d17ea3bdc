"""A whole network's backward: backward(W1, b1, …, x, y) gives (dW1, db1, …), or a dict.

Rows or columns, W as (out, in) or (in, out), or one example at a time. With cost(W1, b1, …, x, y) beside it, it is
compared with the truth of that; else with post A's network in torch: ReLU, no activation at the end, and the
cost ½ Σ (ŷ − y)² / N.
"""

import inspect
import re
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

from experiments.grade.errors import Unclear
from experiments.grade.forms.definitions import Definitions
from experiments.grade.forms.piece import Arrays, Example, Fields, Piece, Ran


def pieces(found: Definitions) -> Iterator[Piece]:
    """Every function named backward that takes W1, b1, …, x and y."""
    for name, f in found.functions().items():
        takes = " ".join(inspect.signature(f).parameters)
        if re.fullmatch(r"(\w+_)?backward", name) and re.fullmatch(r"(W\d+ b\d+ )+x y", takes):
            yield NetworkPiece(name, f, found.module)


class NetworkPiece(Piece):
    """The gradient of a whole network's cost by its parameters, as one function."""

    form = judging = "network"

    def __init__(self, name: str, backward: Callable[..., Any], module: ModuleType) -> None:
        self.of_all, self.cost, self.module = backward, getattr(module, "cost", None), module
        super().__init__(name, [*inspect.signature(backward).parameters], [], [backward, self.cost])
        self.has_cost = self.cost is not None

    def run(self, given: Arrays, options: Fields) -> Ran:  # noqa: ARG002
        y = 0.0 if self.cost is None else self.cost(**given)
        return Ran(y, lambda _: self._by_name(self.of_all(**given)))

    def _by_name(self, result: Any) -> Arrays:
        names = self.arguments[:-2]
        if isinstance(result, dict):
            return {f"d{n.removeprefix('d')}": g for n, g in result.items()}
        if not isinstance(result, tuple | list) or len(result) != len(names):
            given = f"{len(result)} values" if isinstance(result, tuple | list) else f"a {type(result).__name__}"
            raise Unclear(
                f"backward returned {given}; expected {len(names)} arrays: {', '.join(f'd{n}' for n in names)}"
            )
        return {f"d{n}": g for n, g in zip(names, result, strict=True)}

    def example(self, given: Arrays) -> Example:
        """The cost as a function of the parameters, x and y fixed."""
        fixed = {name: given[name] for name in self.arguments[-2:]}
        params = {name: given[name] for name in self.arguments[:-2]}
        return Example(params, lambda params: self.run({**params, **{n: a.copy() for n, a in fixed.items()}}, {}))
