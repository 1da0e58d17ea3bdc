"""One piece of a submission while it is checked: the comparisons so far, and what they are with."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from experiments.checking.findings import Finding
from experiments.checking.sandboxed import Failed, Sandboxed, Unclear
from experiments.checking.standin import Order, StandIn
from manual.number_types import Array
from torch_ref import Comparison, Parity
from torch_ref.diagnosis import Case, Compared

STRIDED = "non-contiguous"


class Checked:
    """The piece as its file describes it, the stand-in for it, and what was found."""

    def __init__(self, child: Sandboxed, piece: dict[str, Any], device: str) -> None:
        self.child, self.device = child, device
        self.name, self.form = piece["name"], piece["form"]
        self.arguments, self.accepts = piece["arguments"], piece["accepts"]
        self.has_cost, self.has_gradient = piece["has_cost"], piece["has_gradient"]
        self.stand_in = StandIn(child, self.name, self.has_gradient)
        self.comparisons: list[Comparison] = []
        self.finding = Finding(self.name, self.form)

    def in_every_order(self) -> Iterator[str]:
        """Twice: the stand-in hands over its arrays as they are, and non-contiguous. What to call the run."""
        orders: dict[Order, str] = {"C": "", "F": STRIDED}
        for self.stand_in.order, place in orders.items():
            yield place
        self.stand_in.order = "C"

    def fail(self, quantity: str, verdict: str) -> None:
        """A row for what no comparison can tell."""
        self.comparisons.append(Comparison("", quantity, "", (), np.inf, np.inf, verdict))

    def compare(self, case: Case, place: str = "") -> None:
        """Compare the quantities of a case."""
        parity = Parity(self.device)
        parity.add_all(place, case)
        self.comparisons += [
            replace(c, verdict="is missing") if case.compared[c.quantity].ours is None else c for c in parity.comparisons
        ]

    def take(self, parity: Parity, place: str = "") -> None:
        """Keep the comparisons with a stand-in; where the submission failed, that is the verdict."""
        why, self.stand_in.troubles = self.stand_in.troubles, {}
        for c in parity.comparisons:
            alone = c.quantity.endswith("by gradient()")
            if alone and not self.has_gradient:
                continue
            method = "gradient" if alone else "forward" if c.quantity in ("y", "cost") else "backward"
            trouble = next((why[key] for key in ("step", method, c.quantity) if key in why), "")
            told = {"verdict": trouble, "difference": np.inf, "ratio": np.inf, "cause": ""} if trouble else {}
            self.comparisons.append(replace(c, place=place, **told))

    def truth(self) -> None:
        """Against the derivative of the submission's own forward, certified."""
        self.finding.against = "the truth of its own forward"
        for number in range(self.child.ask("cases", piece=self.name)[0]["cases"]):
            self.against_truth(number, {})

    def against_truth(self, number: int, given: dict[str, Array]) -> None:
        """The same on one of the file's cases, or, with the number −1, on these arrays."""
        try:
            _, found = self.child.ask("against_truth", given, piece=self.name, number=number)
        except Unclear:
            raise
        except Failed as why:
            return self.fail("backward", str(why))
        inputs = _under("given", found)
        x = next(iter(inputs), "")
        batch = found.get("delta", inputs.get("y"))
        sizes = {} if batch is None or not batch.ndim else {"N": len(batch), "the number of outputs": batch.size // len(batch)}
        about = {"x": inputs[x]} | ({"delta": found["delta"]} if "delta" in found else {})
        params = {n: p for n, p in inputs.items() if n != x}
        for ours, place in (("ours", ""), ("strided", STRIDED)):
            compared = {
                n: Compared(found.get(f"{ours}:{n}"), truth, found[f"allowed:{n}"])
                for n, truth in _under("true", found).items()
            }
            self.compare(Case(compared, about, params, sizes=sizes), place)
        return None


def _under(prefix: str, arrays: dict[str, Array]) -> dict[str, Array]:
    return {name.removeprefix(f"{prefix}:"): a for name, a in arrays.items() if name.startswith(f"{prefix}:")}
