"""A cost that has no gradient beside it: mse_loss(y_true, y_pred), as a script prints it.

It is one of the usual ones, the sum or the mean of (a − y)², |a − y|, −y ln a, or −y ln a − (1 − y) ln(1 − a), of
arrays alike or of classes, in either order; else it is no piece, and said to be of no known form.
Compared with the derivative of the usual one.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from experiments.grade.forms.definitions import Definitions, needs
from experiments.grade.forms.loops.descent import factors
from experiments.grade.forms.piece import Arrays, Example, Piece, Ran
from experiments.grade.forms.stateful.guards import unguarded
from experiments.grade.forms.stateful.losses import Target, targets
from experiments.grade.forms.whole.network_data import OF_A_COST
from manual.numbers.number_types import Array

Formula = Callable[[Any, Any], Any]
USUAL: dict[str, tuple[Formula, Formula]] = {
    "(a − y)²": (lambda a, y: (a - y) ** 2, lambda a, y: 2 * (a - y)),
    "|a − y|": (lambda a, y: abs(a - y), lambda a, y: np.sign(a - y)),
    "−y ln a": (lambda a, y: -y * np.log(a), lambda a, y: -y / a),
    "−y ln a − (1 − y) ln(1 − a)": (
        lambda a, y: -y * np.log(a) - (1 - y) * np.log(1 - a), lambda a, y: (a - y) / (a * (1 - a)),
    ),
}  # fmt: skip
"""Each cost of one number, and its derivative."""
CLOSE = 2.0**-12
"""How near a sum must come to be tried, whatever guards it has."""


class Fit(NamedTuple):
    """What a cost is called with, and what it then is."""

    given: Target
    is_target_first: bool
    said: str
    slope: Array


def pieces(found: Definitions) -> Iterator[Piece]:
    """Every function of a cost's name that is a usual one of two arguments."""
    for name, f in found.functions().items():
        fit = _fit(f) if OF_A_COST.search(name) and needs(f) == 2 else None
        if fit:
            yield CostAlone(name, f, fit, found)


def _fit(f: Callable[..., Any]) -> Fit | None:
    """The first prediction and target of which it is a usual cost, times a factor."""
    rng = np.random.default_rng(0)
    every = [*targets(rng), Target("vectors", rng.uniform(0.1, 0.9, 5), np.array([1.0, 0, 0, 1, 1]))]
    for given, is_first in ((one, order) for one in every for order in (False, True)):
        try:
            value = _called(f, given.prediction, given.target, is_first)
        except Exception:  # it takes others
            continue
        a, y = given.prediction, given.target
        hot = np.eye(a.shape[-1])[y.ravel()] if y.dtype.kind == "i" else y
        examples = max(1, a.shape[-1 if "columns" in given.name else 0])
        for said, (cost, slope) in USUAL.items() if np.ndim(value) == 0 else ():
            total, ways = np.sum(cost(a, hot)), factors(examples, a.size // examples)
            times = next((t for _, t in ways if abs(value - t * total) < CLOSE * total), 0)
            if times:
                by = f", times {times:g}" if times != 1 else ""
                return Fit(given, is_first, f"Σ {said}{by}", times * slope(a, hot))
    return None


def _called(f: Callable[..., Any], prediction: Any, target: Any, is_target_first: bool) -> Any:
    given = (np.copy(prediction), np.copy(target))
    return f(*(given[::-1] if is_target_first else given))


class CostAlone(Piece):
    """The function."""

    def __init__(self, name: str, f: Callable[..., Any], fit: Fit, found: Definitions) -> None:
        self.f, self.fit, self.module = f, fit, found.module
        self.form = f"cost alone, {fit.said}"
        super().__init__(name, ["prediction"], [], [f])

    def truth_examples(self, rng: np.random.Generator) -> Iterator[Example]:  # noqa: ARG002
        given, is_first, _, slope = self.fit

        def cost(prediction: Any) -> Any:
            return _called(self.f, prediction, given.target, is_first)

        for choice, each in unguarded("", cost, self.module):

            def run(arrays: Arrays, each: Any = each) -> Ran:
                value = each(arrays["prediction"])
                return Ran({"cost": np.sum(value)}, lambda _: {"dprediction": slope})

            yield Example({"prediction": given.prediction}, run, choice=choice.strip())
