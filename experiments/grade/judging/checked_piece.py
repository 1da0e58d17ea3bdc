"""One piece of a submission while it is checked: the comparisons so far, and what they are with."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from experiments.grade.findings import Finding, Row, inputs_text, rows_of
from experiments.grade.judging.proxies import Order, Proxies, Trouble
from experiments.grade.process.answers import Arrays, Description, Observation
from experiments.grade.process.requests import OwnExamples, WantedSteps
from experiments.grade.process.sandbox import Sandboxed
from torch_ref import Comparison, Parity
from torch_ref.comparison.functions.result import judged
from torch_ref.comparison.verdict import CONVENTION, DIFFERS, NOT_JUDGED, ROUNDING
from torch_ref.diagnosis import Case
from torch_ref.diagnosis.factors import ALIKE

NON_CONTIGUOUS = "non-contiguous"
LARGE = 3000.0
"""By how much larger than tame inputs the large ones are."""
MISSING = "backward returned none"
AS_SHOWN = {"loss": {"y": "cost", "dprediction": "delta"}, "network": {"y": "cost"}}
"""What the table calls the output of a loss or of a network, and a loss's gradient, by the piece's form."""


class CheckedPiece:
    """The piece as its file describes it, the proxies for it, and what was found."""

    def __init__(self, child: Sandboxed, piece: Description, device: str, expected: Any = None) -> None:
        self.child, self.device = child, device
        self.expected, self.held, self.is_another = expected, False, False
        self.name, self.form, self.judging = piece.name, piece.form, piece.judging
        self.arguments, self.accepts = piece.arguments, piece.accepts
        self.has_cost, self.has_gradient = piece.has_cost, piece.has_gradient
        self.proxies = Proxies(child, self.name, self.has_gradient)
        self.comparisons: list[Comparison] = []
        self.observed: list[Observation] = []
        self.steps: list[WantedSteps] = []
        self.remarks: dict[str, str] = {}
        self.inputs: dict[str, Arrays] = {}
        self.torch_has_it = False  # a forward of its name
        self.conduct: list[Row] = []
        self.finding = Finding(self.name, self.form)

    @property
    def has_examples(self) -> bool:
        """Whether the file has examples of it.

        Raises:
            Unclear: they cannot be run.
        """
        return self.child.ask(OwnExamples(self.name)).count > 0

    def in_every_order(self) -> Iterator[str]:
        """Twice: the proxies hand over their arrays as they are, and non-contiguous. What to call the run."""
        orders: dict[Order, str] = {"C": "", "F": NON_CONTIGUOUS}
        for self.proxies.order, place in orders.items():
            yield place
        self.proxies.order = "C"

    def shown(self, quantity: str) -> str:
        """The quantity as the table names it."""
        return AS_SHOWN.get(self.form, {}).get(quantity, quantity)

    # ---------------------------------------------------------------- comparisons

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
        self._note_inputs(parity)

    def keep(self, parity: Parity, place: str = "") -> None:
        """Keep the comparisons with a proxy; where the submission failed, that is the verdict."""
        troubles, self.proxies.troubles = self.proxies.troubles, {}
        for c in parity.comparisons:
            alone = c.quantity.endswith("by gradient()")
            if alone and not self.has_gradient:
                continue
            method = "gradient" if alone else "forward" if c.quantity in ("y", "cost") else "backward"
            trouble = next((troubles[key] for key in ("step", method, c.quantity) if key in troubles), None)
            if trouble is None and c.reason == "dtype float64, expected float32":
                self.remarks[c.quantity] = "gives float64 for float32"  # the numbers are compared in float64
            elif trouble is None:
                self.comparisons.append(replace(c, place=place))
            else:
                verdict = DIFFERS if trouble.wrong else NOT_JUDGED
                none = {"difference": np.inf, "ratio": np.inf, "cause": "", "worst": None}
                self.comparisons.append(replace(c, place=place, verdict=verdict, reason=trouble.said, **none))
        self._note_inputs(parity)

    def _note_inputs(self, parity: Parity) -> None:
        """Keep what was asked with, for the first comparison of a quantity that differs."""
        for c in parity.comparisons:
            if c.differs:
                self.inputs.setdefault(c.quantity, self.child.given)

    # ---------------------------------------------------------------- when all is compared

    def by_convention(self, cause: str) -> None:
        """What differs by a factor that the whole piece carries differs by convention; by one that it does not, it
        differs."""
        for i, c in enumerate(self.comparisons):
            if cause and c.differs and not c.reason:
                self.comparisons[i] = replace(c, verdict=CONVENTION, cause=cause)
            elif not cause and c.cause.startswith(ALIKE):
                self.comparisons[i] = replace(c, verdict=DIFFERS, cause="")

    def in_float64_first(self) -> None:
        """What in float64 differs by a convention alone differs in float32 by that, too, though it may be lost in
        rounding."""
        found = {c.quantity: c.cause for c in self.comparisons if c.dtype == "float64" and c.verdict == CONVENTION}
        wrong = {c.quantity for c in self.comparisons if c.dtype == "float64" and c.differs}
        for i, c in enumerate(self.comparisons):
            if c.dtype == "float32" and c.differs and not c.reason and c.quantity in found.keys() - wrong:
                self.comparisons[i] = replace(c, verdict=CONVENTION, cause=found[c.quantity])

    def tell_rows(self) -> None:
        """A row for each quantity, with its remark and inputs; and for what a method did besides its answer."""
        rows = [replace(row, remark=self.remarks.get(row.quantity, "")) for row in rows_of(self.settled())]
        rows = [replace(row, inputs=inputs_text(self.inputs.get(row.quantity, {}))) for row in rows]
        self.finding.rows = [*rows, *self.conduct]

    def settled(self) -> list[Comparison]:
        """The comparisons, without those that rounding leaves open of a quantity that another one has judged."""
        found = [*judged(self.comparisons)]
        known = {c.quantity for c in found if c.agrees}
        return [c for c in found if c.reason != ROUNDING or c.quantity not in known]
