"""`python -m experiments.grade FOLDER`: a row and a page for each file, and a summary."""

import csv
from pathlib import Path

import pytest

from experiments.grade import classroom
from experiments.grade import command as check
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


def summary(folder):
    """The rows of summary.csv, by file."""
    with (folder / "checked" / "summary.csv").open(newline="", encoding="utf-8") as file:
        return {row["file"]: row for row in csv.DictReader(file)}


def command(folder, *options):
    return check.main([str(folder), "--timeout", "60", *options])


def test_a_folder_gets_a_row_and_a_page_for_each_file_and_a_summary(hand_ins, capsys):
    assert command(hand_ins) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "5 files: agrees 1, convention 0, differs 2, not judged 2"
    assert lines[1].split()[0] == "2"
    rows = summary(hand_ins)
    assert {name: row["result"] for name, row in rows.items()} == {
        "anna.py": "agrees", "ben.py": "differs", "cleo.py": "differs", "eve.py": "not judged",
        str(Path("group", "dan.py")): "not judged",
    }  # fmt: skip
    assert "relu dx" in rows["ben.py"]["verdict"]
    assert "softmax_loss" in rows["eve.py"]["verdict"]
    for name in rows:
        page = (hand_ins / "checked" / name).with_suffix(".html").read_text("utf-8")
        assert rows[name]["verdict"] in page


@pytest.mark.parametrize(("names", "status"), [("anna", 0), ("anna eve", 2), ("anna eve ben", 1)])
def test_the_exit_status_of_a_folder_is_that_of_its_worst_file(names, status, hand_ins):
    for path in hand_ins.rglob("*.py"):
        if path.stem not in names.split():
            path.unlink()
    assert command(hand_ins) == status


def test_every_file_has_a_row_and_what_nobody_handed_in_has_none(hand_ins, monkeypatch):
    monkeypatch.setattr(classroom, "check", lambda path, *_: Report(path.name, []))
    others = ("lab.ipynb", "anna.ipynb", "notes.txt", "README", ".hidden", "__pycache__/anna.pyc", ".git/HEAD")
    for name in others:
        (hand_ins / name).parent.mkdir(exist_ok=True)
        (hand_ins / name).write_text("{}")
    for _ in range(2):  # the second time, the results are there
        assert command(hand_ins) == 2
        rows = summary(hand_ins)
        handed_in = {"anna.py", "ben.py", "cleo.py", "eve.py", str(Path("group", "dan.py"))}
        assert rows.keys() == {*handed_in, "lab.ipynb", "anna.ipynb", "notes.txt", "README"}
        expected = "not judged: expected a Python file (.py) or a notebook (.ipynb), got "
        assert rows["notes.txt"]["verdict"] == f"{expected}a .txt file"
        assert rows["README"]["verdict"] == f"{expected}no suffix"
        assert rows["README"]["result"] == "not judged"
    for page in ("anna.html", "anna.ipynb.html"):  # a page each
        assert (hand_ins / "checked" / page).exists()


def test_strict_is_for_every_file_of_a_folder(hand_ins, capsys):
    for path in hand_ins.rglob("*.py"):
        path.unlink()
    source = "def relu_backward(delta, x):\n    delta *= x > 0\n    return delta"
    (hand_ins / "anna.py").write_text(source_of(f"{RIGHT}---{source}"), "utf-8")
    assert command(hand_ins) == 0
    assert command(hand_ins, "--strict") == 1
    assert summary(hand_ins)["anna.py"]["result"] == "differs"
    assert command(hand_ins) == 0


def test_a_run_that_was_stopped_goes_on_and_a_changed_file_is_checked_anew(hand_ins, monkeypatch):
    checked = []

    def once(path, *how):
        if path.name == "cleo.py" and len(checked) < 10:
            checked.extend([None] * 10)
            raise KeyboardInterrupt
        checked.append(path.name)
        return Report(path.name, [])

    monkeypatch.setattr(classroom, "check", once)
    monkeypatch.setattr(classroom.os, "cpu_count", lambda: 1)
    with pytest.raises(SystemExit) as stop:
        command(hand_ins)
    assert stop.value.code == 130
    first = [name for name in checked if name]
    command(hand_ins)
    assert sorted(name for name in checked if name) == ["anna.py", "ben.py", "cleo.py", "dan.py", "eve.py"]
    assert "ben.py" in first
    (hand_ins / "ben.py").write_text("")
    command(hand_ins)
    assert [name for name in checked if name][5:] == ["ben.py"]


def test_a_file_that_cannot_be_read_takes_nobody_else_down(hand_ins):
    (hand_ins / "dir.py").mkdir()
    (hand_ins / "link.py").symlink_to("nowhere")
    assert command(hand_ins) == 1
    rows = summary(hand_ins)
    assert [*rows] == ["anna.py", "ben.py", "cleo.py", "eve.py", str(Path("group", "dan.py")), "link.py"]
    assert rows["link.py"]["verdict"] == "not judged: No such file or directory"


def test_a_file_is_checked_anew_when_what_it_imports_or_the_checker_changes(hand_ins, monkeypatch):
    checked = []
    monkeypatch.setattr(classroom, "check", lambda path, *_: checked.append(path.name) or Report(path.name, []))
    (hand_ins / "anna.py").write_text("from helper import k")
    (hand_ins / "helper.py").write_text("import deeper")
    (hand_ins / "deeper.py").write_text("")

    def again(*options):
        checked.clear()
        command(hand_ins, *options)
        return {*checked}

    assert len(again()) == 7
    assert again() == set()
    (hand_ins / "deeper.py").write_text("k = 1")
    assert again() == {"anna.py", "helper.py", "deeper.py"}
    assert len(again("--strict")) == 7
    monkeypatch.setattr(classroom, "_checker", lambda: "another")
    assert len(again()) == 7


def test_an_empty_folder_is_an_error(fails, tmp_path):
    assert f"expected files in {tmp_path}, found none" in fails(tmp_path)


def test_results_that_cannot_be_written_are_an_error(fails, hand_ins, tmp_path):
    (tmp_path / "out").touch()
    assert "out" in fails(hand_ins, "--out", tmp_path / "out")
