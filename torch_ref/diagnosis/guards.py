"""An ε that one side adds to a denominator, to a root or inside a logarithm; and a step that is not made."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from manual.numbers.number_types import Array
from torch_ref.diagnosis.case import Failure
from torch_ref.diagnosis.mistakes.formula import EPSILONS
from torch_ref.tolerance.bounded import Bounded

Repair = Callable[[Any, float], Any]


def guarded(f: Failure) -> Iterator[str]:
    """Ours without its ε, or with one, is the reference, element by element: of 1/(z + ε), δ/(z + ε), δ/√(z + ε), √(z
    + ε), log(z + ε) or −log(z + ε).
    """
    if f.ours.shape != f.reference.shape or f.quantity in f.case.before or not f.ours.size:
        return
    for place, prefix, without in _places(f):
        for epsilon in EPSILONS:
            for what, sign in (("is added", 1), ("is missing", -1)):
                if _undoes(f, lambda a, r=without, e=sign * epsilon: r(a, e), f.ours):
                    yield f"{prefix}{epsilon:g} {what} {place}"


def _places(f: Failure) -> Iterator[tuple[str, str, Repair]]:
    """Where the ε may be, and ours without it."""
    yield "inside a logarithm", "a convention: ", lambda a, e: np.log(np.exp(a) - e)
    yield "inside a logarithm", "a convention: ", lambda a, e: -np.log(np.exp(-a) - e)
    side = np.sign(f.ours)
    yield "inside a root", "", lambda a, e: np.sqrt(a * a - e) * side
    ones = np.ones_like(f.ours)
    delta = f.case.given.get("delta", ones)
    for above in (ones, delta) if delta.shape == f.ours.shape else (ones,):
        yield "in a denominator", "", lambda a, e, n=above: n / (n / a - e)
        yield "inside a root in a denominator", "", lambda a, e, n=above: abs(n) / np.sqrt((n / a) * (n / a) - e) * side


def _undoes(f: Failure, repair: Callable[[Any], Any], ours: Array) -> bool:
    """Whether a repair of ours gives the reference, in more than one element that was told from it before."""
    apart = np.abs(f.ours - f.reference)
    if not np.abs(repair(ours) - (f.reference - f.start)).max() <= apart.max() / 8:
        return False
    rounding = np.finfo(f.ours.dtype).eps * (np.abs(f.ours) + np.abs(f.start)) * (f.quantity in f.case.before)
    repaired = repair(Bounded(ours, ours.dtype, np.asarray(f.allowed + rounding, np.float64)))
    allowed = repaired.error + f.allowed + rounding
    within = f.proved(repaired.value, f.reference - f.start, allowed)
    return bool(within and np.count_nonzero(apart > 2 * allowed) > 1)


def in_the_root(f: Failure) -> Iterator[str]:
    """A step by g/√(v + ε) in place of g/(√v + ε), where v is kept as a state."""
    for key in ("sum", "square_avg"):
        if f.quantity in f.case.before and (kept := f.case.compared.get(f"{f.quantity}, {key}")):
            root = np.sqrt(kept.reference)
            for e in EPSILONS:
                ratio = np.sqrt(kept.reference + e) / (root + e)
                if f.ours.shape == ratio.shape and _undoes(f, lambda a, r=ratio: a * r, f.ours - f.start):
                    yield "a convention: ε is inside the root"


def not_moved(f: Failure) -> Iterator[str]:
    """A step leaves the parameter as it was."""
    if f.quantity in f.case.before and f.proved(f.ours, np.asarray(f.start), 0):
        yield "the parameter is not moved"
