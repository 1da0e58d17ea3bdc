"""Wrong formulas that give ours, and numbers that are another quantity's."""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from manual.numbers.number_types import Array
from torch_ref.diagnosis.case import Failure, within
from torch_ref.diagnosis.mistakes.formula import ANOTHER_EPSILON, Formula, Formulas, Mistake
from torch_ref.diagnosis.mistakes.known import known
from torch_ref.tolerance.bounded import Bounded

DOES_NOT_APPLY = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)  # a formula, to this piece


def mistaken(f: Failure) -> Iterator[str]:
    """A wrong formula of the piece gives ours, and the right one the reference. Where the right one does not, the
    piece is its own measure: then a formula counts that does without the piece's derivative, or a mistake that undoes
    itself.
    """
    own = f.case.formulas(f.quantity)
    if own and _gives(f, own.right, f.reference, f.allowed):
        yield from _made(f, own.wrong(f.quantity, f.ours, f.reference))
        return
    if own:
        yield from _made(f, own.apart(f.quantity, f.ours, f.reference))
        for cause, formula in _each(own.undone(f.quantity, f.ours, f.reference)):
            if _gives(f, formula, f.reference, f.allowed):
                yield cause
    for formulas in _known(f):
        yield from _made(f, formulas.wrong(f.quantity, f.ours, f.reference))


def _known(f: Failure) -> Iterator[Formulas]:
    if f.case.arrays:
        yield from (some for some in _each(known(f.case.arrays)) if _gives(f, some.right, f.reference, f.allowed))


def _made(f: Failure, mistakes: Iterable[Mistake]) -> Iterator[str]:
    causes = [cause for cause, formula in _each(mistakes) if _gives(f, formula, f.ours, 0)]
    alike = [cause for cause in causes if cause in ANOTHER_EPSILON]
    yield from (cause for cause in causes if len(alike) < 2 or cause not in alike)
    if len(alike) > 1:
        yield "another ε"


def _each(some: Iterable[Any]) -> Iterator[Any]:
    """Those that can be made of this piece."""
    try:
        yield from some
    except DOES_NOT_APPLY:
        return


def _gives(f: Failure, formula: Formula, wanted: Array, allowed: Any) -> bool:
    """Whether a formula gives what is wanted: ours, as the reference does not, or the reference, as ours does not. On
    floats it is quickly seen whether it comes near, so that few are worth a proof.
    """
    try:
        value = formula(np.copy)[f.quantity]
        if np.shape(value) != wanted.shape or np.abs(value - wanted).max() > np.abs(f.reference - f.start).max() / 100:
            return False
        proof = formula(_bounded)[f.quantity]
        error = 2 * proof.error + allowed
        differs = f.differs() if wanted is f.reference else not within(proof.value, f.reference, f.allowed)
        return differs and f.proved(wanted, proof.value, error)
    except DOES_NOT_APPLY:
        return False


def _bounded(array: Array) -> Bounded:
    return Bounded(array, array.dtype)


def its_own_gradient(f: Failure) -> Iterator[str]:
    """A parameter comes back as its own gradient. One that is the same number everywhere, as it begins, may be
    anything."""
    p = f.case.params.get(f.quantity[1:])
    if p is not None and (np.ptp(p) or np.any(p != np.rint(p))) and f.proved(f.ours, p, 0):
        yield "the parameter itself is returned"


def another_parameters(f: Failure) -> Iterator[str]:
    """The gradients stand in another order than the parameters."""
    for other, (_, reference, allowed) in f.case.compared.items():
        another = other[1:] in f.case.params and other != f.quantity
        if another and f.proved(f.ours.ravel(), reference.ravel(), np.max(allowed, initial=0)):
            yield f"this is {other}, in {f.quantity}'s place"
