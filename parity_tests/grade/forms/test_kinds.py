"""What people write, in small: a case of cases/kinds/ is right and judged whole, and each of its edits differs; a case
of cases/judged/ gets what it says. (What a case may say: `assert_judged`.)
"""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from parity_tests.bugs.planted import planted
from parity_tests.conftest import few
from parity_tests.grade.checking import assert_judged, not_judged

CASES = Path(__file__).parents[2] / "cases"


def of(folder: str, key: str) -> dict[str, dict[str, Any]]:
    """The cases of all tables in a folder, by their names."""
    tables = sorted((CASES / folder).glob("*.toml"))
    return {case["name"]: case for table in tables for case in tomllib.loads(table.read_text("utf-8"))[key]}


KINDS, JUDGED = of("kinds", "kind"), of("judged", "file")


@pytest.mark.parametrize("case", [*few(KINDS.values(), 8), *JUDGED.values()], ids=lambda case: case["name"])
def test_a_file_is_judged_as_its_case_says_and_so_is_each_edit_of_it(case, run):
    nothing_is_left = {} if "status" in case else {"status": 0, "not_judged": []}
    assert_judged(nothing_is_left | case, run(case["source"])[1])
    for edit in case.get("edit", []):
        changes = edit.get("changes") or [(edit["right"], edit["wrong"])]
        assert_judged({"status": 1} | edit, run(planted(case["source"], *changes))[1])


HUBER = "np.mean(np.where(abs(y - p) <= delta, (y - p) ** 2 / 2, delta * (abs(y - p) - delta / 2)))"
COSTS_ALONE = {
    "huber_loss(y, p, delta=1.0)": HUBER,
    "log_cosh(p, y)": "np.sum(np.log(np.cosh(p - y)))",
    "rmse(p, y)": "np.sqrt(np.mean((p - y) ** 2))",
    "hinge_loss(y, p)": "np.mean(np.maximum(0, 1 - y * p))",
    "kl_divergence(p, q)": "np.sum(p * np.log(p / q))",
    "mse_loss(labels, p, count=10)": "np.mean((np.eye(count)[labels] - p) ** 2)",
}
NOT_AS_NAMED = {
    "huber_loss(y, p, delta=1.0)": HUBER.replace(" - delta / 2", ""),
    "rmse_loss(p, y)": "np.mean((p - y) ** 2)",
    "mean_squared_loss(p, y)": "np.mean(abs(p - y))",
}


@pytest.mark.parametrize("name", few(COSTS_ALONE, 2))
def test_a_cost_alone_is_one_of_the_usual_ones(name, run):
    assert run(f"import numpy as np\ndef {name}: return {COSTS_ALONE[name]}")[0] == 0


@pytest.mark.parametrize("name", NOT_AS_NAMED)
def test_a_cost_alone_that_is_another_than_its_name_says_is_not_judged(name, run):
    source = "import numpy as np\ndef relu(x): return np.maximum(x, 0)\ndef relu_derivative(x): return x > 0\n"
    status, result = run(f"{source}def {name}: return {NOT_AS_NAMED[name]}")
    assert status == 2
    assert "this form is not known" in str(not_judged(result))
