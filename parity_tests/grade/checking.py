"""What the tests of `python -m experiments.grade` share: files that are right, and how to read what was found."""

import json
from textwrap import dedent
from typing import Any

from experiments.grade.findings import strictly
from experiments.grade.pages import from_json
from torch_ref.comparison.verdict import VERDICTS

RIGHT = """
    import os, sys, time
    import numpy as np
    def sigmoid_forward(z): return 1 / (1 + np.exp(-z))
    def sigmoid_backward(delta, a): return delta * a * (1 - a)
    def relu_forward(x): return np.maximum(x, 0), x
    def relu_backward(delta, x): return delta * (x > 0)
"""
"""Two pairs of functions. What is defined again after it stands in place of these."""
ALL_OF_RIGHT = [("sigmoid", "y"), ("sigmoid", "dx"), ("relu", "y"), ("relu", "dx")]

Result = dict[str, Any]


def source_of(*parts: str) -> str:
    """A file of these parts, each dedented; "---" parts them, too."""
    return "\n".join(dedent(part) for whole in parts for part in whole.split("---"))


def rows(result: Result) -> list[tuple[str, Any]]:
    """Every row, and the piece that it is of."""
    return [(finding["name"], row) for finding in result["findings"] for row in finding["rows"]]


def verdicts(result: Result) -> dict[tuple[str, str], str]:
    """The verdict on each quantity of each piece."""
    return {(name, row["quantity"]): row["verdict"] for name, row in rows(result)}


def agreeing(result: Result) -> list[tuple[str, str]]:
    """The quantities that agree."""
    return [key for key, verdict in verdicts(result).items() if verdict == "agrees"]


def failing(result: Result) -> dict[str, str]:
    """What is said of each quantity that does not agree."""
    found = {row["quantity"]: row for _, row in rows(result) if row["verdict"] != "agrees"}
    return {quantity: f"{row['verdict']}: {row['reason']}; {row['cause']}" for quantity, row in found.items()}


def remarks(result: Result) -> dict[tuple[str, str], str]:
    """The remarks on what agrees."""
    return {(name, row["quantity"]): row["remark"] for name, row in rows(result) if row["remark"]}


def not_judged(result: Result) -> dict[str, str]:
    """Why a piece was not judged, or not wholly."""
    return {finding["name"]: finding["not_judged"] for finding in result["findings"] if finding["not_judged"]}


def assert_judged(case: dict[str, Any], result: Result) -> None:
    """What a case of a table says of its file is what was found: the exit `status`, or the one under --strict; which
    quantities ("relu.dx") agree, differ, are a convention, or are `open`; which pieces were `not_judged`; the remarks;
    what was `left_out`; and texts that are to stand in a line of what it `says`, or in none (`unsaid`).
    """
    by_verdict = {
        name: sorted(".".join(key) for key, verdict in verdicts(result).items() if verdict == which)
        for name, which in zip(("agrees", "convention", "differs", "open"), VERDICTS, strict=True)
    }
    found = by_verdict | {
        "status": result["status"],
        "strict": strictly(from_json(json.dumps(result))).status,
        "not_judged": sorted(not_judged(result)),
        "remarks": {".".join(key): remark for key, remark in remarks(result).items()},
        "left_out": result["left_out"],
    }
    lines = [result["verdict"], *result["left_out"]]
    for finding in result["findings"]:
        said = (finding[key] for key in ("not_judged", "form", "against", "tolerance"))
        lines.append(f"{finding['name']} not judged: {'; '.join(said)}")
    lines += [
        f"{name}.{row['quantity']} {row['verdict']}: {row['reason']}; {row['cause']}" for name, row in rows(result)
    ]
    expected = {key: value for key, value in case.items() if key in found}
    assert expected == {key: found[key] for key in expected}, "\n".join(lines)
    for text in case.get("says", []):
        assert any(text in line for line in lines), "\n".join(lines)
    for text in case.get("unsaid", []):
        assert not any(text in line for line in lines), "\n".join(lines)
