"""What courses' systems and builds read: always valid, whatever the file is."""

import csv
import json
import os
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from functools import partial
from pathlib import Path

import pytest

from experiments.grade import command as check
from experiments.grade.findings import Finding, Report, Row
from experiments.grade.shown.systems import as_csv, gradescope, junit
from torch_ref.comparison.verdict import NOT_JUDGED

HOSTILE = '=<b>"&\x1b[31m\x00]]>'
RIGHT, WRONG = (
    Row("dx", "agrees", 0, 0.1),
    Row("dW", "differs", 1, 9e9, "times 2", ours=2.0, expected=1.0, index=[0, 1]),
)
REPORT = Report(
    HOSTILE,
    [
        Finding("right", "functions", rows=[RIGHT]),
        Finding(HOSTILE, "functions", rows=[RIGHT, WRONG]),
        Finding("open", "functions", rows=[RIGHT], not_judged=HOSTILE),
    ],
)
NOTHING = Report("a.py", [], f"{NOT_JUDGED}: {HOSTILE}")


def test_gradescope_gets_a_test_for_each_piece_with_its_points():
    result = json.loads(gradescope(REPORT))
    assert [(t["score"], t["max_score"], t["visibility"]) for t in result["tests"]] == [
        (1.0, 1.0, "visible"), (0.5, 1.0, "visible"), (0.0, 1.0, "visible")
    ]  # fmt: skip
    assert "expected 1, got 2 at [0, 1]; off by a factor of exactly 2" in result["tests"][1]["output"]
    (test,) = json.loads(gradescope(NOTHING))["tests"]
    assert (test["score"], test["max_score"]) == (0.0, 1.0)
    assert test["output"].startswith(NOT_JUDGED)


@pytest.mark.parametrize("report", [REPORT, NOTHING], ids=["judged", "nothing"])
def test_what_is_written_is_valid_and_one_line_where_it_must_be(report):
    suite = ET.fromstring(junit(report))
    assert int(suite.attrib["tests"]) == len(suite) == max(len(report.findings), 1)
    kinds = [child.tag for case in suite for child in case]
    assert kinds == (["failure", "error"] if report is REPORT else ["error"])
    assert [int(suite.attrib[f"{kind}s"]) for kind in ("failure", "error")] == [
        kinds.count("failure"),
        kinds.count("error"),
    ]
    header, row = csv.reader(as_csv(report).splitlines())
    assert len(header) == len(row)
    assert not row[0].startswith("=")


@pytest.mark.usefixtures("run")
@pytest.mark.parametrize("kind", ["gradescope", "junit", "json", "html", "csv"])
def test_every_format_is_written_of_a_file_of_which_nothing_can_be_judged(kind, tmp_path, capsys):
    path = tmp_path / "a.py"
    path.write_text("def f(:")
    assert check.main([str(path), "--format", kind]) == 2
    out, err = capsys.readouterr()
    assert err == ""
    assert "SyntaxError" in out
    if kind in ("gradescope", "json"):
        json.loads(out)


TEACH = Path(__file__).parents[3] / "docs" / "teach"


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
@pytest.mark.parametrize(("source", "has_a_task", "score"), [
    pytest.param("linear_first_example.py", False, 0.75, marks=pytest.mark.slow),
    pytest.param("linear_right.py", False, 1.0, marks=pytest.mark.slow),
    ("linear_first_example.py", True, 3.0),
])  # fmt: skip
def test_the_autograder_writes_the_results_that_gradescope_reads(source, has_a_task, score, tmp_path):
    (tmp_path / "submission").mkdir()
    if has_a_task:
        (tmp_path / "source").mkdir()
        (tmp_path / "source" / "task.toml").write_text("[[piece]]\nexpect = 'linear'\npoints = 4\n")
    own = {"AUTOGRADER": str(tmp_path), "CHECK": f"{sys.executable} -m experiments.grade"}
    run = partial(subprocess.run, ["bash", str(TEACH / "run_autograder")], env=os.environ | own, check=True)
    run()
    missing = json.loads((tmp_path / "results" / "results.json").read_text("utf-8"))
    assert missing["score"] == 0
    assert "was not submitted" in missing["output"]
    shutil.copy(Path(check.__file__).parent / "examples" / source, tmp_path / "submission" / "hand_in.py")
    run()
    (test,) = json.loads((tmp_path / "results" / "results.json").read_text("utf-8"))["tests"]
    assert (test["score"], test["max_score"]) == (score, 4 if has_a_task else 1)
    for script in ("run_autograder", "setup.sh"):
        subprocess.run(["bash", "-n", str(TEACH / script)], check=True)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
def test_the_workflow_fails_where_something_differs_and_writes_what_a_build_reads(tmp_path):
    *_, step = (line for line in (TEACH / "check.yml").read_text("utf-8").splitlines() if "- run:" in line)
    command = step.partition("- run:")[2].replace("backprop-check", f"{sys.executable} -m experiments.grade")
    shutil.copy(Path(check.__file__).parent / "examples" / "linear_first_example.py", tmp_path / "hand_in.py")
    own = os.environ | {"PYTHONPATH": str(TEACH.parents[1])}
    ran = subprocess.run(["bash", "-eo", "pipefail", "-c", command], cwd=tmp_path, env=own, stdout=subprocess.DEVNULL)
    assert ran.returncode == 1  # which ends the build
    assert ET.parse(tmp_path / "junit.xml").getroot().attrib["failures"] == "1"
