"""`python -m experiments.grade`: what of a file is run, and what is left out and said."""

import ast
import json
from textwrap import dedent

import pytest

from experiments.grade import command as check
from experiments.grade.forms.definitions import load
from experiments.grade.forms.stand_ins import counts_in
from parity_tests.grade.checking import verdicts

SOURCE = """
    import numpy as np
    import not_installed
    from also_missing import *
    import missing.part as part
    np.random.seed(3)
    RATE = float("0.5")
    TABLE = {}
    for i in range(3):
        TABLE[i] = i * RATE
    try:
        import cupy as xp
    except ImportError:
        xp = np
    weights = np.random.rand(2, 2)
    unused = open("no such file")
    def used(x): return x * RATE + TABLE[1] + weights.sum() + xp.zeros(1)
    def never(): return part.of(3)
    double = lambda x: 2 * x
    print(used(1))
    while True:
        weights = weights * 2
    for step in range(10 ** 9):
        weights -= used(weights)
    weights = never()
    if __name__ == "__main__":
        raise SystemExit
"""


COUNTS = {
    "m, n = data.shape": ["m", "n"],
    "_, m = X.shape": ["m"],
    "m = len(data)": ["m"],
    "count, rate = len(X), 0.1": ["count"],
    "X = data.reshape(len(data), -1)": [],
    "W1 = np.random.randn(data.shape[1], 10)": [],
    "rate = 0.1 / len(data)": [],
}


@pytest.mark.parametrize("statement", COUNTS)
def test_a_size_of_data_is_a_size_itself_and_nothing_made_with_one(statement):
    assert [*counts_in(ast.parse(statement).body[0])] == COUNTS[statement]


@pytest.fixture
def loaded(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.path", [])

    def load_from(source, name="hand_in.py"):
        (tmp_path / name).write_text(source, "utf-8")
        return load(tmp_path / name, lambda error: f"{type(error).__name__}")

    return load_from


def test_definitions_and_what_they_need_are_taken_and_nothing_else_is_run(loaded, monkeypatch):
    monkeypatch.undo()
    found = loaded(dedent(SOURCE))
    names = vars(found.module)
    assert found.functions().keys() == {"used", "never", "double"}
    assert names["TABLE"] == {0: 0, 1: 0.5, 2: 1}
    assert names["used"](1).shape == (1,)
    assert "unused" not in names
    with pytest.raises(ModuleNotFoundError, match=r"part\.of could not be imported"):
        names["never"]()
    *failed, skipped = found.left_out
    assert failed == ["ModuleNotFoundError"] * 3
    assert skipped == "6 statements beside the definitions"


def notebook(*cells):
    return json.dumps({"cells": [{"cell_type": kind, "source": source.splitlines(True)} for kind, source in cells]})


def test_a_notebook_is_the_code_of_its_cells(loaded, capsys, tmp_path):
    cells = [
        ("markdown", "# def f(x): return 1"),
        ("code", "%matplotlib inline\n!ls\nimport numpy as np\nnp.exp?"),
        ("code", "%%bash\nrm -rf /"),
        ("code", "%%time\ndef relu_forward(x):\n    return np.maximum(x, 0), x"),
        ("code", "def relu_backward(dout, cache):\n    return 2 * dout * (cache > 0)"),
        ("code", "this is no Python"),
    ]
    found = loaded(notebook(*cells), "hand_in.ipynb")
    assert found.functions().keys() == {"relu_forward", "relu_backward"}
    assert found.left_out == ["a cell: SyntaxError"]
    assert check.main([str(tmp_path / "hand_in.ipynb"), "--format", "json"]) == 1
    assert verdicts(json.loads(capsys.readouterr().out)) == {("relu", "y"): "agrees", ("relu", "dx"): "differs"}


def test_a_course_s_package_is_found_by_its_path(tmp_path, capsys):
    (tmp_path / "course").mkdir()
    (tmp_path / "course" / "of_the_course.py").write_text("def half(x): return x / 2")
    (tmp_path / "hand_in.py").write_text(
        "from of_the_course import *\ndef forward(x): return half(x), 2\ndef backward(dout, cache): return half(dout)"
    )
    hand_in = str(tmp_path / "hand_in.py")
    assert check.main([hand_in, "--path", str(tmp_path / "course")]) == 0
    assert check.main([hand_in]) == 2
    assert "left out: ModuleNotFoundError in line 1" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        check.main([hand_in, "--path", str(tmp_path / "nowhere")])
