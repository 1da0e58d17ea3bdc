"""One piece of a submission while it is checked: the comparisons so far, and what they are with."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from experiments.grade.findings import Finding
from experiments.grade.judging.proxy import Order, StandIn, Trouble
from experiments.grade.judging.torch_forwards import outputs
from experiments.grade.process.sandbox import Failed, Sandboxed, Unclear
from manual.number_types import Array
from torch_ref import Comparison, Parity
from torch_ref.comparison.check_backward import judged
from torch_ref.comparison.verdict import AGREES, CONVENTION, DIFFERS, NOT_JUDGED, ROUNDING, ZERO_REFERENCE, compare
from torch_ref.diagnosis import Case, Compared
from torch_ref.diagnosis.factors import ALIKE

STRIDED = "non-contiguous"
LARGE = 3000.0
"""By how much larger than tame inputs the large ones are."""
SEEDS = range(3)
"""Of the inputs that are drawn where a derivative is 0, or a decision lies on its edge."""
MISSING = "backward returned none"


class Checked:
    """The piece as its file describes it, the stand-in for it, and what was found."""

    def __init__(self, child: Sandboxed, piece: dict[str, Any], device: str) -> None:
        self.child, self.device = child, device
        self.name, self.form = piece["name"], piece["form"]
        self.arguments, self.accepts = piece["arguments"], piece["accepts"]
        self.has_cost, self.has_gradient = piece["has_cost"], piece["has_gradient"]
        self.stand_in = StandIn(child, self.name, self.has_gradient)
        self.comparisons: list[Comparison] = []
        self.remarks: dict[str, str] = {}
        self.known = False  # whether torch has a forward of its name
        self.finding = Finding(self.name, self.form)

    def in_every_order(self) -> Iterator[str]:
        """Twice: the stand-in hands over its arrays as they are, and non-contiguous. What to call the run."""
        orders: dict[Order, str] = {"C": "", "F": STRIDED}
        for self.stand_in.order, place in orders.items():
            yield place
        self.stand_in.order = "C"

    def fail(self, quantity: str, trouble: Trouble) -> None:
        """A row for what no comparison can tell."""
        verdict = DIFFERS if trouble.wrong else NOT_JUDGED
        self.comparisons.append(Comparison("", quantity, "", (), np.inf, np.inf, verdict, reason=trouble.said))

    def compare(self, case: Case, place: str = "") -> None:
        """Compare the quantities of a case."""
        parity = Parity(self.device)
        parity.add_all(place, case)
        self.comparisons += [
            replace(c, verdict=NOT_JUDGED, reason=MISSING, cause="") if case.compared[c.quantity].ours is None else c
            for c in parity.comparisons
        ]

    def by_convention(self, cause: str) -> None:
        """What differs by a factor that the whole piece carries differs by convention; by one that it does not, it
        differs."""
        for i, c in enumerate(self.comparisons):
            if cause and c.differs and not c.reason:
                self.comparisons[i] = replace(c, verdict=CONVENTION, cause=cause)
            elif not cause and c.cause.startswith(ALIKE):
                self.comparisons[i] = replace(c, verdict=DIFFERS, cause="")

    def take(self, parity: Parity, place: str = "") -> None:
        """Keep the comparisons with a stand-in; where the submission failed, that is the verdict."""
        why, self.stand_in.troubles = self.stand_in.troubles, {}
        for c in parity.comparisons:
            alone = c.quantity.endswith("by gradient()")
            if alone and not self.has_gradient:
                continue
            method = "gradient" if alone else "forward" if c.quantity in ("y", "cost") else "backward"
            trouble = next((why[key] for key in ("step", method, c.quantity) if key in why), None)
            if trouble is None and c.reason == "dtype float64, expected float32":
                self.remarks[c.quantity] = "gives float64 for float32"  # the numbers are compared in float64
            elif trouble is None:
                self.comparisons.append(replace(c, place=place))
            else:
                verdict = DIFFERS if trouble.wrong else NOT_JUDGED
                numbers = {"difference": np.inf, "ratio": np.inf, "cause": "", "reason": trouble.said}
                self.comparisons.append(replace(c, place=place, verdict=verdict, **numbers))

    # ---------------------------------------------------------------- against the truth of its own forward

    def truth(self) -> None:
        """Against the derivative of the submission's own forward, certified, on the inputs that its file gives."""
        self.finding.against = self.finding.against or "the truth of its own forward"
        count = self.child.ask("cases", piece=self.name, seed=0)[0]["cases"]
        for number in range(count):
            self.against_truth(lambda moved, number=number: self.observation({}, number, moved))
        self.settle_zeros(self._redrawn)
        if count and not any(c.differs for c in self.comparisons):
            self._at_large_inputs(0)

    def _at_large_inputs(self, number: int) -> None:
        """Whether it is finite where the truth is a float: a difference for a known name, a remark for another."""
        conduct = [*self.child.conduct]
        try:
            _, found = self.child.ask("against_truth", {}, piece=self.name, number=number, factor=LARGE)
        except Failed:  # what cannot be run there is not known to be wrong
            found = {}
        self.child.conduct[:] = conduct
        for quantity, true in _under("true", found).items():
            ours = found.get(f"ours:{quantity}")
            if ours is not None and ours.shape == true.shape and np.any(np.isfinite(true) & ~np.isfinite(ours)):
                if self.known:
                    self.fail(self.shown(quantity), Trouble("it overflows at large inputs, where torch does not", True))
                else:
                    self.remarks[self.shown(quantity)] = "right, but overflows at large inputs"

    def _redrawn(self, seed: int) -> list[dict[str, Any]]:
        count = self.child.ask("cases", piece=self.name, seed=seed)[0]["cases"]
        return [self.observation({}, number, seed) for number in range(count)]

    def observation(self, given: dict[str, Array], number: int, moved: int) -> dict[str, Any]:
        """What the submission and the truth are for one of the file's cases, or, with the number −1, for these
        arrays."""
        header, found = self.child.ask("against_truth", given, piece=self.name, number=number, moved=moved)
        return found | {"header": header}

    def against_truth(self, observe: Callable[[int], dict[str, Any]], name: str = "") -> None:
        """Compare one observation with its truth; where its forward decides on an edge, two others beside it.

        At the edge itself nothing is compared but that the derivative is finite.
        """
        try:
            found = observe(0)
            if "undecided" in found["header"]:
                self._finite(found, name)
                found = [observe(moved) for moved in SEEDS[1:]]
                if why := next((f["header"]["undecided"] for f in found if "undecided" in f["header"]), ""):
                    raise Unclear(why)
            else:
                found = [found]
        except Unclear:
            raise
        except Failed as why:
            return self.fail("backward", Trouble(str(why), why.wrong))
        for one in found:
            self.compare_truth(one, name)
            self._compare_torch(one)
        return None

    def _compare_torch(self, found: Mapping[str, Any]) -> None:
        """Where torch has a forward of this name, the output is one of those that it may give."""
        constants = self.child.ask("constants")[0]["constants"]
        theirs = [*outputs(self.name, _under("given", found), constants)]
        if theirs and "true:y" in found:
            self.known = True
            again = [compare("", "y", found["ours:y"], y, 2 * found["allowed:y"]) for y in theirs]
            best = min(again, key=lambda c: c.ratio)
            if best.differs:
                self.comparisons.append(replace(best, reason=f"its forward is not torch's {self.name}"))

    def _finite(self, found: Mapping[str, Any], name: str) -> None:
        for quantity, value in _under("ours", found).items():
            if not np.isfinite(value).all():
                said = "it is not finite where the forward decides on an edge"
                self.fail(self.shown(quantity), Trouble(", ".join(filter(None, [said, name])), True))

    def compare_truth(self, found: Mapping[str, Any], name: str = "") -> None:
        """Compare what was observed with what is true: where a forward has a derivative, no choice is left to a
        convention."""
        before = len(self.comparisons)
        inputs, truth = _under("given", found), _under("true", found)
        x = next(iter(inputs), "")
        batch = found.get("delta", inputs.get("y"))
        sizes = (
            {}
            if batch is None or not batch.ndim
            else {"N": len(batch), "the number of outputs": batch.size // len(batch)}
        )
        about = {"x": inputs[x]} | ({"delta": found["delta"]} if "delta" in found else {})
        params = {n: p for n, p in inputs.items() if n != x}
        returned = {n for n in _under("ours", found) if n in truth}
        for ours, place in (("ours", name), ("strided", ", ".join(filter(None, [name, STRIDED])))):
            compared = {
                n: Compared(found.get(f"{ours}:{n}"), true, found[f"allowed:{n}"])
                for n, true in truth.items()
                if n in returned or n == f"d{x}" or np.any(np.abs(true) > found[f"allowed:{n}"])
            }
            compared = {self.shown(n): one for n, one in compared.items()}
            self.compare(Case(compared, about, params, sizes=sizes), place)
        for i, c in enumerate(self.comparisons[before:], before):
            if c.verdict == CONVENTION:
                self.comparisons[i] = replace(c, verdict=DIFFERS, cause="")

    def shown(self, quantity: str) -> str:
        """The quantity as the table names it: the output of a loss or a network is its cost, a loss's gradient is δ."""
        names = {"loss": {"y": "cost", "dprediction": "delta"}, "network": {"y": "cost"}}
        return names.get(self.form.partition(",")[0], {}).get(quantity, quantity)

    @property
    def has_examples(self) -> bool:
        """Whether the file has examples of it.

        Raises:
            Unclear: they cannot be run.
        """
        return self.child.ask("own_examples", piece=self.name)[0]["count"] > 0

    def in_float64_first(self) -> None:
        """What in float64 differs by a convention alone differs in float32 by that, too, though it may be lost in
        rounding."""
        found = {c.quantity: c.cause for c in self.comparisons if c.dtype == "float64" and c.verdict == CONVENTION}
        wrong = {c.quantity for c in self.comparisons if c.dtype == "float64" and c.differs}
        for i, c in enumerate(self.comparisons):
            if c.dtype == "float32" and c.differs and not c.reason and c.quantity in found.keys() - wrong:
                self.comparisons[i] = replace(c, verdict=CONVENTION, cause=found[c.quantity])

    def settled(self) -> list[Comparison]:
        """The comparisons, without those that rounding leaves open of a quantity that another one has judged."""
        found = [*judged(self.comparisons)]
        known = {c.quantity for c in found if c.agrees}
        return [c for c in found if c.reason != ROUNDING or c.quantity not in known]

    def settle_zeros(self, redraw: Callable[[int], list[dict[str, Any]]]) -> None:
        """Where a true derivative is 0, draw again: 0 agrees if the truth is 0 on every draw, and no decision was
        dead."""
        agreed = {c.quantity for c in self.comparisons if c.verdict == AGREES}
        open_ = {c.quantity for c in self.comparisons if c.reason in (ZERO_REFERENCE, ROUNDING)} - agreed
        others = [one for seed in SEEDS[1:] for one in redraw(seed)] if open_ else []
        for quantity in {n for one in others for n in _under("true", one) if self.shown(n) in open_}:
            zero = all(not np.any(one.get(f"true:{quantity}", 1)) for one in others)
            decided = {answer for one in others for answer in one["header"].get("decided", [])}
            again = [compare("", self.shown(quantity), *_three(quantity, one)) for one in others]
            if zero and len(decided) != 1 and all(c.reason == ZERO_REFERENCE for c in again):
                agreed.add(self.shown(quantity))
            else:
                self.comparisons += [c for c in again if c.reason not in (ZERO_REFERENCE, ROUNDING)]
                agreed |= {self.shown(quantity)} if any(c.agrees for c in again) else set()
        self.comparisons = [
            replace(c, verdict=AGREES, reason="")
            if c.quantity in agreed and c.reason in (ZERO_REFERENCE, ROUNDING)
            else c
            for c in self.comparisons
        ]


def _three(quantity: str, found: Mapping[str, Any]) -> tuple[Any, Any, Any]:
    return tuple(found.get(f"{kind}:{quantity}") for kind in ("ours", "true", "allowed"))  # pyright: ignore[reportReturnType]


def _under(prefix: str, arrays: Mapping[str, Any]) -> dict[str, Any]:
    return {name.removeprefix(f"{prefix}:"): a for name, a in arrays.items() if name.startswith(f"{prefix}:")}
