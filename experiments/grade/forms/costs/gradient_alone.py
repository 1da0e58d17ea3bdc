"""A gradient of a cost that is not there: mse_prime(y_true, y_pred) or bce_backward(p, y), beside nothing else of it.

It is that of the cost which its name says, or of a usual one (cost-alone), as a sum or as a mean, with ½ or 2, in
either order of the arguments. One that is none of these is no piece, and said to be of no known form.
Compared with the derivative of the usual cost.
"""

import inspect
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from experiments.grade.forms.costs.cost_alone import CLOSE, USUAL, Formula, called, huber, meant, one_hot, tried
from experiments.grade.forms.definitions import Definitions, needs
from experiments.grade.forms.derivatives import GOES_BACK, MARK
from experiments.grade.forms.loops.descent import factors
from experiments.grade.forms.piece import Arrays, Example, Piece, Ran
from experiments.grade.forms.stateful.guards import unguarded
from experiments.grade.forms.stateful.losses import TARGETS, Target, is_target_first
from experiments.grade.forms.whole.network_data import OF_A_COST


class Fit(NamedTuple):
    """In which order it takes its arguments, of which cost it is the gradient, and by which factor at each target."""

    is_target_first: bool
    said: str
    cost: Formula
    factors: list[tuple[Target, float]]


def pieces(found: Definitions) -> Iterator[Piece]:
    """Every function of two arguments that is named for the gradient of a cost, and is one."""
    for name, f in found.functions().items():
        what, is_marked = meant(name), MARK.search(name) or GOES_BACK.search(name)
        if is_marked and (what or OF_A_COST.search(name)) and needs(f) == 2 and (fit := _fit(f, what)):
            yield GradientAlone(name, f, fit, found)


def _fit(f: Callable[..., Any], what: str) -> Fit | None:
    """Where it is the slope of a usual cost, which says `what`, times a factor; else where it is minus that."""
    parameters = inspect.signature(f).parameters
    numbers = [p.default for p in parameters.values() if type(p.default) in (int, float)]
    usual = USUAL | {f"Huber's, δ = {edge:g}": huber(edge) for edge in (1, *numbers) if edge > 0}
    is_named = any(n.lower() in TARGETS for n in [*parameters][:2])
    orders = (is_target_first([*parameters][:2]),) if is_named else (False, True)
    groups = tried(np.random.default_rng(0))
    for sign, group, is_first, (said, (cost, slope)) in product((1, -1), groups, orders, usual.items()):
        with suppress(Exception):  # it takes others
            gradients = [np.asarray(called(f, one.prediction, one.target, is_first)) for one in group]
            ways = [[*_ways(one, sign * g, cost, slope)] for one, g in zip(group, gradients, strict=True)]
            for way in zip(*ways, strict=True):
                if what in said and None not in way:
                    return Fit(is_first, said, cost, [(one, w) for one, w in zip(group, way, strict=True) if w])
    return None


def _ways(one: Target, gradient: Any, cost: Formula, slope: Formula) -> Iterator[float | None]:
    """For each factor, itself where the gradient is that many times the slope of the cost."""
    a, hot = one.prediction, one_hot(one)
    examples = max(1, a.shape[-1 if "columns" in one.name else 0])
    with np.errstate(all="ignore"):
        values, slopes = cost(a, hot), slope(a, hot)
    fits = gradient.shape == slopes.shape and np.all(np.isfinite(values))
    for _, times in factors(examples, a.size // examples):
        if times > 2:  # no cost is that many times the sum
            continue
        off = np.abs(gradient - times * slopes) if fits else np.inf
        yield times if np.all(off <= CLOSE * times * np.abs(slopes).max()) else None


class GradientAlone(Piece):
    """The function."""

    def __init__(self, name: str, f: Callable[..., Any], fit: Fit, found: Definitions) -> None:
        self.f, self.fit, self.module = f, fit, found.module
        self.form = f"gradient alone, of Σ {fit.said}"
        super().__init__(name, ["prediction"], [], [f])

    def truth_examples(self, rng: np.random.Generator) -> Iterator[Example]:  # noqa: ARG002
        for choice, f in unguarded("", self.f, self.module):
            for given, times in self.fit.factors:

                def run(arrays: Arrays, f: Any = f, one: Target = given, times: float = times) -> Ran:
                    p = arrays["prediction"]
                    total = np.sum(self.fit.cost(p, one_hot(one)))
                    cost = total * round(times) if times >= 1 else total / round(1 / times)
                    return Ran({"cost": cost}, lambda _: {
                        "dprediction": np.asarray(called(f, p, one.target, self.fit.is_target_first))
                    })  # fmt: skip

                yield Example({"prediction": given.prediction}, run, place=given.name, choice=choice.strip())
