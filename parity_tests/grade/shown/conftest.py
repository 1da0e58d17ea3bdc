"""A folder of hand-ins."""

import pytest

from experiments.grade import classroom
from experiments.grade.findings import Report
from parity_tests.grade.checking import RIGHT, source_of


@pytest.fixture
def hand_ins(tmp_path):
    folder = tmp_path / "class"
    (folder / "group").mkdir(parents=True)
    wrong = "def relu_backward(delta, x): return delta"
    files = {
        "anna.py": RIGHT, "ben.py": f"{RIGHT}---{wrong}", "cleo.py": f"{RIGHT}---{wrong}", "group/dan.py": "def f(:",
        "eve.py": f"{RIGHT}---def softmax_loss(z, y): return z",
    }  # fmt: skip
    for name, source in files.items():
        (folder / name).write_text(source_of(source), "utf-8")
    return folder


@pytest.fixture
def reported(monkeypatch):
    """Let the report on a file be what is made of its name, without checking it; or one of no pieces."""

    def as_made(report=lambda name: Report(name, [])):
        monkeypatch.setattr(classroom, "check", lambda path, *_: report(path.name))

    return as_made
