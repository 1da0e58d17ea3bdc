"""Check every piece of a file, each by what its form asks for (twins.py, networks.py, checked.py)."""

from pathlib import Path
from typing import Any

from experiments.checking import networks, twins
from experiments.checking.checked import Checked
from experiments.checking.findings import Finding, Report, Row, rows_of
from experiments.checking.sandboxed import Failed, Sandboxed, Unclear
from experiments.checking.standin import Gone
from experiments.checking.wire import Fault
from torch_ref.check_backward import Observed, judge, judged

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
        except Fault as fault:
            return Report(path.name, [], f"cannot be checked: the checker itself fails on it: {fault}")
        if not offers:
            return Report(path.name, [], f"cannot be checked: it offers nothing that could be; {EXPECTED}")
        findings = [check_piece(child, piece, device) for piece in offers]
        if child.imports_torch and not any(piece["form"] == "autograd" for piece in offers):
            row = Row("import", "imports torch, where NumPy was the task")
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
        finding.unchecked = str(why)
    except Gone:
        pass  # of what, is said below
    except Failed as why:
        checked.fail("all", str(why))
    except Exception as error:  # an answer that nobody thought of
        finding.unchecked = f"the checker itself fails on it: {type(error).__name__}: {error}"
    if child.dead and all(c.agrees for c in checked.comparisons):
        checked.fail("all", child.dead)
    finding.rows = [*rows_of(judged(checked.comparisons)), *[Row(method, verdict) for method, verdict in child.conduct]]
    if not checked.comparisons and not finding.unchecked:
        finding.unchecked = "there is nothing to compare"
    return finding


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
    "optimizer": twins.optimizer,
    "network": networks.network,
    "autograd": autograd,
}
