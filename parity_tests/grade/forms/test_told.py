"""What a comment, or a teacher's adapter, says of a file: it decides what is tried; a slip is told in one line."""

from pathlib import Path

import pytest

from experiments.grade.forms import named
from experiments.grade.forms.told import Told, told
from manual import InputError
from parity_tests.grade.checking import not_judged, verdicts

TEACH = Path(__file__).parents[3] / "docs" / "teach"


@pytest.mark.parametrize(("comment", "found"), [
    ("# check: form=course-layers", Told(form="course-layers")),
    ("  #check:columns ,loss = squares", Told(layout="columns", loss="squares")),
    ("# check: rows\n# check: form=scalars", Told("scalars", "rows")),
    ("x = 1  # check: fourm=1", Told()),
])  # fmt: skip
def test_a_comment_says_which_form_and_layout_and_cost(comment, found):
    assert told(comment.splitlines(), named()) == found


@pytest.mark.parametrize(("comment", "said"), [
    ("fourm=scalars", "expected form=…, loss=…, rows or columns, got 'fourm=scalars'; did you mean form?"),
    ("form=scalar", "there is no form 'scalar'; did you mean scalars?; --forms lists them"),
    ("loss=mse", "there is no loss 'mse'"),
    ("rows, columns", "layout is rows already, got columns"),
])  # fmt: skip
def test_a_slip_is_told_in_one_line(comment, said):
    with pytest.raises(InputError, match="line 1") as raised:
        told([f"# check: {comment}"], named())
    assert said in str(raised.value)


HAND_IN = """
    import numpy as np
    def fully_connected(weights, biases, rows):
        out = np.zeros((len(rows), len(weights)))
        for i, row in enumerate(rows): out[i] = weights @ row + biases
        return out
    def fully_connected_gradients(rows, weights, d): return d @ weights, d.T @ rows, {}
"""


@pytest.mark.parametrize(("db", "verdict"), [("d.sum(axis=0)", "agrees"), ("d[0]", "differs")])
def test_an_adapter_says_which_function_is_which(db, verdict, run):
    _, result = run(HAND_IN.format(db), "--adapter", str(TEACH / "adapter.py"))
    found = verdicts(result)
    assert found.pop(("dense", "db")) == verdict
    assert [*found.values()] == ["agrees"] * 3


def test_what_an_adapter_calls_and_a_file_has_not_is_not_judged(run):
    status, result = run("def another(): pass", "--adapter", str(TEACH / "adapter.py"))
    assert status == 2
    assert "has no attribute 'fully_connected'" in not_judged(result)["dense"]


@pytest.mark.parametrize(("adapter", "said"), [
    ("import numpy", "to import hand_in, which is the file that is checked"),
    ("def f(:", "is no Python"),
    (None, "No such file"),
])  # fmt: skip
def test_what_is_no_adapter_is_refused(adapter, said, fails, tmp_path):
    path = tmp_path / "teacher.py"
    if adapter is not None:
        path.write_text(adapter)
    assert said in fails("--adapter", str(path), str(TEACH / "adapter.py"))
