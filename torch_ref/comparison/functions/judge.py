"""What was observed of a function, judged, one quantity after the other: nothing is kept but the verdict. Torch is not
loaded here: who only judges what another process observed does without it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

import numpy as np

from manual.numbers.number_types import Array
from torch_ref.comparison.functions.result import EQUAL, PLACES, Checked, judged
from torch_ref.comparison.verdict import (
    AGREES,
    CONVENTION,
    DIFFERS,
    NOT_JUDGED,
    ROUNDING,
    Comparison,
    compare,
    explained,
)
from torch_ref.diagnosis import Case, Compared, diagnose

AT_A_TIE = "a convention: another choice at a tie"
UNBOUNDED = "an element has no bound"
EXPLAINED = 8
"""At most so many differences of a quantity are explained, as a cause takes long to find; none of complex numbers,
whose two parts would be taken for columns."""
IN_FLOAT32 = 2.0**29
"""A rounding in float32, in roundings in float64."""
ROUGH = 2.0**22
"""So many times what is allowed in float64 is no rounding there, but may be one in float32."""


@dataclass
class Observed:
    """One quantity as the checked function computes it and as it is expected, each as "ours", "expected" and "allowed"
    in `arrays`.

    `why_measured` says why what is allowed is not derived. `trouble` says in words what no comparison can: an
    exception, a changed input, or, where it is not `wrong`, why nothing is judged; `offered` is false where it is what
    the function does not offer. `dtype` is the name of the dtype where NumPy has none such. `only_where` names what is
    not a number, of which only the place is compared. `ties` tells, where it is asked, which quantities differ by a
    choice at a tie alone.
    """

    place: str
    quantity: str
    trouble: str = ""
    arrays: dict[str, Array] = field(default_factory=dict)
    why_measured: str = ""
    dtype: str = ""
    offered: bool = True
    only_where: str = ""
    ties: Callable[[], set[str]] = set
    wrong: bool = True


def judge(observed: Iterable[Observed], device: str = "cpu") -> Checked:
    """The comparisons of what was observed."""
    parity = Checked(device)
    for o in observed:
        if not o.offered:
            parity.not_offered.setdefault(o.place, o.trouble)
        elif o.trouble:
            far = np.inf if o.wrong else 0.0
            verdict = DIFFERS if o.wrong else NOT_JUDGED
            parity.comparisons.append(Comparison(o.place, o.quantity, "", (), far, far, verdict, reason=o.trouble))
        elif o.only_where:
            parity.comparisons.append(_of_places(o))
        else:
            if o.why_measured:
                parity.measured.setdefault(o.quantity, o.why_measured)
            _judge(parity, o)
    parity.comparisons = judged(parity.comparisons)
    return parity


def _judge(parity: Checked, o: Observed) -> None:
    """Compare one quantity. Where nothing bounds an element of the inputs as they are, no other trial tells that it is
    right."""
    ours, expected, allowed = o.arrays["ours"], o.arrays["expected"], o.arrays["allowed"]
    of_floats = expected.dtype.kind == "f"
    last = compare(o.place, o.quantity, ours, expected, allowed if of_floats else 0)
    known = sum(c.differs and c.quantity == o.quantity for c in parity.comparisons)
    if last.differs and of_floats and known < EXPLAINED and not o.dtype.startswith("complex"):
        last = explained(last, diagnose(Case({o.quantity: Compared(ours, expected, allowed)}), o.quantity))
    if last.reason == ROUNDING and not np.isfinite(allowed).all() and "," not in o.place:
        last = replace(last, reason=UNBOUNDED)
    if (
        last.differs
        and not last.reason
        and not (of_floats and _slightly(ours, expected, allowed))
        and o.quantity in o.ties()
    ):
        last = explained(last, AT_A_TIE)
    elif last.differs and not last.reason:
        last = replace(last, reason=_where(ours, expected, allowed), cause=last.cause or _cause(o))
    alike = EQUAL if not last.difference else "derived"
    kind = ("measured" if o.why_measured else alike) if of_floats else ""
    parity.comparisons.append(replace(last, tolerance=kind, dtype=o.dtype or last.dtype))


def _slightly(ours: Array, expected: Array, allowed: Array) -> bool:
    """Whether an element differs by less than the root of a rounding: another choice changes it by more."""
    root = float(np.finfo(expected.dtype).eps) ** 0.5
    with np.errstate(all="ignore"):
        apart = np.abs(ours - expected)
        return bool(((apart > allowed) & (apart < root * np.maximum(np.abs(ours), np.abs(expected)))).any())


def _where(ours: Array, expected: Array, allowed: Array) -> str:
    """The element that differs most, what it is, what is expected, and how many differ."""
    with np.errstate(all="ignore"):
        apart = np.abs(np.subtract(ours, expected, dtype=np.float64))
        wrong = ~((ours == expected) | (apart <= allowed) | (np.isnan(ours) & np.isnan(expected)))
        ratio = np.where(wrong, np.nan_to_num(apart / allowed, nan=np.inf, posinf=np.inf), -1)
    at = np.unravel_index(int(np.argmax(ratio)), expected.shape) if expected.shape else ()
    place = f"at {tuple(map(int, at))} " if at else ""
    got, wanted = ours[at], expected[at]
    overflow = ", an overflow" if np.isinf(got) and np.isfinite(wanted) else ""
    return f"{place}{got:.9g}, expected {wanted:.9g}{overflow}; {int(wrong.sum()):,} of {wrong.size:,} elements"


def _cause(o: Observed) -> str:
    """ "float32 inside", where a result in float64 is right to within the roundings of float32, and to no more."""
    ours, expected, allowed = o.arrays["ours"], o.arrays["expected"], o.arrays["allowed"]
    if expected.dtype != np.float64 or o.dtype or not np.isfinite(ours).all():
        return ""
    with np.errstate(all="ignore"):
        error = ours - expected
        ratio = np.where(error == 0, 0, np.abs(error) / allowed)
        narrow = ours.astype(np.float32)
    rough = np.array_equal(narrow, ours) or ratio.max() > ROUGH
    one_way = error.size > 3 and abs(np.sign(error * expected).sum()) == np.count_nonzero(error)
    return "float32 inside" if rough and ratio.max() <= IN_FLOAT32 and not one_way else ""


def _of_places(o: Observed) -> Comparison:
    """Of what is not a number only the places are compared. An output that hides a NaN differs, and so does what
    overflows, or is none of zeros; elsewhere good implementations differ, as where(mask, x, 0) does from mask·x."""
    ours, expected = o.arrays["ours"], o.arrays["expected"]
    about = (o.place, o.quantity, o.dtype or str(expected.dtype), expected.shape, 0.0, 0.0)
    alike = (ours == expected) | (np.isnan(ours) & np.isnan(expected)) | (np.isfinite(ours) & np.isfinite(expected))
    if alike.all():
        return Comparison(*about, AGREES, tolerance=PLACES)
    at = tuple(map(int, np.argwhere(~alike)[0]))
    said = f"{ours[at]}, expected {expected[at]}, at {at}; {int((~alike).sum()):,} of {alike.size:,} elements"
    wrong = o.only_where in ("overflow", "zeros") or (o.only_where == "NaN" and o.quantity.startswith("output"))
    if wrong and not (o.only_where == "NaN" and not np.isnan(expected).any()):
        return Comparison(*about[:4], np.inf, np.inf, DIFFERS, reason=said)
    return Comparison(*about, CONVENTION, f"a convention: how {o.only_where} spreads", said, tolerance=PLACES)
