"""Small files after public reports and conventions: each gets what cases/verdicts/index.toml says.

The same index says what a file that is not judged today must get once its form is known, as `after_forms`.
"""

import tomllib
from pathlib import Path

import pytest

from parity_tests.conftest import few
from parity_tests.grade.checking import not_judged, remarks, rows

CASES = Path(__file__).parents[2] / "cases" / "verdicts"
INDEX = {case.pop("file"): case for case in tomllib.loads((CASES / "index.toml").read_text("utf-8"))["file"]}
ALWAYS = (
    "04b_ce_log0_bug", "05c_fast_sigmoid_bug", "06_bn_bug", "25_stateful_linear_fix",
    "25d_ce_ignore2_bug",
    "30_accumulate_fix", "34b_lrelu_at_zero_fix", "49_layer_grad_in_self_bug", "51_bn_bias_zero_fix",
)  # fmt: skip
"""One of each kind; the others are slow together."""
STATUS = {"agrees": 0, "convention": 0, "differs": 1, "not judged": 2}


def test_every_case_is_in_the_index():
    assert {path.name for path in CASES.glob("*.py")} == INDEX.keys()
    assert {case["verdict"] for case in INDEX.values()} == STATUS.keys()


@pytest.mark.parametrize(
    "name", [n if Path(n).stem in ALWAYS else pytest.param(n, marks=pytest.mark.slow) for n in INDEX]
)
def test_a_case_gets_its_verdict(name, run):
    verdict, remark = INDEX[name]["verdict"], INDEX[name].get("remark", "")
    status, result = run(CASES / name)
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


STRICT = [n for n, case in INDEX.items() if case["verdict"] == "convention" or "remark" in case]


@pytest.mark.parametrize("name", few(STRICT))
def test_a_convention_or_a_remark_differs_by_the_measure_of_strict(name, run):
    status, result = run(CASES / name, "--strict")
    assert status == 1
    assert "quantities differ" in result["verdict"]


def test_a_number_that_no_gradient_came_back_for_is_said(run):
    _, result = run(CASES / "62_generator_fix.py")
    assert [finding["form"] for finding in result["findings"]] == ["functions, without a gradient of p"]
