"""`python -m experiments.grade`: what it recognises in a file, and what it does not judge, and why."""

import tomllib
from pathlib import Path
from textwrap import dedent

import numpy as np
import pytest

from experiments.grade.forms.definitions import load
from experiments.grade.forms.recognition import Offered
from parity_tests.conftest import few
from parity_tests.grade.checking import RIGHT, failing, not_judged, verdicts

CANNOT_RUN = [
    ("", "no backward is found in it; the file is empty"),
    ("def f(:", "SyntaxError in line 1"),
    ("input()", "no backward is found in it; expected"),
    ("def f(x=exit('done')): pass", "called sys.exit('done')"),
    ("def f(x=[0 for _ in iter(int, 1)]): pass", "does not end within 2 s"),
]


@pytest.mark.parametrize(("source", "said"), CANNOT_RUN)
def test_a_file_that_cannot_be_run_or_offers_nothing_is_an_error(source, said, fails, tmp_path, request):
    (tmp_path / "hand_in.py").write_text(source)
    if not source or "SyntaxError" in said:  # it does nothing to a process
        request.getfixturevalue("run")
    limit = ["--timeout", "2"] if "does not end" in said else []
    assert f"hand_in.py: not judged: {said}" in fails(tmp_path / "hand_in.py", *limit)


def test_inputs_are_drawn_again_in_the_shapes_of_the_first(tmp_path):
    """Of a slope that is learned the first draw finds out that it is one number."""
    (tmp_path / "hand_in.py").write_text(
        dedent("""
        import numpy as np
        def prelu_forward(x, alpha): return np.where(x > 0, x, alpha * x), (x, alpha)
        def prelu_backward(dout, cache):
            x, alpha = cache
            return np.where(x > 0, dout, alpha * dout), np.sum(dout * np.minimum(x, 0))
    """)
    )
    [piece] = Offered(load(tmp_path / "hand_in.py", str)).pieces.values()
    first, second = ([e.arrays for e in piece.truth_examples(np.random.default_rng(seed))] for seed in (0, 1))
    assert [{n: np.shape(a) for n, a in one.items()} for one in first] == [
        {n: np.shape(a) for n, a in one.items()} for one in second
    ]
    assert np.shape(first[0]["alpha"]) == ()


NO_PYTHON = {"lab.txt": "a .txt file", "lab": "no suffix"}


@pytest.mark.parametrize(("name", "got"), NO_PYTHON.items())
def test_a_file_that_is_no_python_file_is_an_error_that_says_what_it_is(name, got, fails, tmp_path):
    (tmp_path / name).write_text("{}")
    assert f"{name}: not judged: expected a Python file (.py) or a notebook (.ipynb), got {got}" in fails(
        tmp_path / name
    )


NOTHING_IN_IT = {
    ("a.ipynb", ""): "it is no notebook: expected JSON with a list of cells",
    ("a.ipynb", '{"cells": 3}'): "it is no notebook: expected JSON with a list of cells",
    ("a.ipynb", '{"cells": [{"cell_type": "code"}]}'): "it is no notebook: expected JSON with a list of cells",
    ("a.ipynb", '{"cells": []}'): "no backward is found in it; expected a layer",
}


@pytest.mark.parametrize(("name", "text"), NOTHING_IN_IT)
def test_a_file_with_nothing_in_it_is_an_error_that_says_so(name, text, fails, tmp_path):
    (tmp_path / name).write_text(text)
    assert f"{name}: not judged: {NOTHING_IN_IT[name, text]}" in fails(tmp_path / name)


UNCLEAR = {
    case["said"]: case["source"]
    for case in tomllib.loads((Path(__file__).parents[2] / "cases" / "unclear.toml").read_text("utf-8"))["file"]
}
"""What a file that offers a piece of a form that is not known is told."""


@pytest.mark.parametrize("said", few(UNCLEAR))
def test_a_piece_that_cannot_be_judged_says_what_it_takes(said, run):
    status, result = run(UNCLEAR[said])
    assert status == 2
    assert {*verdicts(result).values()} <= {"not judged", "agrees"}
    assert any(said in why for why in [*not_judged(result).values(), *failing(result).values()]), result["verdict"]


def test_imports_of_torch_where_numpy_was_the_task_are_not_judged(run_apart):
    status, result = run_apart(f"{RIGHT}---import torch")
    assert status == 2
    assert failing(result) == {"import": "not judged: it imports torch, where NumPy was the task; "}
