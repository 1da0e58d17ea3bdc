"""The likely cause of a failed comparison.

A cause is named only where it is proved on the numbers at hand, within the derived tolerance: either a repair of ours
gives the reference (half of it, its transpose, its sum over the batch), or a wrong formula gives ours while the right
one gives the reference (`mistakes`). A cause has more numbers to bear it out than it has numbers that were read off
ours. Where several explain the numbers, all are named; where none does, none is. What good implementations do
differently begins with "a convention: ".
"""

from collections.abc import Callable, Iterator

import numpy as np

from torch_ref.diagnosis.axes import along_axes
from torch_ref.diagnosis.case import Case, Compared, Failure, of_layer, of_loss, of_steps, of_update
from torch_ref.diagnosis.factors import constant, factor
from torch_ref.diagnosis.guards import guarded, in_the_root, not_moved
from torch_ref.diagnosis.lost import already_moved, overwritten, summed_to_one, without_a_sign
from torch_ref.diagnosis.proofs import another_parameters, its_own_gradient, mistaken
from torch_ref.diagnosis.repairs import at_the_edge, at_ties, at_zero, decayed, permuted, reshaped, summed, transposed
from torch_ref.diagnosis.time import last_step

__all__ = ["Case", "Compared", "diagnose", "of_layer", "of_loss", "of_steps", "of_update"]

CONVENTION = "a convention: "
"""How a cause begins that is no mistake."""


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


CAUSES: list[list[Callable[[Failure], Iterator[str]]]] = [
    [its_own_gradient, factor, transposed, summed, reshaped, decayed, another_parameters, not_moved, mistaken, at_zero],
    [at_ties, in_the_root, guarded, along_axes],
    [last_step, overwritten, already_moved, summed_to_one],
    [without_a_sign],
    [constant, permuted, at_the_edge],
]
