"""The audit's table and findings, in Markdown."""

import json
from collections import Counter
from pathlib import Path
from statistics import median

import torch

from parity_tests.audit.judgement import BEYOND, DERIVED, MEASURED, NOT_JUDGED, Judged

WIDE = 1e-10
"""A derived tolerance above it, in float64, needs a reason."""
REASONS = 12
"""So many reasons are listed."""

HOW_TO_READ = (
    "A call is *derived* where torch lies within the tolerance that its reference's program gives, *beyond* where it",
    "does not, *measured* where none is derived, for the reason given. Torch's error is that of its gradient from the",
    "certified truth, in units in the last place of the gradient's largest element. Torch documents that max_unpool is",
    "undefined where an index is repeated, as in its own samples: that is no fault of its gradient.",
    "",
    "A module is a function of its inputs and parameters. An optimizer is three steps as a function of a parameter and",
    "of its gradients: its foreach and fused kernels are held to what is derived of its plain loop;",
    "`differentiable=True` is differentiated as well. Adam's first step is all but the gradient's sign, so that",
    "rounding leaves little of its derivative.",
)

Audit = dict[str, list[Judged]]


def read(path: Path) -> Audit:
    """What was found before, as it was written down."""
    return {n: [Judged(**j) for j in found] for n, found in json.loads(path.read_text("utf-8")).items()}


def summary(audit: Audit, of: int, what: str) -> list[str]:
    """The counts, a line each; `of` is how many there are, and `what` they are."""
    every = [j for found in audit.values() for j in found]
    outcomes = Counter(j.outcome for j in every)
    derived = sum(any(j.outcome == DERIVED for j in found) for found in audit.values())
    certified = sum(any(j.certified == "yes" for j in found) for found in audit.values())
    widths = [w for found in audit.values() if (w := relative(found)) is not None]
    version = torch.__version__.split("+")[0]
    return [
        f"{len(audit)} of {of} {what}, torch {version}, float64 and float32",
        f"those whose tolerance is derived: {derived}; whose gradient is certified: {certified}",
        f"samples: {len(every)}; " + "; ".join(f"{o}: {outcomes[o]}" for o in (DERIVED, BEYOND, MEASURED, NOT_JUDGED)),
        f"share of the samples not judged: {outcomes[NOT_JUDGED] / max(1, len(every)):.1%}",
        f"median by name of the relative tolerance, float64: {median(widths):.1e}" if widths else "nothing derived",
    ]


def relative(found: list[Judged]) -> float | None:
    """The median relative tolerance of an operator in float64."""
    widths = [w for j in found if j.dtype == "float64" for w in j.relative]
    return median(widths) if widths else None


def page(audit: Audit, of: int, what: str) -> str:
    """The whole page."""
    lines = ["# PyTorch audited", "", "Written by `make audit`.", ""]
    lines += [f"- {line}" for line in summary(audit, of, what)]
    lines += ["", *HOW_TO_READ, "", "## Findings", "", *_findings(audit)]
    lines += ["", "## Why not derived, not judged", "", *_reasons(audit, MEASURED), *_reasons(audit, NOT_JUDGED)]
    wide = [(n, w) for n, found in audit.items() if (w := relative(found)) is not None and w > WIDE]
    lines += ["", f"## Relative tolerance above {WIDE:g} in float64", ""]
    lines += [f"- {n}: {w:.1e}" for n, w in wide] or ["none"]
    lines += [
        "",
        "## All",
        "",
        "| what | outcome | certified | error (ULP) | of allowed | why not |",
    ]
    lines += ["| --- | --- | --- | --- | --- | --- |", *(_row(n, found) for n, found in sorted(audit.items()))]
    return "\n".join(lines) + "\n"


def _findings(audit: Audit) -> list[str]:
    lines: list[str] = []
    for operator, found in sorted(audit.items()):
        for kind in sorted({j.finding for j in found if j.finding}):
            these = [j for j in found if j.finding == kind]
            dtypes = ", ".join(sorted({j.dtype for j in these}))
            worst = max(j.ulps for j in these)
            said = f", at most {worst:.2g} ULP" if worst else ""
            lines += [f"### {operator}: {kind}", "", f"{dtypes}{said}; {len(these)} calls.", ""]
            shown = min((j.reproduction for j in these if j.reproduction), key=len, default="")
            lines += ["```python", *shown.split("\n"), "```", ""] if shown else []
    return lines or ["none"]


def _reasons(audit: Audit, outcome: str) -> list[str]:
    samples: Counter[str] = Counter()
    operators: dict[str, set[str]] = {}
    for operator, found in audit.items():
        for judged in found:
            if judged.outcome == outcome:
                why = _short(judged.why)
                samples[why] += 1
                operators.setdefault(why, set()).add(operator)
    most = samples.most_common(REASONS)
    lines = [f"- {outcome}: {why} ({n} samples of {len(operators[why])})" for why, n in most]
    rest = sum(samples.values()) - sum(n for _, n in most)
    return [*lines, f"- {outcome}: {rest} samples for other reasons, see the operators"] if rest else lines


def _short(why: str) -> str:
    return why.partition(": write one")[0].replace("|", "/").replace("\n", " ")[:90]


def _row(operator: str, found: list[Judged]) -> str:
    outcomes = Counter(j.outcome for j in found)
    said = ", ".join(f"{o} {n}" for o, n in sorted(outcomes.items())) or "no sample"
    known = [j for j in found if j.certified == "yes"]
    certified = f"{len(known)}" if known else "no"
    error = f"{max(j.ulps for j in known):.2g}" if known else ""
    allowed = max((j.of_allowed for j in found if j.outcome in (DERIVED, BEYOND)), default=None)
    why = next((_short(j.why) for j in found if j.why), "")
    if not known and not why:
        why = next((_short(j.certified) for j in found if j.certified), "")
    shown = "" if allowed is None else f"{allowed:.2g}"
    return f"| {operator} | {said} | {certified} | {error} | {shown} | {why} |"
