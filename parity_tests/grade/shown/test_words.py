"""What a student reads of a difference: where, the numbers, the line of the file, and a hint; and how much of it."""

import re
from pathlib import Path

import pytest

from experiments.grade import command as check
from experiments.grade import pages
from experiments.grade.findings import Finding, Report, Row
from experiments.grade.shown.lines import line_of
from experiments.grade.shown.words import came, explained, factor, hint
from parity_tests.grade.checking import source_of
from torch_ref.comparison.verdict import compare

EXAMPLES = Path(check.__file__).parent / "examples"


def test_a_difference_says_which_element_is_farthest_off():
    found = compare("", "dx", [[1.0, 2.0], [3.0, 5.0]], [[1.0, 2.5], [3.0, 4.0]], 0.1)
    assert found.worst == ((1, 1), 5.0, 4.0)
    assert compare("", "cost", 2.0, 1.0, 0.1).worst == ((), 2.0, 1.0)
    assert compare("", "dx", [1.0], [1.0], 0.1).worst is None
    assert came(Row("dx", "differs", index=[1, 1], ours=5.0, expected=4.0)) == "expected 4, got 5 at [1, 1]"
    assert came(Row("cost", "differs", index=[], ours=2.0, expected=1.0)) == "expected 1, got 2"
    near = Row("cost", "differs", index=[], ours=1.00000000005, expected=1.0)
    assert came(near) == "expected 1, got 1.0000000001"  # never the same digits


def test_a_factor_is_said_as_a_student_says_it():
    assert factor("times 2") == "off by a factor of exactly 2"
    assert factor("a convention: every gradient alike, times ½") == "off by a factor of exactly ½"
    assert factor("the step times 2") == "the step times 2"


PAIR = """
    def f_forward(x, W, b): return x @ W.T + b
    def f_backward(delta, x, W, b):
        dW = delta.T @ x
        {}
"""
LINES = [
    (PAIR, "dx, db = delta @ W, delta.sum(0)\n        return dx, dW, db", "f", "dbias", 5),
    (PAIR, "return (delta @ W,\n            dW,\n            delta.sum(0))", "f", "db", 7),
    (PAIR, "return (delta @ W,\n            dW,\n            delta.sum(0))", "f", "dweight", 4),
    (PAIR, "return {'dW': dW,\n            'db': delta.sum(0)}", "f", "db", 6),
    (PAIR, "grads['db'] = delta.sum(0)\n        return grads", "f", "db", 5),
    (PAIR, "return delta", "f", "y", 2),
    (PAIR, "return delta", "g", "dx", None),
    (
        "class A:\n    def backward(self, d):\n        self.dweights = d\n        {}",
        "self.dinputs = d",
        "A",
        "dweight",
        3,
    ),
    (
        "class A:\n    def backward(self, d, c):\n        {}",
        "return d, self.like(weight=d,\n    bias=d)",
        "A",
        "dbias",
        4,
    ),
    ("def f_backward(:{}", "", "f", "dx", None),
]


@pytest.mark.parametrize(("source", "body", "piece", "quantity", "line"), LINES)
def test_the_line_is_that_in_which_the_quantity_is_made(source, body, piece, quantity, line):
    assert line_of(source_of(source.replace("{}", body)), piece, quantity) == line


WRONG = Row("dbias", "differs", 4.0, 9e9, "times 2", "why", index=[0], ours=2.0, expected=1.0, inputs="x = [1.0]")
AT_ZERO = Row("dz", "convention", 1.0, 9e9, remark="the slope at 0", index=[0], ours=1.0, expected=0.0)
SAID = {
    "none": ("", None, "", None, ""),
    "cause": ("times 2", None, "", None, hint(WRONG)),
    "full": ("times 2", 1.0, "x = [1.0]", 3, hint(WRONG)),
}


@pytest.mark.parametrize("level", SAID)
def test_no_more_is_said_than_the_level_allows(level, tmp_path):
    path = tmp_path / "a.py"
    path.write_text("def f_forward(x, b): return x\ndef f_backward(d, x, b):\n    return d, d\n")
    right = Row("dx", "agrees", 0, 0.1)
    report = explained(Report("a.py", [Finding("f", "functions", rows=[WRONG, right, AT_ZERO])]), path, level)
    row, other, convention = report.rows
    assert (row.cause, row.expected, row.inputs, row.line, row.hint) == SAID[level]
    assert other == right
    assert convention.expected == (AT_ZERO.expected if level == "full" else None)
    assert pages.from_json(pages.as_json(report)) == report
    page = pages.page(report)
    assert ("off by a factor of exactly 2" in page) == (level != "none")
    assert ("expected 1, got 2 at [0]" in page) == ("see line 3" in page) == (level == "full")
    assert "9e+09" not in page


@pytest.mark.usefixtures("run")
def test_a_wrong_file_s_page_has_numbers_input_line_and_hint(capsys):
    assert check.main([str(EXAMPLES / "linear_first_example.py"), "--format", "html"]) == 1
    page = capsys.readouterr().out
    assert "see line 9" in page
    assert "expected " in page
    assert "delta = [[" in page
    assert "Compare a batch of one example with a batch of two." in page
    assert check.main([str(EXAMPLES / "linear_first_example.py"), "--hints", "none"]) == 1
    assert "first example alone" not in capsys.readouterr().out


RAISES = """
    import numpy as np
    def cube_forward(x): return x ** 3
    def cube_backward(delta, x): return delta * slope(x)
    def linear_forward(x, W, b): return x @ W + b
    def linear_backward(delta, x, W, b): return delta @ W, delta.T @ x, delta.sum(0)
    def relu_forward(z): return np.maximum(z, 0)
    def relu_backward(delta, z): return (delta * (z > 0)).astype(np.float32)
    def softmax_forward(z): return np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    def softmax_backward(delta, y): return y * (delta - (delta * y).sum(axis=1, keepdims=True))
"""


@pytest.mark.usefixtures("run")
def test_what_is_said_below_a_table_has_a_beginning_stands_once_and_fits_what_happened(tmp_path, capsys):
    path = tmp_path / "a.py"
    path.write_text(source_of(RAISES))
    assert check.main([str(path)]) == 1
    below = re.findall(r"^  (\w+(?:, \w+)*): (.*)$", capsys.readouterr().out, re.MULTILINE)
    stops = "It stops there before it returns: call it on a small input of your own."
    assert below[:2] == [("backward", stops), ("dx, dweight, dbias", stops)]
    assert [names for names, _ in below[2:]] == ["dx", "y", "dx"]
    assert all(
        word in text for word, (_, text) in zip(("smaller float", "overflows", "overflows"), below[2:], strict=True)
    )
    assert not any(text.startswith(",") for _, text in below)
