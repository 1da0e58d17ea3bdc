"""What `python -m experiments.grade` prints: a table, a page, the help, the template, and one line for an error."""

import re
from pathlib import Path

import numpy as np
import pytest

from experiments.grade import command as check
from experiments.grade import pages
from experiments.grade.findings import Finding, Report, Row, rows_of, strictly
from parity_tests.grade.checking import RIGHT, agreeing, failing, source_of, verdicts
from torch_ref.comparison.verdict import VERDICTS, Comparison

EXAMPLES = Path(check.__file__).parent / "examples"


def test_the_table_has_the_form_and_a_row_for_each_quantity(capsys):
    assert check.main([str(EXAMPLES / "linear_first_example.py")]) == 1
    head, columns, *rows, known, _, verdict = capsys.readouterr().out.splitlines()
    assert head == "linear: functions, against torch.nn.Linear; tolerance derived"
    assert columns.split("  ")[1] == "quantity"
    assert [row.split()[0] for row in rows] == ["y", "dx", "dweight", "dbias"]
    assert rows[-1].endswith("the gradient is that of the first example alone")
    assert re.search(r"^  dbias: expected .*, got .* at \[\d\], line 9\. Compare a batch", known)
    assert verdict == "linear_first_example.py: 1 of 4 quantities differ: linear dbias"


@pytest.mark.usefixtures("run")
def test_what_is_not_judged_is_in_the_table_and_not_an_error(tmp_path, capsys):
    path = tmp_path / "hand_in.py"
    path.write_text("def forward(x, k): return x\ndef backward(delta, k): return delta, k\n")
    for kind in ("text", "json", "html"):
        assert check.main([str(path), "--format", kind]) == 2
        out, err = capsys.readouterr()
        assert "forward" in out
        assert "not judged" in out or "not_judged" in out
        assert err == ""


def test_a_difference_is_shown_where_nothing_is_allowed():
    assert pages.distances(Row("dx", "differs", 0.25, np.inf)) == ("0.25", "")


def report(*rows, not_judged=""):
    return Report("a.py", [Finding("f", "functions", not_judged=not_judged, rows=[*rows])])


AGREES, CONVENTION, DIFFERS, NOT_JUDGED = (Row("dx", verdict) for verdict in VERDICTS)


@pytest.mark.parametrize(("found", "status", "result", "strict"), [
    (report(AGREES), 0, "agrees", 0),
    (report(AGREES, CONVENTION), 0, "convention", 1),
    (report(Row("dx", "agrees", remark="overflows")), 0, "agrees", 1),
    (report(AGREES, DIFFERS), 1, "differs", 1),
    (report(AGREES, NOT_JUDGED), 2, "not judged", 2),
    (report(CONVENTION, NOT_JUDGED), 2, "not judged", 1),
    (report(DIFFERS, NOT_JUDGED), 1, "differs", 1),
    (report(AGREES, not_judged="why"), 2, "not judged", 2),
    (report(DIFFERS, not_judged="why"), 1, "differs", 1),
    (report(not_judged="why"), 2, "not judged", 2),
    (report(), 2, "not judged", 2),
    (Report("a.py", [], "not judged: why"), 2, "not judged", 2),
])  # fmt: skip
def test_the_status_is_that_of_the_worst_row(found, status, result, strict):
    assert (found.status, found.result) == (status, result)
    assert strictly(found).status == strict
    again = pages.from_json(pages.as_json(found))
    assert (again, again.status, again.verdict) == (found, status, found.verdict)


def test_what_is_said_of_a_row_is_its_verdict_its_reason_and_its_remark():
    assert AGREES.said == "agrees"
    assert Row("dx", "not judged", reason="why").said == "not judged: why"
    assert Row("dx", "agrees", remark="overflows").said == "agrees; overflows"
    assert Row("dx", "differs", reason="shape", remark="overflows").said == "differs: shape; overflows"


def comparison(verdict, ratio=0.0, place="", dtype="float64", difference=0.0):
    return Comparison(place, "dx", dtype, (), difference, ratio, verdict)


def test_a_quantity_s_row_is_its_worst_comparison():
    in_order = [comparison(verdict, place=verdict) for verdict in ("differs", "not judged", "convention", "agrees")]
    for worst in range(3):
        (row,) = rows_of(in_order[worst:][::-1])
        assert (row.verdict, row.reason) == (in_order[worst].verdict, in_order[worst].place)
    (row,) = rows_of([comparison("agrees", 0.2), comparison("agrees", 0.7), comparison("agrees", 0.1)])
    assert (row.verdict, row.ratio) == ("agrees", 0.7)
    (row,) = rows_of([comparison("agrees"), comparison("differs", 3, dtype="float32")])
    assert row.reason == "in float32 alone"
    (row,) = rows_of([comparison("differs", np.inf, difference=np.nan)])
    assert row.reason == "it is not finite"


@pytest.mark.usefixtures("run")
def test_the_page_is_one_file_in_which_nothing_of_the_submission_is_markup(tmp_path, capsys):
    path = tmp_path / "hand_in.py"
    path.write_text(source_of(f"{RIGHT}---def relu_backward(delta, x): raise ValueError('<script>alert(1)</script>')"))
    assert check.main([str(path), "--format", "html"]) == 1
    page = capsys.readouterr().out
    assert page.startswith("<!DOCTYPE html>")
    assert "&lt;script&gt;" in page
    assert not any(part in page for part in ("<script", "http:", "https:", "src="))


@pytest.mark.parametrize(("arguments", "said"), [
    ([], "expected a FILE or a FOLDER"),
    (["nowhere.py"], "there is no nowhere.py"),
    ([EXAMPLES, "--format", "json"], "--format is for a FILE"),
    (["/dev/zero"], "expected a file, got a device, pipe or socket"),
    ([EXAMPLES / "linear_right.py", "--timeout", "inf"], "--timeout: expected at most 86400 seconds, got inf"),
    ([EXAMPLES / "linear_right.py", "--timeout", "nan"], "--timeout: expected more than 0 seconds, got nan"),
    ([EXAMPLES / "linear_right.py", "--out", "x"], "--out is for a FOLDER"),
    ([EXAMPLES / "linear_right.py", "--timeout", "0"], "--timeout: expected more than 0 seconds, got 0"),
    ([EXAMPLES / "linear_right.py", "--timeout", "soon"], "invalid float value: 'soon'"),
    ([EXAMPLES / "linear_right.py", "--device", "tpu"], "expected one of cpu, cuda, got 'tpu'"),
    (["--template", "--device", "cpu"], "--template stands alone"),
    (["--template", "--strict"], "--template stands alone"),
])  # fmt: skip
def test_a_command_that_cannot_be_is_an_error(arguments, said, fails):
    assert said in fails(*arguments)


def test_the_help_says_the_verdicts_the_exit_status_and_that_it_is_no_sandbox(capsys):
    with pytest.raises(SystemExit):
        check.main(["--help"])
    out = " ".join(capsys.readouterr().out.split())
    assert "no sandbox for hostile code" in out
    assert "exit status: 0 if all agree, 1 if something differs, 2 if nothing differs" in out
    assert all(word in out for word in (*VERDICTS, "--strict"))


def test_the_template_is_not_judged_as_it_is_and_agrees_when_it_is_filled_in(capsys, run):
    assert check.main(["--template"]) == 0
    template = capsys.readouterr().out
    status, result = run(template.replace("---", ""))
    assert status == 2
    assert not [name for name, verdict in verdicts(result).items() if verdict == "differs"]
    assert "not judged: still to be written" in result["verdict"]

    filled = """
        def sigmoid_forward(z): return 1 / (1 + np.exp(-z))
        def sigmoid_backward(delta, z): return delta * sigmoid_forward(z) * (1 - sigmoid_forward(z))
        def linear_forward(x, W, b): return x @ W.T + b
        def linear_backward(delta, x, W, b): return delta @ W, delta.T @ x, delta.sum(axis=0)
        def backward(W1, b1, W2, b2, x, y):
            a = np.maximum(x @ W1.T + b1, 0)
            d = (a @ W2.T + b2 - y) / len(x)
            e = d @ W2 * (a > 0)
            return e.T @ x, e.sum(axis=0), d.T @ a, d.sum(axis=0)
    """
    status, result = run(f"{template}---{filled}")
    assert status == 0, failing(result)
    assert len(agreeing(result)) == 11
