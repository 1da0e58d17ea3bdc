"""Small files after public reports and conventions: each gets what cases/verdicts/index.toml says.

The same index says what a file that is not judged today must get once its form is known, as `after_forms`.
"""

import json
import tomllib
from pathlib import Path

import pytest

from experiments.grade.findings import strictly
from experiments.grade.pages import from_json
from parity_tests.bugs.planted import planted
from parity_tests.grade.checking import not_judged, remarks, rows

CASES = Path(__file__).parents[2] / "cases" / "verdicts"
INDEX = tomllib.loads((CASES / "index.toml").read_text("utf-8"))["file"]
EXPECTED = {case["file"]: case for case in INDEX}
EXPECTED |= {f"{case['file']}, wrong": edit | {"file": case["file"]} for case in INDEX for edit in case.get("edit", [])}
ALWAYS = (
    "ce_log0_bug.py", "fast_sigmoid_bug.py", "bn.py, wrong", "stateful_linear.py", "ce_ignore2_bug.py", "accumulate.py",
    "lrelu_at_zero.py", "layer_grad_in_self_bug.py", "bn_bias_zero.py", "dropout_mask.py",
)  # fmt: skip
"""One of each kind; the others are slow together."""
STATUS = {"agrees": 0, "convention": 0, "differs": 1, "not judged": 2}


def source(name: str) -> Path | str:
    """A file as it is, or the text of one that is wrong."""
    case = EXPECTED[name]
    path = CASES / case["file"]
    return planted(path.read_text("utf-8"), (case["right"], case["wrong"])) if "wrong" in case else path


def test_every_case_is_in_the_index():
    assert sorted(path.name for path in CASES.glob("*.py")) == sorted(case["file"] for case in INDEX)
    assert {case["verdict"] for case in EXPECTED.values()} == STATUS.keys()
    assert len(EXPECTED) == len(INDEX) + sum(len(case.get("edit", ())) for case in INDEX)


@pytest.mark.parametrize("name", [n if n in ALWAYS else pytest.param(n, marks=pytest.mark.slow) for n in EXPECTED])
def test_a_case_gets_its_verdict(name, run):
    verdict, remark = EXPECTED[name]["verdict"], EXPECTED[name].get("remark", "")
    status, result = run(source(name))
    assert status == STATUS[verdict]
    found = {row["verdict"] for _, row in rows(result)}
    if verdict == "not judged":
        reasons = [row["reason"] for _, row in rows(result) if row["verdict"] == verdict]
        reasons += not_judged(result).values()
        assert reasons
        assert all(reason and "\n" not in reason for reason in reasons)
        assert "differs" not in found
    else:
        assert verdict in found
        assert not remark or any(remark in said for said in remarks(result).values())
        strict = strictly(from_json(json.dumps(result)))
        assert strict.status == (1 if verdict == "convention" or remark else status)


def test_a_number_that_no_gradient_came_back_for_is_said(run):
    _, result = run(CASES / "generator.py")
    assert [finding["form"] for finding in result["findings"]] == ["functions, without a gradient of p"]
