"""Check every piece of a file, each by what its form asks for (twins.py, optimizers.py, networks.py)."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from threading import Thread

import numpy as np

from experiments.grade.errors import Failed, Fault, Gone, Unclear
from experiments.grade.findings import Finding, Report, Row
from experiments.grade.forms.told import Told
from experiments.grade.forms.torch_names import torch_may_have
from experiments.grade.judging.against_truth import against_truth
from experiments.grade.judging.checked_piece import CheckedPiece
from experiments.grade.judging.factor_convention import IN_THE_LAYERS, common_factor, divided_in_layers
from experiments.grade.judging.proxies import Trouble
from experiments.grade.judging.rules import rule
from experiments.grade.process.answers import Arrays, Description
from experiments.grade.process.requests import ObserveFunction, Overlooked
from experiments.grade.process.sandbox import Sandboxed
from experiments.grade.repairs.told import tell_repairs
from experiments.grade.task.assignment import Expected, Task
from experiments.grade.task.expected import as_expected, is_another
from torch_ref.comparison.verdict import AGREES, DIFFERS, NOT_JUDGED, Comparison

EXPECTED = (
    "expected a layer, loss or optimizer class, functions forward(x, …) and backward(delta, …), "
    "backward(W1, b1, …, x, y), or a torch.autograd.Function with reference(…)"
)

ITSELF = "the checker itself fails on it"
NOTHING = f"{NOT_JUDGED}: no backward is found in it"


def check(
    path: Path,
    timeout: float,
    device: str,
    paths: Sequence[str] = (),
    told: Told | None = None,
    adapter: str = "",
    task: Task | None = None,
) -> Report:
    """Check every piece of a file, whose imports are also found in these folders, or those of its adapter; what the
    task expects, as that."""
    with Sandboxed(path, timeout, paths, told, adapter) as child:
        try:
            pieces, left_out = child.begin(), child.left_out
        except Failed as why:
            return Report(path.name, [], f"{NOT_JUDGED}: {why}", died=child.died)
        except Fault as fault:
            return Report(path.name, [], f"{NOT_JUDGED}: {ITSELF}: {fault}")
        if any(p.judging not in ("truth", "rule") or torch_may_have(p.name) for p in pieces if p.judging != "autograd"):
            Thread(target=import_module, args=("torch",)).start()  # while the child runs
        found = [check_piece(child, piece, device, task and task.of(piece.name)) for piece in pieces]
        for i in divided_in_layers([checked.observed for checked in found]):
            found[i].by_convention(IN_THE_LAYERS)
        for checked in found:
            checked.tell_rows()
        findings = [checked.finding for checked in found]
        if child.told.loss and not any("cost" in finding.form for finding in findings):
            left_out = [*left_out, f"loss={child.told.loss}, which no piece asks for"]
        left_out = [*left_out, *_overlooked(child, findings)]
        if not findings:
            expected = EXPECTED if path.read_bytes().strip() else "the file is empty"
            why = "; left out: ".join([f"{NOTHING}; {expected}", *left_out[:1]])
            return Report(path.name, [], why, left_out)
        if child.imports_torch and not any(piece.judging == "autograd" for piece in pieces):
            row = Row("import", NOT_JUDGED, reason="it imports torch, where NumPy was the task")
            findings.append(Finding(path.name, "the whole file", rows=[row]))
        report = Report(path.name, findings, left_out=left_out, died=child.died)
        tell_repairs(child, found)
    return report


def check_piece(child: Sandboxed, piece: Description, device: str, expected: Expected | None = None) -> CheckedPiece:
    """Check one piece. Whatever it does, there is a row for it, or why there can be none."""
    checked = CheckedPiece(child, piece, device, expected)
    finding = checked.finding
    try:
        child.begin()
        JUDGED_BY[piece.judging](checked)
        finding.not_judged = finding.not_judged or is_another(checked)
    except Unclear as why:
        finding.not_judged = str(why)
    except Gone:
        pass  # of what, is said below
    except Failed as why:
        checked.fail("all", Trouble(str(why), why.wrong))
    except Exception as error:  # an answer that nobody thought of
        finding.not_judged = f"{ITSELF}: {type(error).__name__}: {error}"
    if not child.told.fits(finding.form):
        finding.not_judged = f"the file says {child.told.layout}, which it does not run on"
    if child.dead and not finding.not_judged:
        finding.not_judged = child.dead
    checked.comparisons = as_expected(checked)
    checked.by_convention(common_factor(checked.proxies.measured))
    checked.in_float64_first()
    checked.conduct = [*_conduct(child)]
    if not checked.comparisons and not finding.not_judged:
        finding.not_judged = "there is nothing to compare"
    return checked


def _conduct(child: Sandboxed) -> Iterator[Row]:
    """A row for what a method did besides its answer."""
    for note in child.conduct:
        yield (
            Row(note.method, AGREES, 0, 0, remark=note.said)
            if note.is_remark
            else Row(note.method, DIFFERS, reason=note.said)
        )


def _overlooked(child: Sandboxed, findings: list[Finding]) -> Iterator[str]:
    """Add what was not judged: what looks like a piece, is none that is known, and did not run in one; and each branch
    that never ran and may make other gradients, or step that was not tried. What else never ran is said."""
    try:
        child.begin()
        found = child.ask(Overlooked())
    except Unclear as why:
        findings.append(Finding(child.path.name, "the whole file", not_judged=str(why)))
        return
    except Failed:
        return
    except Fault as fault:
        findings.append(Finding(child.path.name, "the whole file", not_judged=f"{ITSELF}: {fault}"))
        return
    for name, form in found.forms.items():
        findings.append(Finding(name, form, not_judged="this form is not known; --forms lists those that are"))
    for name, why in found.unused.items() if not child.died else ():  # another process does not know what it was for
        findings.append(Finding(name, "examples of the file", not_judged=f"it was not used: {why}"))
    for branch in found.never_run:
        if not branch.counts:
            yield f"line {branch.line} of {branch.owner}: {branch.why}"
            continue
        owner = next((f for f in findings if f.name == branch.owner), None)
        if owner is None:
            findings.append(owner := Finding(branch.owner, "helper"))
        owner.rows.append(Row(f"line {branch.line}", NOT_JUDGED, reason=branch.why, line=branch.line))


def autograd(checked: CheckedPiece) -> None:
    """What torch differentiates by a backward of the file's, against what it differentiates by itself."""
    from torch_ref.comparison.functions.judge import Observed, judge

    found = checked.child.ask(ObserveFunction(checked.name, checked.device))
    checked.finding.against = found.against
    observed = [
        Observed(o.place, o.quantity, o.trouble, o.arrays, o.why_measured, "", o.offered, o.only_where, wrong=o.wrong)
        for o in found.quantities
    ]
    parity = judge(observed, checked.device)
    checked.finding.tolerance = parity.source.removeprefix("the tolerance ").removeprefix("is ")
    of_place = {(o.quantity, o.place): o.arrays for o in found.quantities if o.arrays}
    checked.comparisons += [_in_place(c, of_place) if c.differs and not c.cause else c for c in parity.comparisons]


def _in_place(c: Comparison, of_place: dict[tuple[str, str], Arrays]) -> Comparison:
    """The comparison, and of which other gradient ours are the numbers, if they are one's in every element."""
    ours = of_place.get((c.quantity, c.place), {}).get("ours")
    for (other, place), arrays in of_place.items():
        expected, allowed = arrays["expected"], arrays["allowed"]
        if ours is None or (other, place) == (c.quantity, c.place) or place != c.place or expected.shape != ours.shape:
            continue
        if other.startswith("d") and expected.any() and np.all(np.abs(ours - expected) <= allowed):
            return replace(c, cause=f"this is {other}, in {c.quantity}'s place")
    return c


def beside_torch(module: str) -> Callable[[CheckedPiece], None]:
    """How a module beside this one judges a piece; it is loaded then, as it loads torch."""

    def judge(checked: CheckedPiece) -> None:
        getattr(import_module(f"{__package__}.{module}"), checked.judging)(checked)

    return judge


JUDGED_BY = {
    "truth": against_truth,
    "rule": rule,
    **dict.fromkeys(("layer", "functions", "loss"), beside_torch("twins")),
    "optimizer": beside_torch("optimizers"),
    "network": beside_torch("networks"),
    "autograd": autograd,
}
"""How a piece is judged, by what its form says."""
