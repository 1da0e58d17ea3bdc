"""A row in a student's words: how far off it is, where, and a hint that leaves the answer to find."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np

from experiments.grade.findings import Report, Row
from experiments.grade.hand_ins import read
from experiments.grade.shown.lines import line_of
from torch_ref.comparison.verdict import AGREES, CONVENTION, DIFFERS, NOT_JUDGED

SIGNS = {AGREES: "✓", CONVENTION: "≈", DIFFERS: "✗", NOT_JUDGED: "?"}
"""Of the verdicts, so that none is known by its colour alone."""
LEVELS = ("none", "cause", "full")
"""Of what is said of a difference: that it is one; a hint and what it looks like; where, with the numbers."""
HINTS = (
    (r" in line \d+", "It stops there before it returns: call it on a small input of your own."),
    (r"shape", "Compare the shape of what you return with that of what it is the derivative of."),
    (r"times −1|wrong sign", "Follow the signs: what grows when this grows?"),
    (r"\+=|assign", "What stood there before, and is it to be kept?"),
    (r": a (sum|mean)", "Which sum or mean does the forward take, and over what?"),
    (r"times", "All of it is off by one factor: which sum or mean does the cost take, and over what?"),
    (r"first example|last example|one example", "Compare a batch of one example with a batch of two."),
    (
        r"large inputs|not finite|overflow|\b(nan|inf)\b",
        "Try inputs of 1000, −1000 and 0: which of your steps overflows, or divides by 0?",
    ),
    (r"calls? again|changes ", "Call it twice and compare; look for what is changed in place."),
    (r"bool", "It gives true and false where numbers belong: what does delta do there?"),
    (r"dtype float(16|32)", "Look for a cast to a smaller float, or an array that is made as one."),
    (r"float32", "Look for a constant or an array that is made as float64."),
    (r"updated", "Which parameters does the backward need: those before the step, or those after it?"),
    (r"σ'|slope|mask", "At which value is the slope of the activation taken, and where is it 0?"),
    (r"axis|axes", "What does one element reach, and which axes run over that?"),
    (r"in place of|transpose|swapped|turned", "Write down which quantity each of your names stands for."),
)
"""What to look at, by what is known of a difference; the first that fits."""
OF_QUANTITY = {
    "y": "The forward itself differs: check it on numbers that you can work out by hand.",
    "cost": "The cost itself differs: check it on numbers that you can work out by hand.",
    "dx": "Move one input a little and watch the output: which paths lead from it to the cost?",
    "dbias": "Which outputs, of which examples, does one bias reach?",
    "dweight": "Which outputs does one weight reach, and in which examples?",
}
OTHERWISE = "Move one number a little, and compare the change of the cost with what you return."


def factor(cause: str) -> str:
    """A cause that is a factor, as a student says it."""
    found = re.fullmatch(r"(?:a convention: .*, )?times (.+)", cause)
    return f"off by a factor of exactly {found[1]}" if found else cause


def came(row: Row) -> str:
    """What was expected and what came, and at which index; "" where nothing was compared."""
    if row.ours is None or row.expected is None:
        return ""
    at = f" at [{', '.join(map(str, row.index))}]" if row.index else ""
    pairs = ((f"{row.expected:.{digits}g}", f"{row.ours:.{digits}g}") for digits in range(6, 18))
    expected, ours = next(((a, b) for a, b in pairs if a != b), (f"{row.expected:.6g}", f"{row.ours:.6g}"))
    return f"expected {expected}, got {ours}{at}"


def line(row: Row) -> str:
    """The line that makes the quantity; "" where that is not known, or what is said of the row names it already."""
    return f"line {row.line}" if row.line and not re.search(rf"line {row.line}\b", f"{row.cause} {row.said}") else ""


def hint(row: Row) -> str:
    """What to look at; "" where nothing is wrong."""
    if not row.differs:
        return ""
    known = f"{row.cause} {row.reason}"
    return next((h for pattern, h in HINTS if re.search(pattern, known)), OF_QUANTITY.get(row.quantity, OTHERWISE))


def explained(report: Report, path: Path, level: str) -> Report:
    """The report with what this level says of each quantity that differs."""
    source = read(path).decode("utf-8", "replace") if path.suffix == ".py" and report.status == 1 else ""

    def explain(piece: str, row: Row) -> Row:
        if level == "full":
            said = ". ".join(filter(None, [row.hint, hint(row)]))
            line = row.line or line_of(source, piece, row.quantity)
            return replace(row, hint=said, line=line) if row.differs else row
        row = replace(row, index=None, ours=None, expected=None, inputs="", line=None, hint="")
        if level == "cause" or not row.differs:
            return replace(row, hint=hint(row))
        return replace(row, cause="", reason="", difference=np.inf, ratio=np.inf)

    findings = [replace(f, rows=[explain(f.name, row) for row in f.rows]) for f in report.findings]
    return replace(report, findings=findings)
