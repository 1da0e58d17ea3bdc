"""What comes back through time."""

from collections.abc import Iterator

import numpy as np

from torch_ref.diagnosis.case import Failure


def last_step(f: Failure) -> Iterator[str]:
    """The gradient by a sequence is right in its last step and in none before: nothing comes back to the last from
    later."""
    x, delta = f.case.given.get("x"), f.case.given.get("delta")
    if x is None or delta is None or f.quantity != f.case.dx or not x.ndim == delta.ndim == 3:
        return
    if f.ours.shape != x.shape or x.shape[:2] != delta.shape[:2]:
        return
    for axis in (0, 1):
        ours, reference, allowed = (np.moveaxis(a, axis, 0) for a in (f.ours, f.reference, f.allowed))
        wrong = np.abs(ours - reference) > allowed
        if len(ours) > 2 and wrong[:-1].all() and ours[:-1].all() and f.proved(ours[-1], reference[-1], allowed[-1]):
            yield (
                f"only the last step along axis {axis} is right: the recurrent term, what comes "
                "back from later, is missing"
            )
