"""Hold every piece of a submission against what it stands for: its twin in torch, a reference, or the truth of its forward.

The comparisons are those of `torch_ref`; what takes part in them is a stand-in for the submission (see standin.py).
"""

import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

import manual
from experiments.checking.findings import Finding, Report, Row, rows_of
from experiments.checking.layouts import LAYOUTS, ONE_EXAMPLE, Layout, arrays_of, network_case
from experiments.checking.sandboxed import Failed, Sandboxed, Unclear
from experiments.checking.standin import Gone, StandIn
from manual import Layer, Linear, Loss, Network, Optimizer, ReLU
from manual.documents import hand_computation
from manual.number_types import Array
from torch_ref import Comparison, Parity, compare, compare_layer, compare_loss, compare_optimizer
from torch_ref.check_backward import Observed, judge
from torch_ref.diagnosis import Case, Compared, diagnose

DTYPES = (np.float64, np.float32)
STANDS_FOR = {n.lower(): n for n in ("Linear", "ReLU", "Sigmoid", "Softmax", "Tanh")} | {"affine": "Linear"}
"""What a pair of functions is a twin of, by the prefix of their names."""
ROLES = {"w": "weight", "weight": "weight", "weights": "weight", "b": "bias", "bias": "bias"}
EXPECTED = (
    "expected a layer, loss or optimizer class, functions forward(x, …) and backward(delta, …), "
    "backward(W1, b1, …, x, y), or a torch.autograd.Function with reference(…)"
)


def check(path: Path, timeout: float, device: str) -> Report:
    """Check every piece of a file."""
    with Sandboxed(path, timeout) as child:
        try:
            offers = child.begin()
        except Failed as why:
            return Report(path.name, [], f"cannot be checked: {why}")
        if not offers:
            return Report(path.name, [], f"cannot be checked: it offers nothing that could be; {EXPECTED}")
        findings = [Checked(child, piece, device).finding for piece in offers]
        if child.imports_torch and not any(piece["form"] == "autograd" for piece in offers):
            row = Row("import", "imports torch, where NumPy was the task")
            findings.append(Finding(path.name, "the whole file", rows=[row]))
    return Report(path.name, findings)


class Checked:
    """One piece, checked."""

    def __init__(self, child: Sandboxed, piece: dict[str, Any], device: str) -> None:
        self.child, self.device = child, device
        self.name, self.form = piece["name"], piece["form"]
        self.arguments, self.accepts = piece["arguments"], piece["accepts"]
        self.has_cost, self.has_gradient = piece["has_cost"], piece["has_gradient"]
        self.stand_in = StandIn(child, self.name, self.has_gradient)
        self.comparisons: list[Comparison] = []
        self.finding = Finding(self.name, self.form)
        try:
            child.begin()
            getattr(self, self.form)()
        except Unclear as why:
            self.finding.unchecked = str(why)
        except Gone:
            pass  # of what, a row says
        except Failed as why:
            self.comparisons.append(_trouble("all", str(why)))
        self.finding.rows = [*rows_of(self.comparisons), *[Row(method, verdict) for method, verdict in child.conduct]]

    # ---------------------------------------------------------------- against the twin

    def layer(self) -> None:
        """A class: against torch's layer of that name, else the truth."""
        own = self._examples(Layer)
        if own is None:
            return self.truth()
        self.finding.against = f"torch.nn.{self.name}"
        for layer, x in own:
            for dtype in DTYPES:
                names = {name: name for name in layer.params}
                stand_in = self.stand_in.layer(layer.astype(dtype), self._options(layer), "x", names)
                self._take(compare_layer(stand_in, x.astype(dtype), np.random.default_rng(0), self.device))
        return None

    def functions(self) -> None:
        """Two functions: against torch's layer of that name, else the truth."""
        name = STANDS_FOR.get(self.name.lower())
        if name is None:
            return self.truth()
        self.finding.against = f"torch.nn.{name}"
        x, *given = map(str, self.arguments)
        names = {ROLES.get(n.lower(), n): n for n in given}
        turned = None
        for layer, a in sys.modules[getattr(manual, name).__module__].examples(np.random.default_rng(0)):
            if layer.params.keys() != names.keys() or not _special(layer) <= {"bias"}:
                continue
            if turned is None:
                turned = self._turned(layer, a, x, names)
            stand_in = self.stand_in.layer(layer, {}, x, names, turned)
            self._take(compare_layer(stand_in, a, np.random.default_rng(0), self.device))
        if not self.comparisons:
            raise Unclear(f"expected forward arguments like x, W, b of a {name}, got {', '.join(self.arguments)}")
        return None

    def loss(self) -> None:
        """A class: against torch's loss of that name, else the truth."""
        own = self._examples(Loss)
        if own is None:
            return self.truth()
        self.finding.against = "½ Σ (ŷ − y)² / N in torch" if self.name == "HalfMSELoss" else f"torch.nn.{self.name}"
        for loss, prediction, target in own:
            for dtype in DTYPES:
                y = target.astype(dtype) if target.dtype.kind == "f" else target
                stand_in = self.stand_in.loss(loss, self._options(loss))
                self._take(compare_loss(stand_in, prediction.astype(dtype), y, self.device))
        return None

    def optimizer(self) -> None:
        """A class: against torch's optimizer of that name."""
        own = self._examples(Optimizer)
        if own is None:
            raise Unclear(f"torch has no optimizer {self.name}, and an update has no derivative to hold it against")
        self.finding.against = f"torch.optim.{self.name}"
        for (optimizer,) in own:
            for dtype in DTYPES:
                rng = np.random.default_rng(0)
                stand_in = self.stand_in.optimizer(optimizer, self._options(optimizer))
                self._take(compare_optimizer(stand_in, Linear(3, 4, rng=rng).astype(dtype), rng, 3, self.device))

    def network(self) -> None:
        """One function: against its own cost's truth, else document A's network in torch."""
        rng, names = np.random.default_rng(0), self.arguments[:-2]
        if self.has_cost:
            self.finding.against = "the truth of its cost"
        else:
            self.finding.against = "document A's network in torch: ReLU, no activation at the end, ½ Σ (ŷ − y)² / N"
        sizes = [3, *range(4, 3 + len(names) // 2), 2]
        linear = [layer for i, o in pairwise(sizes) for layer in (Linear(i, o, rng=rng), ReLU())][:-1]
        network = Network(*linear)
        many, one = ((rng.standard_normal((n, 3)), rng.standard_normal((n, 2))) for n in (5, 1))
        layout = self._layout(network, names, many, one)
        self.finding.form += f", {layout}"
        for x, y in [one] if layout == ONE_EXAMPLE else [many, one]:
            self._compare_network(network, x, y, names, LAYOUTS[layout])
        if len(names) == 4:
            example = hand_computation()
            self._compare_network(example.network, example.x, example.y, names, LAYOUTS[layout])

    # ---------------------------------------------------------------- against the truth, or a reference

    def truth(self) -> None:
        """The derivative of the submission's own forward, certified."""
        self.finding.against = "the truth of its own forward"
        for number in range(self.child.ask("cases", piece=self.name)[0]["cases"]):
            self._against_truth(number, {})

    def _against_truth(self, number: int, given: dict[str, Array]) -> None:
        try:
            _, found = self.child.ask("against_truth", given, piece=self.name, number=number)
        except Unclear:
            raise
        except Failed as why:
            self.comparisons.append(_trouble("backward", str(why)))
            return
        true = _under("true", found)
        compared = {n: Compared(found.get(f"ours:{n}"), truth, found[f"allowed:{n}"]) for n, truth in true.items()}
        inputs = _under("given", found)
        x = next(iter(inputs), "")
        batch = found.get("delta", inputs.get("y"))
        sizes = {} if batch is None or not batch.ndim else {"N": len(batch), "the number of outputs": batch.size // len(batch)}
        about = {"x": inputs[x]} | ({"delta": found["delta"]} if "delta" in found else {})
        self._compare(Case(compared, about, {n: p for n, p in inputs.items() if n != x}, sizes=sizes))

    def autograd(self) -> None:
        """A torch.autograd.Function against the reference beside it."""
        self.finding.against, self.finding.tolerance = "its reference", "not derived: twice torch's own error at the same dtype"
        header, arrays = self.child.ask("observe", piece=self.name, device=self.device)
        observed = [
            Observed(place, quantity, trouble, {k.partition(":")[2]: a for k, a in arrays.items() if k.startswith(f"{i}:")})
            for i, (place, quantity, trouble) in enumerate(header["observed"])
        ]
        self.comparisons += judge(observed, self.device).comparisons

    # ---------------------------------------------------------------- what was compared

    def _take(self, parity: Parity) -> None:
        """Keep the comparisons; where the submission failed, that is the verdict."""
        why, self.stand_in.troubles = self.stand_in.troubles, {}
        for c in parity.comparisons:
            alone = c.quantity.endswith("by gradient()")
            if alone and not self.has_gradient:
                continue
            method = "gradient" if alone else "forward" if c.quantity in ("y", "cost") else "backward"
            trouble = next((why[key] for key in ("step", method, c.quantity) if key in why), "")
            told = {"verdict": trouble, "difference": np.inf, "ratio": np.inf, "cause": ""} if trouble else {}
            self.comparisons.append(replace(c, place="", **told))

    def _compare(self, case: Case) -> None:
        parity = Parity(self.device)
        parity.add_all("", case)
        self.comparisons += [
            replace(c, verdict="is missing") if case.compared[c.quantity].ours is None else c for c in parity.comparisons
        ]

    # ---------------------------------------------------------------- networks

    def _layout(self, network: Network, names: list[str], many: tuple[Array, Array], one: tuple[Array, Array]) -> str:
        """The first layout of the arrays in which the gradients have the parameters' shapes, or else one that runs.

        Raises:
            Failed: there is none; what the first one ran into.
        """
        why: list[Failed] = []
        runs: list[str] = []
        for name, layout in LAYOUTS.items():
            given = layout.there(arrays_of(network, names, *(one if name == ONE_EXAMPLE else many)))
            try:
                _, found = self.child.ask("network", given, piece=self.name)
            except Failed as error:
                why.append(error)
                continue
            if all(f"d{n}" in found and found[f"d{n}"].shape == given[n].shape for n in names):
                return name
            runs.append(name)
        if not runs:
            raise why[0]
        return runs[0]

    def _compare_network(self, network: Network, x: Array, y: Array, names: list[str], layout: Layout) -> None:
        given = layout.there(arrays_of(network, names, x, y))
        if self.has_cost:
            return self._against_truth(-1, given)
        case = network_case(network, x, y, self.device)
        answer = self.stand_in.answer("network", given)
        if answer is None:
            return self.comparisons.append(_trouble("backward", self.stand_in.troubles.pop("network")))
        quantities = dict(zip(names, case.compared, strict=True))
        expected, allowed = (layout.there({n: case.compared[q][i] for n, q in quantities.items()}) for i in (1, 2))
        ours = {n: answer[1].get(f"d{n}") for n in names}
        for name, quantity in quantities.items():
            _, *rest = case.compared[quantity]
            case.compared[quantity] = Compared(None if ours[name] is None else layout.back(name, ours[name]), *rest)
        for name, quantity in quantities.items():
            if ours[name] is None:
                self.comparisons.append(_trouble(f"d{name}", "is missing"))
                continue
            c = compare("", f"d{name}", ours[name], expected[name], allowed[name])
            self.comparisons.append(replace(c, cause=diagnose(case, quantity)) if c.ratio > 1 else c)
        return None

    # ---------------------------------------------------------------- the project's own

    def _examples(self, kind: type) -> list[tuple[Any, ...]] | None:
        """The examples of the project's piece of that name, as far as the submission takes their hyperparameters."""
        own = getattr(manual, self.name, None)
        make = getattr(sys.modules[own.__module__], "examples", None) if own and issubclass(own, kind) else None
        if make is None:
            return None
        cases = [case if isinstance(case, tuple) else (case,) for case in make(np.random.default_rng(0))]
        fit = [case for case in cases if _special(case[0]) <= {*self.accepts}]
        if not fit:
            expected = " or ".join(dict.fromkeys(f"({', '.join(sorted(_special(case[0])))})" for case in cases))
            raise Unclear(f"expected {self.name} to take {expected}, got ({', '.join(self.accepts)})")
        return fit

    def _options(self, own: Any) -> dict[str, Any]:
        return {name: value for name, value in own.hyper.items() if name in self.accepts}

    def _turned(self, layer: Layer, a: Array, x: str, names: dict[str, str]) -> bool:
        """Whether the submission's weight is (in, out): where it fails with the one and runs with the other."""
        for turned in (False, True):
            given = {names[n]: p.T.copy() if turned and n == "weight" else p for n, p in layer.params.items()}
            try:
                self.child.ask("forward", {x: a, **given}, piece=self.name, options={})
            except Failed:
                continue
            if turned:
                self.finding.form += f", {names['weight']} is (in, out)"
            return turned
        return False


def _special(own: Any) -> set[str]:
    """The hyperparameters that are not at their defaults, but for sizes."""
    defaults = type(own).__dataclass_fields__
    return {n for n, v in own.hyper.items() if n in defaults and defaults[n].default != v and not n.endswith("_features")}


def _trouble(quantity: str, verdict: str) -> Comparison:
    return Comparison("", quantity, "", (), np.inf, np.inf, verdict)


def _under(prefix: str, arrays: dict[str, Array]) -> dict[str, Array]:
    return {name.removeprefix(f"{prefix}:"): a for name, a in arrays.items() if name.startswith(f"{prefix}:")}
