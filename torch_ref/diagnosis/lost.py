"""What is lost or late: gradients that overwrite each other, one sign of the numbers, weights that have moved."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from torch_ref.diagnosis.case import Failure


def overwritten(f: Failure) -> Iterator[str]:
    """Of rows that are chosen by their numbers, one that is chosen twice has the gradient of the last time alone."""
    x, delta = f.case.given.get("x"), f.case.given.get("delta")
    if x is None or delta is None or x.dtype.kind != "i" or delta.shape != x.shape + f.reference.shape[1:]:
        return
    kept = np.zeros_like(f.reference)
    kept[x] = delta
    if f.proved(f.ours, kept, 0):
        yield "where an index occurs again, its earlier gradients are lost: += by indices adds only once"


def without_a_sign(f: Failure) -> Iterator[str]:
    """Where the right number is negative, or positive, it is 0; where the sign is δ's, z's may be what is lost."""
    delta = f.case.given.get("delta")
    if delta is not None and np.array_equal(np.sign(delta), np.sign(f.reference)):
        return
    for name, kept in (("negative", f.reference > 0), ("positive", f.reference < 0)):
        lost = np.count_nonzero(~kept & (np.abs(f.reference) > f.allowed))
        if lost > 1 and np.count_nonzero(kept) > 1 and f.proved(f.ours, np.where(kept, f.reference, 0), f.allowed):
            yield f"the {name} numbers are set to 0"


def summed_to_one(f: Failure) -> Iterator[str]:
    """One number in place of several, their sum."""
    if f.ours.size == 1 < f.reference.size and f.proved(f.ours.ravel(), f.reference.sum().ravel(), f.allowed.sum()):
        yield "it is summed over everything: one number for all"


def already_moved(f: Failure) -> Iterator[str]:
    """δ goes back through W − η ∂C/∂W, in any layout; η is found where its influence is largest."""
    delta = f.case.given.get("delta")
    if f.quantity != f.case.dx or delta is None or delta.ndim != 2 or f.ours.shape != f.reference.shape:
        return
    for quantity, (_, dw, allowed) in f.case.compared.items():
        if quantity[1:] not in f.case.params or dw.ndim != 2:
            continue
        for way in (lambda d, w: d @ w, lambda d, w: d @ w.T, lambda d, w: w @ d, lambda d, w: w.T @ d):
            if _moved_by(f, way, delta, dw, np.broadcast_to(allowed, dw.shape)):
                yield "the parameters are updated before δ goes back through them"
                return


def _moved_by(f: Failure, way: Any, delta: Any, dw: Any, allowed: Any) -> bool:
    """Whether ours is off by a multiple of δ's way back through the gradient; three magnitudes bear it out."""
    try:
        step = way(delta, dw)
        uncertain = way(np.abs(delta), allowed) + 16 * np.finfo(float).eps * way(np.abs(delta), np.abs(dw))
    except ValueError:  # another layout
        return False
    if step.shape != f.reference.shape or len(np.unique(np.abs(step))) < 3:
        return False
    most = np.unravel_index(np.argmax(np.abs(step)), step.shape)
    c = (f.ours - f.reference)[most] / step[most]
    relative = (uncertain[most] + f.allowed[most] / max(abs(c), 1e-300)) / abs(step[most])
    bound = 2 * f.allowed + abs(c) * (uncertain + relative * np.abs(step))
    return bool(np.count_nonzero(np.abs(c * step) > bound) > 2) and f.proved(f.ours, f.reference + c * step, bound)
