"""`python -m experiments.grade FOLDER`: a row and a page for each file, and a summary."""

import csv
import os
import re
import shutil

import pytest

from experiments.grade import classroom
from experiments.grade import command as check
from experiments.grade.findings import Finding, Report, Row
from experiments.grade.shown.overview import Student, cell, overview
from parity_tests.grade.checking import RIGHT, source_of


def summary(folder):
    """The rows of summary.csv, by file."""
    with (folder / "checked" / "summary.csv").open(newline="", encoding="utf-8") as file:
        return {row["file"]: row for row in csv.DictReader(file)}


def command(folder, *options):
    return check.main([str(folder), "--timeout", "60", *options])


def without_files(folder):
    """The folder, in which the group alone is left."""
    for path in folder.glob("*.py"):
        path.unlink()
    return folder


def test_a_folder_gets_a_row_and_a_page_for_each_file_and_a_summary(hand_ins, capsys):
    assert command(hand_ins) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "5 students: agrees 1, convention 0, differs 2, not judged 2"
    assert lines[1].split()[0] == "2"
    rows = summary(hand_ins)
    assert {name: row["result"] for name, row in rows.items()} == {
        "anna.py": "agrees", "ben.py": "differs", "cleo.py": "differs", "eve.py": "not judged",
        "group": "not judged",
    }  # fmt: skip
    assert "relu dx" in rows["ben.py"]["verdict"]
    assert "softmax_loss" in rows["eve.py"]["verdict"]
    for name in rows:
        page = (hand_ins / "checked" / rows[name]["page"]).read_text("utf-8")
        assert rows[name]["verdict"] in page


@pytest.mark.parametrize(("names", "status"), [("anna", 0), ("anna eve", 2), ("anna eve ben", 1)])
def test_the_exit_status_of_a_folder_is_that_of_its_worst_file(names, status, tmp_path, reported):
    rows = {"anna": Row("dx", "agrees", 0, 0), "eve": Row("dx", "not judged"), "ben": Row("dx", "differs", 1, 9)}
    reported(lambda name: Report(name, [Finding("relu", "functions", rows=[rows[name.removesuffix(".py")]])]))
    for name in names.split():
        (tmp_path / f"{name}.py").write_text("")
    assert command(tmp_path) == status


def test_every_file_has_a_row_and_what_nobody_handed_in_has_none(hand_ins, reported):
    reported()
    (hand_ins / "empty").mkdir()
    others = ("lab.ipynb", "anna.ipynb", "notes.txt", "README", ".hidden", "__pycache__/anna.pyc", ".git/HEAD")
    others += ("earlier/index.html", "earlier/summary.csv", "earlier/anna.html")  # the results of another run
    for name in others:
        (hand_ins / name).parent.mkdir(exist_ok=True)
        (hand_ins / name).write_text("{}")
    for _ in range(2):  # the second time, the results are there
        assert command(hand_ins) == 2
        rows = summary(hand_ins)
        handed_in = {"anna.py", "ben.py", "cleo.py", "eve.py", "group"}
        assert rows.keys() == {*handed_in, "empty", "lab.ipynb", "anna.ipynb", "notes.txt", "README"}
        expected = "not judged: expected a Python file (.py) or a notebook (.ipynb), got "
        assert rows["empty"]["verdict"] == f"{expected}a folder without files"
        assert rows["notes.txt"]["verdict"] == f"{expected}a .txt file"
        assert rows["README"]["verdict"] == f"{expected}no suffix"
        assert rows["README"]["result"] == "not judged"
    for page in ("anna.html", "anna.ipynb.html"):  # a page each
        assert (hand_ins / "checked" / page).exists()


@pytest.mark.usefixtures("run")
def test_strict_is_for_every_file_of_a_folder(hand_ins):
    shutil.rmtree(hand_ins / "group")
    without_files(hand_ins)
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


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes")
def test_a_file_that_cannot_be_read_takes_nobody_else_down(hand_ins):
    without_files(hand_ins)
    unread = {
        "nowhere.py": "No such file or directory",
        "zero.py": "expected a file, got a device, pipe or socket",
        "pipe.py": "expected a file, got a device, pipe or socket",
        "large.py": "expected a file of at most 16 MiB, got a larger one",
    }
    os.mkfifo(hand_ins / ".pipe")
    with (hand_ins / ".large").open("wb") as file:
        file.truncate(1 << 40)  # which the disk does not hold
    for name, to in zip(unread, ("nowhere", "/dev/zero", ".pipe", ".large"), strict=True):
        (hand_ins / name).symlink_to(to)
    for name in ("anna.py", "ben.py"):  # every module beside it that it names is read, too
        (hand_ins / name).write_text("import zero, pipe, large, nowhere")
    assert command(hand_ins) == 2
    rows = summary(hand_ins)
    assert {name: rows[name]["verdict"] for name in unread} == {n: f"not judged: {why}" for n, why in unread.items()}
    assert {"anna.py", "ben.py", "group"} <= rows.keys()


def test_a_file_is_checked_anew_when_what_it_imports_or_the_checker_changes(hand_ins, reported, monkeypatch):
    checked = []
    reported(lambda name: checked.append(name) or Report(name, []))
    (hand_ins / "anna.py").write_text("from helper import k")
    (hand_ins / "helper.py").write_text("import deeper")
    (hand_ins / "deeper.py").write_text("")

    def again(*options):
        checked.clear()
        command(hand_ins, *options)
        return {*checked}

    assert len(again()) == 7
    assert again() == set()
    result = hand_ins / "checked" / "ben.json"
    result.write_text(result.read_text("utf-8").replace("ben", "bob"))  # as a process may that runs a file
    assert again() == {"ben.py"}
    (hand_ins / "deeper.py").write_text("k = 1")
    assert again() == {"anna.py", "helper.py", "deeper.py"}
    assert len(again("--strict")) == 7
    monkeypatch.setattr(classroom, "_checker", lambda: "another")
    assert len(again()) == 7


def test_an_empty_folder_is_an_error(fails, tmp_path):
    assert f"expected files in {tmp_path}, found none" in fails(tmp_path)


def test_results_that_cannot_be_written_are_an_error(fails, hand_ins, tmp_path, reported):
    reported()
    (tmp_path / "out").touch()
    assert "out" in fails(hand_ins, "--out", tmp_path / "out")


def test_no_name_ends_the_class_or_takes_another_s_page(hand_ins, reported):
    reported(lambda name: Report(name, [], name))
    names = ["a" * 252, "a" * 251 + "b", "anna.html", "index", "summary", "group_dan", "group-dan", "é" * 120, "Anna"]
    for name in names:
        (hand_ins / f"{name}.py").write_text("")
    for name in ("anna.html", "anna.json", "ANNA"):
        (hand_ins / name).mkdir()
        (hand_ins / name / "a.py").write_text("")
    assert command(hand_ins) == 2
    rows = summary(hand_ins)
    assert len(rows) == 5 + len(names) + 3
    pages = [row["page"] for row in rows.values()]
    assert len({page.casefold() for page in pages}) == len(rows)
    for name, row in rows.items():
        assert name in (hand_ins / "checked" / row["page"]).read_text("utf-8")
        assert row["verdict"]
    assert "<h1>17 students</h1>" in (hand_ins / "checked" / "index.html").read_text("utf-8")


def test_a_name_or_an_error_is_no_formula_no_markup_and_no_control_character(hand_ins, reported, capsys):
    names = ["=cmd|' calc'!A0.py", "@a.png", "+1.py", "-1.py", "\t=1.py", "\x1b[31m.py", "<b>.py", "a\nb.py"]
    names += ["\u202eyp.exe.py", f"{'x' * 200}.py", os.fsdecode(b"\xff.py"), "{{ 7 * 7 }}.py"]
    reported(lambda name: Report(name, [], f"={name}"))
    for name in names:
        (hand_ins / name).write_text("")
    command(hand_ins)
    assert all(line.isprintable() for line in capsys.readouterr().out.splitlines())
    assert summary(hand_ins).keys() == {*map(cell, names), "anna.py", "ben.py", "cleo.py", "eve.py", "group"}
    table = (hand_ins / "checked" / "summary.csv").read_text("utf-8")
    assert "\x1b" not in table
    found = [field for row in csv.reader(table.splitlines()) for field in row]
    assert "'=cmd|' calc'!A0.py" in found
    assert "'@a.png" in found
    assert not [field for field in found if field.strip()[:1] in ("=", "+", "-", "@")]
    for page in (hand_ins / "checked").glob("*.html"):
        text = page.read_text("utf-8")
        assert "<b>" not in text
        assert "\x1b" not in text


def test_a_checker_that_fails_on_one_file_goes_on_to_the_next(hand_ins, monkeypatch):
    def failing(path, *_):
        if path.name == "ben.py":
            raise RecursionError("deep")
        return Report(path.name, [])

    monkeypatch.setattr(classroom, "check", failing)
    assert command(hand_ins) == 2
    rows = summary(hand_ins)
    assert rows["ben.py"]["verdict"] == "not judged: the checker itself fails on it: RecursionError: deep"
    assert len(rows) == 5


def test_what_a_process_died_of_is_not_kept_as_it_may_be_the_machine_s(hand_ins):
    without_files(hand_ins)
    (hand_ins / "anna.py").write_text(
        source_of(RIGHT, f"if not os.path.exists({str(hand_ins / '.mark')!r}): os._exit(1)")
    )
    assert command(hand_ins) == 2
    (hand_ins / ".mark").touch()
    command(hand_ins)
    assert summary(hand_ins)["anna.py"]["result"] == "agrees"


PIECES = (("common", "agrees"), ("first", "agrees"), ("wrong", "differs"))


def test_pieces_that_somebody_has_wrong_come_before_those_that_as_many_have_right():
    findings = [Finding(name, "functions", rows=[Row("dx", verdict)]) for name, verdict in PIECES]
    page = overview(
        [Student("a.py", "a", Report("a.py", findings)), Student("b.py", "b", Report("b.py", findings[:1]))]
    )
    assert re.findall(r"<th><button><bdi>(\w+)</bdi>", page) == ["common", "wrong", "first"]
