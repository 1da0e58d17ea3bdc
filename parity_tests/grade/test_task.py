"""An assignment: what it expects is compared on its own terms, and what is missing has its points, and none of them."""

import csv
import doctest
import json
import runpy
import shutil
from pathlib import Path

import pytest

from experiments.grade import command as check
from experiments.grade.findings import Finding, Row
from experiments.grade.shown.overview import share
from parity_tests.conftest import few
from parity_tests.grade.checking import source_of

TEACH = Path(__file__).parents[2] / "docs" / "teach"
RIGHT = """
    import numpy as np
    def dense_forward(x, W, b): return x @ W + b
    def dense_backward(delta, x, W, b): return delta @ W.T, x.T @ delta, delta.sum(axis=0)
    def dense_examples(rng): yield rng.standard_normal((5, 3)), rng.standard_normal((3, 4)), rng.standard_normal(4)
    ---
    def swish_forward(x): return x / (1 + np.exp(-x))
    def swish_backward(delta, x):
        s = 1 / (1 + np.exp(-x))
        return delta * (s + x * s * (1 - s))
    ---
    def backward(W1, b1, W2, b2, x, y):
        a = np.tanh(x @ W1.T + b1)
        d = 2 * (a @ W2.T + b2 - y) / len(x)
        e = d @ W2 * (1 - a * a)
        return e.T @ x, e.sum(axis=0), d.T @ a, d.sum(axis=0)
"""
NAMES = ("dense", "swish", "backward")
INSTEAD = {
    "all that is expected": ((4, 2, 6), ""),
    "an identity": ((0, 2, 6), """
        def dense_forward(x, W, b): return x
        def dense_backward(delta, x, W, b): return delta, 0 * W, 0 * b
    """),
    "an easier layer, on examples of its own": ((0, 2, 6), """
        def dense_forward(x, W, b): return x * W + b
        def dense_backward(delta, x, W, b): return delta * W, delta * x, delta
        def dense_examples(rng):
            yield rng.standard_normal((5, 3)), rng.standard_normal((5, 3)), rng.standard_normal((5, 3))
    """),
    "what is expected, its arguments in another order": ((4, 2, 6), """
        def dense_forward(W, b, x): return x @ W + b
        def dense_backward(delta, W, b, x): return x.T @ delta, delta.sum(axis=0), delta @ W.T
        def dense_examples(rng): yield rng.standard_normal((3, 4)), rng.standard_normal(4), rng.standard_normal((5, 3))
    """),
    "a batch of one, as its own example": ((3, 2, 6), """
        def dense_backward(delta, x, W, b): return delta @ W.T, x.T @ delta, delta[0]
        def dense_examples(rng): yield rng.standard_normal((1, 3)), rng.standard_normal((3, 4)), rng.standard_normal(4)
    """),
    "a cost of its own": ((4, 2, 0), """
        def cost(W1, b1, W2, b2, x, y): return sum(np.sum(p) for p in (W1, b1, W2, b2))
        def backward(W1, b1, W2, b2, x, y): return tuple(np.ones_like(p) for p in (W1, b1, W2, b2))
    """),
    "a forward that is nearly right": ((4, 0, 6), """
        def swish_forward(x): return x / (1 + np.exp(-x)) + 1e-6 * x
        def swish_backward(delta, x):
            s = 1 / (1 + np.exp(-x))
            return delta * (s + x * s * (1 - s) + 1e-6)
    """),
    "a wrong gradient": ((4, 1, 6), """
        def swish_backward(delta, x): return delta
    """),
}  # fmt: skip
NOTHING_TO_COMPARE = ("an easier layer, on examples of its own",)
"""Of which neither runs on the other's inputs: it has no points, but no number of it is known to be wrong."""
TASK = str(TEACH / "task.toml")


@pytest.mark.parametrize("what", few(INSTEAD))
def test_another_thing_than_what_is_expected_has_no_points(what, run):
    points, source = INSTEAD[what]
    status, result = run(f"{RIGHT}---{source}", "--task", TASK)
    scores = {f["name"]: share(Finding(**f | {"rows": [Row(**r) for r in f["rows"]]})) for f in result["findings"]}
    worth = {f["name"]: f["points"] for f in result["findings"]}
    assert worth == dict(zip(NAMES, (4, 2, 6), strict=True))
    assert tuple(scores[n] * worth[n] for n in NAMES) == pytest.approx(points), result["verdict"]
    assert status == (0 if points == (4, 2, 6) else 2 if what in NOTHING_TO_COMPARE else 1)


@pytest.mark.usefixtures("run")
def test_what_is_missing_has_a_row_with_its_points_in_every_format(tmp_path, capsys):
    path = tmp_path / "a.py"
    path.write_text("def dense(x): return x")
    check.main([str(path), "--task", TASK, "--format", "gradescope"])
    found = json.loads(capsys.readouterr().out)["tests"]
    assert [(t["score"], t["max_score"]) for t in found] == [(0, 4), (0, 2), (0, 6)]
    assert "expected one named linear or dense" in found[0]["output"]
    check.main([str(path), "--task", TASK, "--format", "csv"])
    (row,) = csv.DictReader(capsys.readouterr().out.splitlines())
    assert (row["score"], row["points"]) == ("0.0", "12.0")


@pytest.mark.parametrize(("task", "said"), [
    ("[[piece]]\nexpct = 'linear'", "piece 1: there is no key 'expct'; did you mean expect?"),
    ("[[piece]]\nexpect = 'liner'", "there is no kind 'liner'; did you mean linear?"),
    ("[[piece]]\nexpect = 'linear'\npoints = '4'", "points cannot be '4'"),
    ("[[piece]]\nexpect = 'linear'\npoints = -1", "points cannot be -1"),
    ("[[piece]]\nexpect = 'linear'\nnames = []", "expected names of pieces, got []"),
    ("[[piece]]\nexpect = 'f'\nreference = 'none.py:f'", "reference 'none.py:f': "),
    ("[[piece]]\nexpect = 'f'\nreference = 'task.py:g'", "has no function 'g'"),
    ("[[piece]]\nexpect = 'relu'\n[[piece]]\nexpect = 'relu'", "two pieces are named relu"),
    ("[[pieces]]\nexpect = 'relu'", "expected [[piece]], got pieces"),
    ("expect =", "is no TOML"),
    (None, "No such file"),
])  # fmt: skip
def test_a_slip_in_a_task_is_told_in_one_line(task, said, tmp_path, fails):
    path = tmp_path / "task.toml"
    (tmp_path / "task.py").write_text("def f(x): return x")
    if task is not None:
        path.write_text(task)
    assert said in fails("--task", path, tmp_path / "task.py")


def notebook(folder, *parts):
    """An exercise as a notebook, and the teacher's files beside it."""
    cells = [{"cell_type": "code", "source": [source_of(part)]} for part in parts]
    (folder / "exercise.ipynb").write_text(json.dumps({"cells": cells}))
    for name in ("task.toml", "teacher.py"):
        shutil.copy(TEACH / name, folder)


def nbgrader():
    """Whether nbgrader's cell passes."""
    try:
        runpy.run_path(str(TEACH / "nbgrader_cell.py"))
    except AssertionError as error:
        return str(error)
    return ""


def otter():
    """What otter's test finds, which it runs as a doctest."""
    (case,) = runpy.run_path(str(TEACH / "otter_test.py"))["test"]["suites"][0]["cases"]
    said = []
    doctest.DocTestRunner(verbose=False).run(
        doctest.DocTestParser().get_doctest(case["code"], {}, "dense", None, 0), out=said.append
    )
    return "".join(said)


@pytest.mark.slow
@pytest.mark.parametrize("cell", [nbgrader, otter])
def test_the_cell_that_is_handed_out_passes_and_fails(cell, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(TEACH.parents[1]))
    notebook(tmp_path, RIGHT)
    assert cell() == ""
    notebook(tmp_path, RIGHT, INSTEAD["a batch of one, as its own example"][1])
    assert "db" in cell()
