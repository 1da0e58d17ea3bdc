"""Repairs of ours that give the reference."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from manual.numbers.number_types import Array
from torch_ref.diagnosis.case import Failure
from torch_ref.diagnosis.factors import number


def summed(f: Failure) -> Iterator[str]:
    """The sum over the batch is missing."""
    if f.ours.shape == (f.case.numbers.get("N"), *f.reference.shape) and f.repaired(f.ours.sum(axis=0)):
        yield "it is not summed over the batch"


def transposed(f: Failure) -> Iterator[str]:
    """The axes stand in reverse order."""
    if f.repaired(f.ours.T):
        yield "it is transposed"


def reshaped(f: Failure) -> Iterator[str]:
    """An axis of length 1 too many, or too few."""
    if (
        f.ours.ndim != f.reference.ndim
        and f.ours.size == f.reference.size
        and f.repaired(f.ours.reshape(f.reference.shape))
    ):
        yield f"the numbers are right, but in shape {f.ours.shape} for {f.reference.shape}"


def decayed(f: Failure) -> Iterator[str]:
    """A multiple of the parameter is in its gradient; the multiple is found where the parameter is largest."""
    p = f.case.params.get(f.quantity[1:])
    if (
        p is not None and p.size > 1 and np.ptp(p) and f.ours.shape == p.shape
    ):  # of equal numbers, any constant is a multiple
        most = np.unravel_index(np.argmax(np.abs(p)), p.shape)
        c, uncertain = (f.ours - f.reference)[most] / p[most], f.allowed[most] / abs(p[most])
        allowed = f.allowed + np.abs(p) * uncertain + 4 * np.finfo(p.dtype).eps * np.abs(f.ours)
        if f.repaired(f.ours - c * p, allowed) and np.count_nonzero(np.abs(c * p) > allowed) > 1:
            yield f"the parameter itself is added, times {number(c, uncertain)}: weight decay"


def at_zero(f: Failure) -> Iterator[str]:
    """The slope at a kink is a choice: one of the two beside it, or their mean."""
    x, delta = f.case.given.get("x"), f.case.given.get("delta")
    if f.quantity != f.case.dx or x is None or delta is None or not f.ours.shape == x.shape == delta.shape:
        return
    below, above = (_slope(f, side) for side in (x < 0, x > 0))
    slopes = (1.0 if above is None else above, 0.0 if below is None else below)
    for c in dict.fromkeys((*slopes, sum(slopes) / 2)):
        if f.proved(f.ours, np.where(x == 0, c * delta, f.reference), f.allowed):
            yield f"a convention: only where z = 0, with a slope of {'½' if c == 0.5 else number(c, 1e-9)} there"


def _slope(f: Failure, side: Array) -> float | None:
    """What the reference is of δ on one side of 0, if it is the same everywhere there."""
    delta = f.case.given["delta"][side]
    ratios = (f.reference[side] / delta)[delta != 0]
    return (
        float(ratios[0]) if ratios.size and np.ptp(ratios) <= 8 * np.finfo(ratios.dtype).eps * abs(ratios[0]) else None
    )


def at_ties(f: Failure) -> Iterator[str]:
    """Where the largest numbers of a window are equal, any of them may have the δ."""
    x = f.case.given.get("x")
    if not f.case.pooled or f.quantity != f.case.dx or x is None or f.ours.shape != x.shape:
        return
    pictures = x.reshape(x.shape[0] * x.shape[1], -1)
    if not np.ptp(pictures, axis=1).all():  # where all is equal, anything with the right sum is a choice among ties
        return
    groups = [np.unique(picture, return_inverse=True)[1] for picture in pictures]

    def sums(a: Any) -> Any:
        return np.concatenate([np.bincount(*pair) for pair in zip(groups, a.reshape(pictures.shape), strict=True)])

    if f.proved(sums(f.ours), sums(f.reference), sums(f.allowed)):
        yield "a convention: only where values tie, of which another has the δ"


def permuted(f: Failure) -> Iterator[str]:
    """The right numbers in the wrong places; numbers that are mostly the same, 0 and 1 say, are that in any."""
    mine, right = np.sort(f.ours, None), np.sort(f.reference, None)
    told_apart = np.count_nonzero(np.diff(right[right != 0]) > f.allowed.max(initial=0)) + 1
    if 2 * told_apart > np.count_nonzero(right) and f.proved(mine, right, f.allowed.max(initial=0)):
        yield "it is permuted: the right numbers in other places"


def at_the_edge(f: Failure) -> Iterator[str]:
    """All but the last row, column or element is right."""
    if f.ours.shape != f.reference.shape:
        return
    for axis, name in zip(range(f.ours.ndim)[::-1], ("column" if f.ours.ndim > 1 else "element", "row"), strict=False):
        ours, reference, allowed = (np.moveaxis(a, axis, 0) for a in (f.ours, f.reference, f.allowed))
        if f.proved(ours[:-1], reference[:-1], allowed[:-1]):
            yield f"only in the last {name}" + (", which is left at 0" * (not np.any(ours[-1])))
