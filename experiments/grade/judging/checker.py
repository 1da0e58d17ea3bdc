"""Check every piece of a file, each by what its form asks for (twins.py, networks.py, checked.py)."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from experiments.grade.findings import Finding, Report, Row, rows_of
from experiments.grade.judging import networks, optimizers, twins
from experiments.grade.judging.factor_convention import common_factor
from experiments.grade.judging.piece_under_check import Checked
from experiments.grade.judging.proxy import Gone, Trouble
from experiments.grade.process.protocol import Fault
from experiments.grade.process.sandbox import Failed, Sandboxed, Unclear
from torch_ref.comparison.check_backward import Observed, judge
from torch_ref.comparison.verdict import AGREES, DIFFERS, NOT_JUDGED

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
            return Report(path.name, [], f"{NOT_JUDGED}: {why}")
        except Fault as fault:
            return Report(path.name, [], f"{NOT_JUDGED}: the checker itself fails on it: {fault}")
        findings = [check_piece(child, piece, device) for piece in offers]
        findings += _overlooked(child)
        if not findings:
            return Report(path.name, [], f"{NOT_JUDGED}: it offers nothing that could be; {EXPECTED}")
        if child.imports_torch and not any(piece["form"] == "autograd" for piece in offers):
            row = Row("import", NOT_JUDGED, reason="it imports torch, where NumPy was the task")
            findings.append(Finding(path.name, "the whole file", rows=[row]))
    return Report(path.name, findings)


def check_piece(child: Sandboxed, piece: dict[str, Any], device: str) -> Finding:
    """Check one piece. Whatever it does, there is a row for it, or why there can be none."""
    checked = Checked(child, piece, device)
    finding = checked.finding
    try:
        child.begin()
        FORMS[checked.form](checked)
    except Unclear as why:
        finding.not_judged = str(why)
    except Gone:
        pass  # of what, is said below
    except Failed as why:
        checked.fail("all", Trouble(str(why), why.wrong))
    except Exception as error:  # an answer that nobody thought of
        finding.not_judged = f"the checker itself fails on it: {type(error).__name__}: {error}"
    if child.dead and not finding.not_judged:
        finding.not_judged = child.dead
    checked.by_convention(common_factor(checked.stand_in.measured))
    checked.in_float64_first()
    rows = [replace(row, remark=checked.remarks.get(row.quantity, "")) for row in rows_of(checked.settled())]
    finding.rows = [*rows, *_conduct(child)]
    if not checked.comparisons and not finding.not_judged:
        finding.not_judged = "there is nothing to compare"
    return finding


def _conduct(child: Sandboxed) -> Iterator[Row]:
    """A row for what a method did besides its answer."""
    for method, said, is_remark in child.conduct:
        yield Row(method, AGREES, 0, 0, remark=said) if is_remark else Row(method, DIFFERS, reason=said)


def _overlooked(child: Sandboxed) -> Iterator[Finding]:
    """What looks like a piece, is none that is known, and did not run in one: it was not judged, and that is said."""
    with suppress(Failed):
        child.begin()
        for name, form in child.ask("overlooked")[0]["overlooked"].items():
            yield Finding(name, form, not_judged="this form is not known; --help says which are")


def autograd(checked: Checked) -> None:
    """A torch.autograd.Function against the reference beside it."""
    checked.finding.against = "its reference"
    checked.finding.tolerance = "not derived: twice torch's own error at the same dtype"
    header, arrays = checked.child.ask("observe", piece=checked.name, device=checked.device)
    observed = [
        Observed(place, quantity, trouble, {k.partition(":")[2]: a for k, a in arrays.items() if k.startswith(f"{i}:")})
        for i, (place, quantity, trouble) in enumerate(header["observed"])
    ]
    checked.comparisons += judge(observed, checked.device).comparisons


FORMS = {
    "layer": twins.layer,
    "functions": twins.functions,
    "loss": twins.loss,
    "optimizer": optimizers.optimizer,
    "network": networks.network,
    "autograd": autograd,
}
