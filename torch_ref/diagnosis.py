"""The likely cause of a failed comparison.

A cause is named only where it is proved on the numbers at hand, within the derived tolerance: either a repair of ours gives the
reference (half of it, its transpose, its sum over the batch), or a wrong formula, evaluated by the project's own code, gives
ours (mistakes.py). Where several explain the numbers, all are named; where none does, none is. What good implementations do
differently is called a convention.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from manual import Layer, Loss, MaxPool2d, Optimizer
from manual.number_types import Array
from torch_ref.bounds import Bounded
from torch_ref.mistakes import Mistake, Values, another_mask, layer_mistakes, loss_mistakes, update_mistakes, updated_first

DOES_NOT_APPLY = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)  # a formula, to this piece


class Compared(NamedTuple):
    """A quantity: ours, the reference, and how far a right value may lie from it."""

    ours: Any
    reference: Array
    allowed: Any


@dataclass(frozen=True)
class Case:
    """The quantities of one piece that were compared, and what they were computed from.

    `given` has the inputs by name; `params` the parameters, whose gradients are "dp"; `before` the parameters that a step
    moves; `sizes` the numbers that a factor may be; `pooled` whether it takes the maximum of a window. `mistakes(quantity)`
    are the wrong formulas that may have led to it.
    """

    compared: dict[str, Compared]
    given: Values = field(default_factory=dict)
    params: Values = field(default_factory=dict)
    before: Values = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)
    pooled: bool = False
    mistakes: Callable[[str], Iterable[Mistake]] = lambda _: ()

    def failure(self, quantity: str) -> "Failure":
        """One quantity as arrays of one shape."""
        ours, reference, allowed = self.compared[quantity]
        name = quantity.removesuffix(", by gradient()")
        return Failure(self, name, np.asarray(ours), reference, np.broadcast_to(allowed, reference.shape))


def of_layer(layer: Layer, x: Array, delta: Array, compared: dict[str, Compared]) -> Case:
    """The case of a layer or a network, whose quantities are "y", "dx" and "dp" for each parameter p."""

    def mistakes(quantity: str) -> Iterator[Mistake]:
        yield from layer_mistakes(layer, x, delta)
        ours = compared[quantity].ours
        yield from updated_first(layer, x, delta, quantity, ours)
        yield from another_mask(layer, x, delta, quantity, ours)

    pooled = isinstance(layer, MaxPool2d)
    return Case(compared, {"x": x, "delta": delta}, layer.params, sizes=_sizes(delta), pooled=pooled, mistakes=mistakes)


def of_loss(loss: Loss, prediction: Array, target: Array, compared: dict[str, Compared]) -> Case:
    """The case of a loss, whose quantities are "cost" and "delta"."""
    return Case(
        compared,
        sizes=_sizes(prediction),
        mistakes=lambda _: loss_mistakes(loss, prediction, target),
    )


def of_update(
    optimizer: Optimizer,
    before: Values,
    gradient: dict[str, Array],
    state: dict[str, Values],
    compared: dict[str, Compared],
) -> Case:
    """The case of an optimizer's step, whose quantities are the new parameters, "p", and their state, "p, key"."""

    def mistakes(quantity: str) -> Iterator[Mistake]:
        name = quantity.split(", ")[0]
        yield from update_mistakes(optimizer, name, before[name], gradient[name], state[name])

    return Case(compared, before=before, mistakes=mistakes)


def _sizes(batch: Array) -> dict[str, int]:
    n, outputs = len(batch), batch.size // max(len(batch), 1)
    elements = {"the number of elements": n * outputs} if n > 1 and outputs > 1 else {}
    pixels = batch[0, 0].size if batch.ndim == 4 and batch.size else 0
    pictures = {"the number of pixels": pixels, "the number of pixels in the batch": n * pixels} if pixels > 1 else {}
    return {"N": n, "the number of outputs": outputs, **elements, **pictures} if batch.size else {}


class Failure(NamedTuple):
    """A quantity that differs, and its case."""

    case: Case
    quantity: str
    ours: Array
    reference: Array
    allowed: Array

    def proved(self, ours: Array, value: Array, allowed: Any) -> bool:
        """Whether ours is the value, by a tolerance that tells zeros from it, and ours from the reference."""
        return (
            _within(ours, value, allowed)
            and not _within(np.zeros_like(value), value, allowed)
            and not _within(self.ours, self.reference, np.max(allowed, initial=0))
        )

    def repaired(self, ours: Array, allowed: Any = None) -> bool:
        """Whether a repair of ours gives the reference."""
        return self.proved(ours, self.reference, self.allowed if allowed is None else allowed)


def _within(ours: Array, value: Array, allowed: Any) -> bool:
    return ours.shape == value.shape and bool(np.all(np.abs(ours - value) <= allowed))


def diagnose(case: Case, quantity: str) -> str:
    """The likely cause why a quantity differs; "" where nothing is certain."""
    failure = case.failure(quantity)
    if failure.ours.dtype != failure.reference.dtype or quantity.endswith(", step"):
        return ""
    with np.errstate(all="ignore"):
        for causes in CAUSES:
            if found := [name for cause in causes for name in cause(failure)]:
                return " or ".join(dict.fromkeys(found))
    return ""


# ---------------------------------------------------------------- wrong formulas that give ours


def mistaken(f: Failure) -> Iterator[str]:
    """A wrong formula gives ours. On floats it is quickly seen whether it comes near, so that few are worth a proof."""
    start = f.case.before.get(f.quantity, 0)
    for cause, formula in f.case.mistakes(f.quantity):
        try:
            value = formula(np.copy)[f.quantity]
            if value.shape == f.ours.shape and np.abs(value - f.ours).max() <= np.abs(f.reference - start).max() / 100:
                wrong = formula(lambda a: Bounded(a, a.dtype))[f.quantity]
                if not _within(wrong.value, f.reference, f.allowed) and f.proved(f.ours, wrong.value, 2 * wrong.error):
                    yield cause
        except DOES_NOT_APPLY:
            continue


def its_own_gradient(f: Failure) -> Iterator[str]:
    """A parameter comes back as its own gradient."""
    p = f.case.params.get(f.quantity[1:])
    if p is not None and f.proved(f.ours, p, 0):
        yield "the parameter itself is returned"


def another_parameters(f: Failure) -> Iterator[str]:
    """The gradients stand in another order than the parameters."""
    for other, (_, reference, allowed) in f.case.compared.items():
        another = other[1:] in f.case.params and other != f.quantity
        if another and f.proved(f.ours.ravel(), reference.ravel(), np.max(allowed, initial=0)):
            yield f"it is another parameter's: {other}"


# ---------------------------------------------------------------- repairs that give the reference


def factor(f: Failure) -> Iterator[str]:
    """Ours is the reference times −1, 2, ½, N, …"""
    factors = {"−1": -1.0, "2": 2.0, "½": 0.5}
    for name, size in f.case.sizes.items():
        factors |= {name: size, f"1/({name})" if " " in name else f"1/{name}": 1 / size}
    names = [name for name, c in factors.items() if _is_times(f, c)]
    if names:
        yield f"{_about(f, factors[names[0]])}times {' or '.join(names)}"


def _is_times(f: Failure, c: float, relative: float = 0) -> bool:
    """Whether ours is c times the reference, c being known to a relative error; of a step, that is the way it goes."""
    if f.ours.shape != f.reference.shape or f.ours.dtype != f.reference.dtype:
        return False
    start = f.case.before.get(f.quantity, np.zeros_like(f.reference))
    ours, reference = f.ours - start, f.reference - start
    rounding = 2 * np.finfo(ours.dtype).eps * (np.abs(f.ours) + np.abs(start))
    return f.proved(ours, c * reference, abs(c) * (f.allowed + relative * np.abs(reference)) + rounding)


def _about(f: Failure, c: float) -> str:
    """What has the factor, where it is not the quantity itself; a cost and its gradient with the same one are another cost."""
    if f.quantity in f.case.before:
        return "the step "
    if f.quantity not in ("cost", "delta"):
        return ""
    other = f.case.failure("delta" if f.quantity == "cost" else "cost")
    return "a convention, the cost and its gradient alike: " if _is_times(other, c) else ""


def _number(c: float, uncertain: float) -> str:
    """A number as short as what is known of it allows, a fraction if it is one: 2 is not 2.0001, and 0.333 is not 1/3."""
    forms = [f"{c:.3g}", str(Fraction(float(c)).limit_denominator(100)), *(f"{c:.{n}g}" for n in range(4, 18))]
    return next((form for form in forms if abs(float(Fraction(form)) - c) <= 4 * uncertain), forms[-1])


def summed(f: Failure) -> Iterator[str]:
    """The sum over the batch is missing."""
    if f.ours.shape == (f.case.sizes.get("N"), *f.reference.shape) and f.repaired(f.ours.sum(axis=0)):
        yield "it is not summed over the batch"


def transposed(f: Failure) -> Iterator[str]:
    """The axes stand in reverse order."""
    if f.repaired(f.ours.T):
        yield "it is transposed"


def reshaped(f: Failure) -> Iterator[str]:
    """An axis of length 1 too many, or too few."""
    if f.ours.ndim != f.reference.ndim and f.ours.size == f.reference.size and f.repaired(f.ours.reshape(f.reference.shape)):
        yield f"the numbers are right, but in shape {f.ours.shape} for {f.reference.shape}"


def decayed(f: Failure) -> Iterator[str]:
    """A multiple of the parameter is in its gradient; the multiple is found where the parameter is largest."""
    p = f.case.params.get(f.quantity[1:])
    if p is not None and p.size > 1 and f.ours.shape == p.shape:
        most = np.unravel_index(np.argmax(np.abs(p)), p.shape)
        c, uncertain = (f.ours - f.reference)[most] / p[most], f.allowed[most] / abs(p[most])
        allowed = f.allowed + np.abs(p) * uncertain + 4 * np.finfo(p.dtype).eps * np.abs(f.ours)
        if f.repaired(f.ours - c * p, allowed):
            convention = ", a convention on biases" * (p.ndim < 2)
            yield f"the parameter itself is added, times {_number(c, uncertain)}: weight decay{convention}"


def at_zero(f: Failure) -> Iterator[str]:
    """The slope at a kink is a choice."""
    x, delta = f.case.given.get("x"), f.case.given.get("delta")
    if f.quantity == "dx" and x is not None and delta is not None and f.ours.shape == x.shape == delta.shape:
        for name, c in (("1", 1), ("½", 0.5)):
            if f.repaired(f.ours - c * delta * (x == 0)):
                yield f"a convention: only where z = 0, with a slope of {name} there"


def at_ties(f: Failure) -> Iterator[str]:
    """Where the largest numbers of a window are equal, any of them may have the δ."""
    x = f.case.given.get("x")
    if not f.case.pooled or f.quantity != "dx" or x is None or f.ours.shape != x.shape:
        return
    pictures = x.reshape(x.shape[0] * x.shape[1], -1)
    groups = [np.unique(picture, return_inverse=True)[1] for picture in pictures]

    def sums(a: Array) -> Array:
        return np.concatenate([np.bincount(*pair) for pair in zip(groups, a.reshape(pictures.shape), strict=True)])

    if f.proved(*map(sums, (f.ours, f.reference, f.allowed))):
        yield "a convention: only where values tie, of which another has the δ"


# ---------------------------------------------------------------- what is left to say


def constant(f: Failure) -> Iterator[str]:
    """Ours is the reference times some number, found where the reference is largest."""
    start = f.case.before.get(f.quantity, np.zeros_like(f.reference))
    if f.ours.shape == f.reference.shape and np.count_nonzero(f.reference - start) > 1:
        most = np.unravel_index(np.argmax(np.abs(f.reference - start)), f.reference.shape)
        way = (f.reference - start)[most]
        c, uncertain = (f.ours - start)[most] / way, f.allowed[most] / abs(way)
        if _is_times(f, c, relative=uncertain):
            yield f"{_about(f, c)}times {_number(c, uncertain)}"


def permuted(f: Failure) -> Iterator[str]:
    """The right numbers in the wrong places."""
    if f.proved(np.sort(f.ours, None), np.sort(f.reference, None), f.allowed.max(initial=0)):
        yield "it is permuted: the right numbers in other places"


def at_the_edge(f: Failure) -> Iterator[str]:
    """All but the last row, column or element is right."""
    if f.ours.shape != f.reference.shape:
        return
    for axis, name in zip(range(f.ours.ndim)[::-1], ("column" if f.ours.ndim > 1 else "element", "row"), strict=False):
        ours, reference, allowed = (np.moveaxis(a, axis, 0) for a in (f.ours, f.reference, f.allowed))
        if f.proved(ours[:-1], reference[:-1], allowed[:-1]):
            yield f"only in the last {name}" + (", which is left at 0" * (not np.any(ours[-1])))


CAUSES: list[list[Callable[[Failure], Iterator[str]]]] = [
    [its_own_gradient, factor, transposed, summed, reshaped, decayed, another_parameters, mistaken, at_zero],
    [at_ties],
    [constant, permuted, at_the_edge],
]
