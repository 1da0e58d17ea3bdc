"""A cost that has no gradient beside it: mse_loss(y_true, y_pred), as a script prints it.

It is the one that its name says, or one of the usual ones: the sum or the mean of (a − y)², |a − y|, −y ln a,
−y ln a − (1 − y) ln(1 − a), y ln(y / a), ln cosh(a − y), Huber's, or the hinge's, max(0, 1 − y a), of arrays alike or
of classes, in either order; or the root of a mean of (a − y)². Else it is no piece, and said to be of no known form.
Compared with the derivative of the usual one.
"""

import inspect
import re
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
    "y ln(y / a)": (lambda a, y: y * np.log(y / a), lambda a, y: -y / a),
    "ln cosh(a − y)": (lambda a, y: np.log(np.cosh(a - y)), lambda a, y: np.tanh(a - y)),
    "max(0, 1 − y a)": (lambda a, y: np.maximum(0, 1 - y * a), lambda a, y: np.where(y * a < 1, -y, 0)),
    "max(0, 1 − y a)²": (lambda a, y: np.maximum(0, 1 - y * a) ** 2, lambda a, y: -2 * y * np.maximum(0, 1 - y * a)),
}  # fmt: skip
"""Each cost of one number, and its derivative."""


def huber(edge: float) -> tuple[Formula, Formula]:
    """½ (a − y)² up to |a − y| = δ, and δ (|a − y| − ½ δ) beyond."""
    return (
        lambda a, y: np.where(abs(a - y) <= edge, (a - y) ** 2 / 2, edge * (abs(a - y) - edge / 2)),
        lambda a, y: np.clip(a - y, -edge, edge),
    )


SAID = {
    "huber": "Huber", "hinge": "max", "cosh": "cosh", "rmse|root": "√", "mse|square": "(a − y)²",
    "mae|absolute|l1": "|a", "kl|divergence": "ln(y / a)", "bce|binary": "(1 − a)",
}  # fmt: skip
"""What the name of a cost says that it is; the first counts."""
CLOSE = 2.0**-12
"""How near a sum must come to be tried, whatever guards it has."""


class Way(NamedTuple):
    """By which factor a cost is a usual one, its slope, and whether it is the root of that."""

    times: str
    slope: Array
    is_root: bool


class Fit(NamedTuple):
    """In which order a cost takes its arguments, what it then is, and its slope at each of what it was tried on."""

    is_target_first: bool
    said: str
    slopes: list[tuple[Target, Array]]


def pieces(found: Definitions) -> Iterator[Piece]:
    """Every function of a cost's name that is a usual one of two arguments."""
    for name, f in found.functions().items():
        said = meant(name)
        for called_as in (f, _of_as_many_classes(f)) if (OF_A_COST.search(name) or said) and needs(f) == 2 else ():
            if fit := _fit(called_as, said):
                yield CostAlone(name, f, called_as, fit, found)
                break


def _of_as_many_classes(f: Callable[..., Any]) -> Callable[..., Any]:
    """The function, told as many classes as there are columns where its default is another whole number."""
    counts = [n for n, p in inspect.signature(f).parameters.items() if type(p.default) is int and p.default > 2]

    def told(*given: Any) -> Any:
        columns = max(np.shape(a)[-1] for a in given if np.ndim(a) == 2)
        return f(*given, **dict.fromkeys(counts, columns))

    return told if counts else f


def meant(name: str) -> str:
    """What a usual cost has in its words that the name says; "" where it says nothing."""
    return next((what for word, what in SAID.items() if re.search(word, name, re.IGNORECASE)), "")


def tried(rng: np.random.Generator) -> list[list[Target]]:
    """Groups of what a cost may be called with: of numbers, near to each other and not, since an edge may lie between;
    else of what is a probability or a class."""
    a, y = rng.normal(0, 1.5, (2, 5, 4))
    signs = np.array([1.0, -1, -1, 1, 1])
    numbers = [Target("numbers", a, y), Target("numbers near to each other", a, a + y / 8)]
    of_signs = [Target("signs", scale * a[:, 0], signs) for scale in (1, 4)]
    vectors = Target("vectors", rng.uniform(0.1, 0.9, 5), np.array([1.0, 0, 0, 1, 1]))
    return [numbers, of_signs, *([one] for one in (*targets(rng), vectors))]


def _fit(f: Callable[..., Any], what: str) -> Fit | None:
    """The first predictions and targets of which it is a usual cost, which says `what` in its words, times a factor."""
    numbers = [p.default for p in inspect.signature(f).parameters.values() if type(p.default) in (int, float)]
    usual = USUAL | {f"Huber's, δ = {edge:g}": huber(edge) for edge in (1, *numbers) if edge > 0}
    for group in tried(np.random.default_rng(0)):
        ran = False
        for is_first in (False, True):
            try:
                values = [called(f, one.prediction, one.target, is_first) for one in group]
            except Exception:  # it takes others
                continue
            if any(np.ndim(value) for value in values) or not np.all(np.isfinite(values)):
                continue
            ran = True
            for said, (cost, slope) in usual.items():
                ways = [[*_ways(one, value, cost, slope)] for one, value in zip(group, values, strict=True)]
                for way in zip(*ways, strict=True):
                    name = f"√({said})" if way[0] and way[0].is_root else said
                    if all(way) and what in name:
                        slopes = [(one, w.slope) for one, w in zip(group, way, strict=True) if w]
                        return Fit(is_first, f"Σ {name}{way[0].times}", slopes)
        if ran:  # what is another there is not this one because it is so on what is left
            usual = {said: one for said, one in usual.items() if not _is_of_numbers(one[0], group)}
    return None


def _is_of_numbers(cost: Formula, group: list[Target]) -> bool:
    """Whether a formula has a value for any number, and these targets are numbers."""
    with np.errstate(all="ignore"):
        return all(
            one.target.dtype.kind == "f" and np.all(np.isfinite(cost(one.prediction, one.target))) for one in group
        )


def _ways(one: Target, value: Any, cost: Formula, slope: Formula) -> Iterator[Way | None]:
    """For each factor, where the cost is that many times the usual one, or the root of that, how it is."""
    a, hot = one.prediction, one_hot(one)
    examples = max(1, a.shape[-1 if "columns" in one.name else 0])
    with np.errstate(all="ignore"):
        total, slopes = np.sum(cost(a, hot)), slope(a, hot)
    for said, times in factors(examples, a.size // examples):
        yield Way(said, times * slopes, False) if abs(value - times * total) < CLOSE * abs(total) else None
        is_root = abs(value**2 - times * total) < CLOSE * abs(total) and total > 0
        yield Way(said, times * slopes / (2 * value), True) if is_root else None


def one_hot(one: Target) -> Array:
    """The target of numbers, or of classes as rows of 0 and 1."""
    y = one.target
    return np.eye(one.prediction.shape[-1])[y.ravel()] if y.dtype.kind == "i" else y


def called(f: Callable[..., Any], prediction: Any, target: Any, is_target_first: bool) -> Any:
    """A function of a prediction and a target, in its order."""
    given = (np.copy(prediction), np.copy(target))
    return f(*(given[::-1] if is_target_first else given))


class CostAlone(Piece):
    """The function."""

    def __init__(self, name: str, own: Callable[..., Any], f: Callable[..., Any], fit: Fit, found: Definitions) -> None:
        self.f, self.fit, self.module = f, fit, found.module
        self.form = f"cost alone, {fit.said}"
        super().__init__(name, ["prediction"], [], [own])

    def truth_examples(self, rng: np.random.Generator) -> Iterator[Example]:  # noqa: ARG002
        for given, slope in self.fit.slopes:

            def cost(prediction: Any, given: Target = given) -> Any:
                return called(self.f, prediction, given.target, self.fit.is_target_first)

            for choice, each in unguarded("", cost, self.module):

                def run(arrays: Arrays, each: Any = each, slope: Array = slope) -> Ran:
                    value = each(arrays["prediction"])
                    return Ran({"cost": np.sum(value)}, lambda _: {"dprediction": slope})

                yield Example({"prediction": given.prediction}, run, place=given.name, choice=choice.strip())
