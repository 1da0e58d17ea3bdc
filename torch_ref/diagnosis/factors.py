"""Ours is the reference times a number.

A factor is a convention only where the cost leaves it open: the cost and its gradient have it alike, or there is no
cost and no output to say how large the gradients have to be, and every one of them has it. It is then one that a cost
may have: ½, N, …
"""

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import numpy as np

from torch_ref.diagnosis.case import Failure

ALIKE = ("a convention: every gradient alike, ", "a convention: the cost and its gradient alike, ")
"""What a factor that may be a convention begins with: it is one only if it is the same wherever the piece runs."""


def factor(f: Failure) -> Iterator[str]:
    """Ours is the reference times −1, 2, ½, N, …; else times such a number twice or half."""
    factors = {"−1": -1.0, "2": 2.0, "½": 0.5}
    products = {}
    for name, size in f.case.numbers.items():
        one = f"({name})" if " " in name else name
        factors |= {name: size, f"1/{one}": 1 / size}
        products |= {f"2·{one}": 2 * size, f"½·{one}": size / 2, f"2/{one}": 2 / size, f"½/{one}": 0.5 / size}
    for named in (factors, products):
        if names := [name for name, c in named.items() if _is_times(f, c)]:
            yield f"{_about(f, named[names[0]])}times {' or '.join(names)}"
            return


def _is_times(f: Failure, c: float, relative: float = 0) -> bool:
    """Whether ours is c times the reference, c being known to a relative error; of a step, that is the way it goes."""
    if f.ours.shape != f.reference.shape or f.ours.dtype != f.reference.dtype:
        return False
    ours, reference = f.ours - f.start, f.reference - f.start
    rounding = 2 * np.finfo(ours.dtype).eps * (np.abs(f.ours) + np.abs(f.start))
    allowed = abs(c) * (f.allowed + relative * np.abs(reference)) + rounding
    return f.proved(ours, c * reference, allowed)


def _about(f: Failure, c: float) -> str:
    """What has the factor, where it is not the quantity itself; one that a cost may have is a convention."""
    if f.quantity in f.case.before:
        return "the step "
    others = [f.case.failure(quantity) for quantity in f.case.compared if not quantity.endswith(", by gradient()")]
    if c > 0 and all(_is_times(other, c) for other in others):
        if f.case.costless:
            return ALIKE[0]
        if {"cost", "delta"} <= f.case.compared.keys():
            return ALIKE[1]
    return ""


def number(c: float, uncertain: float) -> str:
    """A number as short as what is known of it allows, a fraction if it is one: 2 is not 2.0001, and 0.333 is not
    1/3."""
    forms = [f"{c:.3g}", str(Fraction(float(c)).limit_denominator(100)), *(f"{c:.{n}g}" for n in range(4, 18))]
    return next((form for form in forms if abs(float(Fraction(form)) - c) <= 4 * uncertain), forms[-1])


def constant(f: Failure) -> Iterator[str]:
    """Ours is the reference times some number, found where the reference is largest. More than two magnitudes that
    differ must bear it out: two numbers that add up to 0 are in proportion to any other two.
    """
    if f.ours.shape != f.reference.shape:
        return
    reference: Any = f.reference - f.start
    if len(np.unique(np.abs(reference[np.abs(f.ours - f.reference) > f.allowed]))) > 2:
        most = np.unravel_index(np.argmax(np.abs(reference)), reference.shape)
        c, uncertain = (f.ours - f.start)[most] / reference[most], f.allowed[most] / abs(reference[most])
        if _is_times(f, c, relative=uncertain):
            sizes = [name for name, size in f.case.numbers.items() if size > 1 and abs(c - size) <= 4 * uncertain]
            yield f"{'the step ' * (f.quantity in f.case.before)}times {' or '.join(sizes) or number(c, uncertain)}"
