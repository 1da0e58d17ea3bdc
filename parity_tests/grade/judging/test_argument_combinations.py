"""`python -m experiments.grade`: every argument that torch's class has, too, is exercised, alone and in pairs."""

import tomllib
from pathlib import Path

import pytest

from parity_tests.bugs.planted import planted
from parity_tests.conftest import few
from parity_tests.grade.checking import failing, not_judged, verdicts

CASES = Path(__file__).parents[2] / "cases" / "arguments.toml"
CLASSES = {kind["name"]: kind for kind in tomllib.loads(CASES.read_text("utf-8"))["kind"]}
"""Right classes, by hand, that take what torch's of the same name take, and edits that are wrong at one argument."""
MUTATIONS = {f"{name}: {edit['wrong']}": (name, edit) for name, kind in CLASSES.items() for edit in kind["edit"]}


@pytest.mark.parametrize("some", [[*CLASSES][:8], [*CLASSES][8:]], ids=["layers and losses", "optimizers"])
def test_a_class_that_is_right_at_all_arguments_agrees(some, run):
    status, result = run("---".join(["import numpy as np", *(CLASSES[name]["source"] for name in some)]))
    assert status == 0, (not_judged(result), failing(result))
    assert {finding["name"] for finding in result["findings"]} == {*some}
    remarks = {f["name"] for f in result["findings"] for row in f["rows"] if "reduction='none'" in row["remark"]}
    assert remarks == {"HuberLoss", "CrossEntropyLoss"} & {*some}  # which need not take it


@pytest.mark.parametrize("mutation", few(MUTATIONS, 8))
def test_a_class_that_is_wrong_at_one_argument_differs(mutation, run):
    name, edit = MUTATIONS[mutation]
    status, result = run(f"import numpy as np---{planted(CLASSES[name]['source'], (edit['right'], edit['wrong']))}")
    assert status == 1, result["verdict"]
    assert "differs" in verdicts(result).values()
