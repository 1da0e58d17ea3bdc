"""What is observed of each quantity: as the checked function computes it, and as it is expected."""

from collections.abc import Iterator

import numpy as np
import torch

from manual.numbers.number_types import Array
from torch_ref.comparison.functions.calls import Found, is_real
from torch_ref.comparison.functions.expected import Expected, array_of
from torch_ref.comparison.functions.judge import Observed
from torch_ref.tolerance.small_arrays import every

MISSING = "is missing"
ALONE = f"{MISSING}; to check some gradients alone, set requires_grad=True on those inputs"
NOTHING = np.zeros(())
"""What is allowed of equal numbers, whatever may be: a tolerance is not made for them."""


def compared(
    place: str, ours: Found, expected: Expected, left_out: set[str], only_where: str = ""
) -> Iterator[Observed]:
    """Each quantity of ours beside what is expected of it."""
    for quantity in ours.keys() - expected.own.keys():
        yield Observed(place, quantity, "is there, where the reference has none")
    for quantity, own in expected.own.items():
        if quantity in left_out:
            continue
        mine = ours.get(quantity)
        if own is None or mine is None:
            present = own if mine is None else mine
            if present is not None and not (quantity.startswith("d") and not present.any()):
                missing = ALONE if quantity.startswith("d") and "," not in place else MISSING
                yield Observed(place, quantity, missing if mine is None else "is there, where the reference has none")
            continue
        if mine.shape != own.shape or mine.dtype != own.dtype:
            what = ("shape", tuple(mine.shape), tuple(own.shape)) if mine.shape != own.shape else (
                "dtype", str(mine.dtype).removeprefix("torch."), str(own.dtype).removeprefix("torch."))  # fmt: skip
            yield Observed(place, quantity, "{} {}, expected {}".format(*what))
            continue
        other = is_real(own) and own.dtype not in (torch.float32, torch.float64)
        dtype = str(own.dtype).removeprefix("torch.") if other else ""
        array, wanted, allowed, why = array_of(mine), expected.arrays[quantity], NOTHING, ""
        if not _equal(array, wanted):
            tolerance = expected.tolerance
            wanted, why = tolerance.expected[quantity], tolerance.measured[quantity]
            allowed = np.asarray(tolerance.allowed[quantity])
            if quantity in tolerance.open:
                array = np.where(tolerance.open[quantity], wanted, array)
        arrays = {"ours": array, "expected": wanted, "allowed": allowed}
        yield Observed(place, quantity, "", arrays, why, dtype, only_where=only_where)


def _equal(ours: Array, expected: Array) -> bool:
    """Whether every number is the expected one; a NaN is the same as itself."""
    alike = ours == expected
    return every(alike) or every(alike | (ours != ours) & (expected != expected))


def of_gradient(o: Observed) -> bool:
    """Whether it depends on δ, or is wrong in words."""
    return bool(o.trouble) or not o.quantity.startswith("output")


def is_beyond(o: Observed) -> bool:
    """Whether it is worth a line: in a repeated call, only what is wrong is."""
    if o.trouble:
        return True
    ours, expected = o.arrays["ours"], o.arrays["expected"]
    alike = ours == expected
    if every(alike):
        return False
    with np.errstate(invalid="ignore"):
        apart = np.abs(np.subtract(ours, expected, dtype=np.float64))
        alike |= np.isnan(apart) & ~(np.isfinite(ours) ^ np.isfinite(expected))
        return not every(alike | (apart <= o.arrays["allowed"]))
