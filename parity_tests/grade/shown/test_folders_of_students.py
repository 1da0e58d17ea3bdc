"""What a student hands in as a folder is one row, and what is another student's is not judged."""

import pytest

from experiments.grade.findings import Finding, Report, Row
from parity_tests.grade.checking import RIGHT, source_of
from parity_tests.grade.shown.test_classroom import command, summary, without_files


@pytest.mark.usefixtures("run")
def test_a_student_s_folder_is_one_row_and_its_helpers_are_no_pieces(hand_ins):
    without_files(hand_ins)
    group = hand_ins / "group"
    (group / "dan.py").write_text(source_of(RIGHT, "from helper import one"))
    (group / "helper.py").write_text("one = 1\n")
    (group / "notes.txt").write_text("")
    (group / "deep").mkdir()
    (group / "deep" / "more.py").write_text(source_of(RIGHT).replace("relu_", "tanh_").replace("sigmoid_", "own_"))
    assert command(hand_ins) == 1
    (row,) = summary(hand_ins).values()
    assert row["file"] == "group"
    assert row["quantities"] == "8"
    assert "tanh" in row["verdict"]


def test_a_base_that_does_nothing_is_no_piece_of_a_student_s_folder_if_another_file_derives_from_it(tmp_path):
    base = "class Layer:\n    def forward(self, x):\n        pass\n    def backward(self, d):\n        pass\n"
    derived = """
        from layer import Layer
        class Twice(Layer):
            def forward(self, x): return 2 * x
            def backward(self, d): return 2 * d
    """
    full = """
        from nowhere import squash
        class Layer:
            def forward(self, x): return squash(x)
            def backward(self, d): return d
    """
    for student, source in (
        ("anna", derived),
        ("ben", derived.replace("(Layer)", "")),
        ("cleo", f"{derived}---{full}"),
    ):
        (tmp_path / student).mkdir()
        (tmp_path / student / "layer.py").write_text(base)
        (tmp_path / student / "twice.py").write_text(source_of(source))
    command(tmp_path)
    rows = summary(tmp_path)
    assert rows["anna"]["result"] == "agrees"
    assert rows["ben"]["result"] == "not judged"
    assert "Layer" in rows["ben"]["verdict"]
    assert rows["cleo"]["result"] == "not judged", "it is there twice, and one of the two does something"


def test_a_link_to_what_another_student_handed_in_is_not_judged(hand_ins, reported):
    reported(lambda name: Report(name, [Finding("f", "", rows=[Row("y", "agrees")])]))
    (hand_ins / "eve.py").unlink()
    (hand_ins / "eve.py").symlink_to("anna.py")
    for name, to in {"dora": "../anna.py", "hugo": "..", "ida": "../group", "jo": "mine.py"}.items():
        (hand_ins / name).mkdir()
        (hand_ins / name / "mine.py").write_text("")
        (hand_ins / name / "link.py").symlink_to(to)
    command(hand_ins)
    links = {name: row["verdict"] for name, row in summary(hand_ins).items() if "is a link to" in row["verdict"]}
    assert links.keys() == {"eve.py", "dora", "hugo", "ida"}
    assert "eve.py is a link to anna.py" in links["eve.py"]
