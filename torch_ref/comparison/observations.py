"""What check_backward.py observed, judged: by the derived tolerance of each quantity, or by torch's own error."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from manual.numbers.number_types import Array
from torch_ref.comparison.parity import Parity
from torch_ref.comparison.verdict import AGREES, DIFFERS, ROUNDING, ZERO_REFERENCE, Comparison
from torch_ref.diagnosis import Case, Compared

FLOAT64_IN_FLOAT32 = 2.0**-29
"""One rounding in float64, in roundings in float32."""
BASE = "float64"
"""The place of the trial of the inputs as they are."""
LOOSE = 1e-6
"""Of the largest element: what is derived of the inputs as they are, in float64, is of use up to here."""
TOO_WIDE = f"what is derived exceeds {LOOSE:g} of the largest element"
UNBOUNDED = "an element has no bound"


@dataclass
class Observed:
    """One quantity as the checked function, torch at the same dtype, and torch in float64 and in float32 compute it.

    Their names in `arrays` are "ours", "torch", "float64" and "float32"; where it is derived, "allowed" is the error of
    each element, else `why_measured` says why there is none. `trouble` says in words what no comparison can: an
    exception, a changed input.
    """

    place: str
    quantity: str
    trouble: str = ""
    arrays: dict[str, Array] = field(default_factory=dict)
    why_measured: str = ""


@dataclass
class Checked(Parity):
    """The comparisons of a check. `measured` says of each quantity without a derived tolerance why it has none.

    What rounding leaves open in one trial is not judged there, and is no failure where the same quantity agrees in
    another.
    """

    measured: dict[str, str] = field(default_factory=dict)

    @property
    def first(self) -> Comparison | None:
        """The first comparison that fails."""
        open_ = self.left_open
        return next((c for c in self.comparisons if not c.agrees and c not in open_), None)

    @property
    def left_open(self) -> list[Comparison]:
        """What is not judged in one trial, as rounding may exceed it, of a quantity that agrees in another."""
        known = {c.quantity for c in self.comparisons if c.agrees}
        return [c for c in self.comparisons if c.reason == ROUNDING and c.quantity in known]

    @property
    def verdict(self) -> str:
        """One line as for any comparisons; one of what is left open; and one that says where the tolerance is from."""
        open_ = self.left_open
        judged_alone = Parity(self.device, [c for c in self.comparisons if c not in open_])
        lines = [judged_alone.verdict]
        if open_:
            lines.append(f"{len(open_)} more are not judged, as {ROUNDING}; their quantities agree elsewhere")
        return "\n".join([*lines, self.tolerance])

    @property
    def tolerance(self) -> str:
        """Where it is from."""
        if not self.measured:
            return "the tolerance is derived"
        first, why = next(iter(self.measured.items()))
        others = f" and {len(self.measured) - 1} more" if len(self.measured) > 1 else ""
        return f"the tolerance of {first}{others} is measured, twice torch's own error at the same dtype: {why}"


def judge(observed: Iterable[Observed], device: str = "cpu") -> Checked:
    """The comparisons of what was observed."""
    observed = [*observed]
    own: dict[str, float] = {}
    for o in observed:
        if o.arrays and o.arrays["torch"].dtype.kind == "f":
            own[o.quantity] = max(own.get(o.quantity, 0), _own_error(o.arrays))
    too_wide = {o.quantity for o in observed if o.place == BASE and _is_too_wide(o.arrays)}
    parity = Checked(device)
    for o in observed:
        if o.trouble:
            parity.comparisons.append(
                Comparison(o.place, o.quantity, "", (), np.inf, np.inf, DIFFERS, reason=o.trouble)
            )
        elif o.arrays["torch"].dtype.kind != "f":  # nothing is rounded
            parity.add(o.place, o.quantity, o.arrays["ours"], o.arrays["torch"], 0)
        elif "allowed" in o.arrays and o.quantity not in too_wide:
            _judge(parity, o, o.arrays["torch"], 2 * o.arrays["allowed"])
        else:
            parity.measured.setdefault(o.quantity, o.why_measured or TOO_WIDE)
            dtype, error = o.arrays["torch"].dtype, own[o.quantity]
            times = 3 * error * FLOAT64_IN_FLOAT32 if dtype == np.float64 else 2 * error + np.finfo(dtype).eps / 2
            # in float32 the half ulp is the reference's, rounded to it
            allowed = times * np.abs(o.arrays["float64"]).max(initial=0)
            _judge(parity, o, o.arrays["float64"].astype(dtype), allowed)
    parity.comparisons = [*judged(parity.comparisons)]
    return parity


def _is_too_wide(arrays: dict[str, Array]) -> bool:
    """Whether what is derived may let a wrong factor pass, as that of a long iteration does, whose bound explodes."""
    if "allowed" not in arrays:
        return False
    finite = np.isfinite(arrays["allowed"]) & np.isfinite(arrays["torch"])
    return arrays["allowed"][finite].max(initial=0) > LOOSE * np.abs(arrays["torch"][finite]).max(initial=0)


def _judge(parity: Checked, o: Observed, reference: Array, allowed: Any) -> None:
    """Compare one quantity. Where nothing bounds an element, no other trial tells that it is right."""
    parity.add_all(o.place, Case({o.quantity: Compared(o.arrays["ours"], reference, allowed)}))
    last = parity.comparisons[-1]
    if last.reason == ROUNDING and not np.isfinite(allowed).all():
        parity.comparisons[-1] = replace(last, reason=UNBOUNDED)


def judged(comparisons: Iterable[Comparison]) -> Iterator[Comparison]:
    """The comparisons, where a reference of zeros tells nothing against a quantity that elsewhere agrees with another
    one, nor where nothing is rounded: of integers, and of no elements."""
    comparisons = [*comparisons]
    known = {c.quantity for c in comparisons if c.agrees}
    for c in comparisons:
        if c.reason == ZERO_REFERENCE:
            exact = not c.dtype.startswith("float") or 0 in c.shape
            agrees = c.quantity in known or exact
            yield replace(c, verdict=AGREES, reason="") if agrees else replace(c, reason=f"{c.reason}, on every input")
        else:
            yield c


def _own_error(arrays: dict[str, Array]) -> float:
    """Torch's own error in float32 where that is finite, by the largest element; a unit in its last place at least."""
    finite = np.isfinite(arrays["float64"]) & np.isfinite(arrays["float32"])
    exact, single = arrays["float64"][finite], arrays["float32"][finite]
    largest = np.abs(exact).max(initial=0)
    return max(np.abs(single - exact).max() / largest, np.finfo(np.float32).eps) if largest else 0
