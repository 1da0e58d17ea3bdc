"""A sum over the wrong axes, over too many or too few of them, and a mean that is left in."""

from collections.abc import Iterator
from itertools import combinations
from typing import Any

import numpy as np

from manual.numbers.number_types import Array
from torch_ref.diagnosis.case import Failure
from torch_ref.diagnosis.mistakes.normalisation import Axes, name_of
from torch_ref.tolerance.bounded import Bounded


def along_axes(f: Failure) -> Iterator[str]:
    """What a sum along axes explains."""
    yield from _missing(f)
    yield from _too_many(f)
    yield from _of_delta(f)
    yield from _mean_left_in(f)


def _subsets(a: Array) -> Iterator[Axes]:
    """Of the axes that are longer than 1: a sum over another changes nothing."""
    long = [axis for axis in range(a.ndim) if a.shape[axis] > 1]
    return (some for size in range(1, len(long) + 1) for some in combinations(long, size))


def _bounded(a: Array, error: Any = 0) -> Bounded:
    return (
        Bounded(a, a.dtype, np.broadcast_to(error, a.shape).astype(np.float64))
        if np.any(error)
        else Bounded(a, a.dtype)
    )


def _missing(f: Failure) -> Iterator[str]:
    """The sum of ours over some axes is the reference."""
    if f.ours.size > f.reference.size > 0:
        for axes in _subsets(f.ours):
            total = _bounded(f.ours).sum(axis=axes)
            if total.value.size == f.reference.size:
                value, error = (a.reshape(f.reference.shape) for a in (total.value, total.error))
                if f.repaired(value, error + f.allowed):
                    yield f"the sum over {name_of(axes)} is missing"


def _too_many(f: Failure) -> Iterator[str]:
    """Ours is the sum of the reference over some axes, kept, dropped or broadcast."""
    for axes in _subsets(f.reference):
        for kept in (True, False):
            total = _bounded(f.reference, f.allowed).sum(axis=axes, keepdims=kept)
            value, error = total.value, total.error
            if kept and f.ours.shape == f.reference.shape:
                value, error = (np.broadcast_to(a, f.ours.shape) for a in (value, error))
            if f.proved(f.ours, value, error):
                yield f"it is summed over {name_of(axes)} too"


def _of_delta(f: Failure) -> Iterator[str]:
    """The reference is δ summed over some axes, and ours over others."""
    delta = f.case.given.get("delta")
    if delta is None or f.quantity[1:] not in f.case.params:
        return
    right = [axes for axes in _subsets(delta) if _is_sum(f, delta, axes, f.reference, f.allowed)]
    for axes in right:
        for other in _subsets(delta):
            if other != axes and _is_sum(f, delta, other, f.ours, 0):
                yield f"δ is summed over {name_of(other)}, not over {name_of(axes)}"
        if f.ours.shape == delta.shape and f.proved(f.ours, delta, 0):
            yield f"the sum over {name_of(axes)} is missing"


def _is_sum(f: Failure, delta: Array, axes: Axes, wanted: Array, allowed: Any) -> bool:
    total = _bounded(delta).sum(axis=axes)
    return total.value.size == wanted.size and f.proved(
        wanted.ravel(), total.value.ravel(), total.error.ravel() + np.ravel(allowed)
    )


def _mean_left_in(f: Failure) -> Iterator[str]:
    """Ours less its mean over some axes is the reference, as behind a normalisation."""
    if f.quantity == f.case.dx and f.ours.shape == f.reference.shape:
        for axes in _subsets(f.ours):
            n = int(np.prod([f.ours.shape[axis] for axis in axes]))
            ours = _bounded(f.ours, f.allowed)
            less = ours - ours.sum(axis=axes, keepdims=True) / n
            if n > 2 and f.repaired(less.value, less.error + f.allowed):
                yield f"its mean over {name_of(axes)} is left in: the path through the mean is missing"
