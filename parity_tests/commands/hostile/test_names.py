"""Names from strangers, of files and classes: lines on a terminal, fields in CSV. (Pages: report/test_pages.py; a class
of students: grade/shown/test_classroom.py.)
"""

import csv
import json
import os
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser

from experiments.find import command as find
from experiments.grade import command as check
from experiments.shared import model_file
from experiments.shared.model_file import Model
from experiments.shared.printable import printable
from experiments.shared.scale import Scale
from experiments.shared.spec import build_network

NAMES = [
    "<script>alert(1)<",
    '"><img src=x onerror=alert(2)>',
    "a&amp;b'c",
    "\u05d0\u05d1\u05d2",
    "\u202egnp.exe",
    "a\nb",
    "\x1b[2Jc",
    "x" * 200,
    os.fsdecode(b"\xff"),
    "=1+1",
    "{{ 7 * 7 }}",
]


def test_a_name_for_one_line_has_nothing_that_moves_the_cursor_or_turns_the_text() -> None:
    assert [printable(name) for name in NAMES[3:7]] == ["\u05d0\u05d1\u05d2", r"\u202egnp.exe", r"a\nb", r"\x1b[2Jc"]
    assert [printable(text) for text in ("\udcff", "\ud800", "\r\0", "\\n")] == [r"\xff", r"\ud800", r"\r\x00", "\\n"]
    for name in NAMES:
        assert printable(name).isprintable()
        printable(name).encode()


@pytest.fixture
def named(tmp_path: Path) -> Path:
    """A folder of pictures and a model, whose files, folders and classes have these names."""
    scale, layers = (
        Scale([0.5] * 3, [0.5] * 3),
        ["Flatten", {"Linear": {"in_features": 12, "out_features": len(NAMES)}}],
    )
    model_file.save(
        tmp_path / "m", Model(build_network(layers, 0, None, "float64"), layers, "float64", (3, 2, 2), NAMES, scale)
    )
    for place, name in enumerate(NAMES):
        folder = tmp_path / "photos" / name
        folder.mkdir(parents=True)
        Image.new("RGB", (3, 2), (0, 20 * place, 200)).save(folder / f"{name}.png")
        (folder / f"{name}.txt").write_text("no picture")
    return tmp_path


def looked_for(folder: Path, capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[str, str]:
    capsys.readouterr()
    assert find.main([str(folder / "photos"), "--model", str(folder / "m"), *map(str, arguments)]) == 0
    return capsys.readouterr()


def test_names_are_lines_on_a_terminal_fields_in_csv_and_themselves_in_json(
    named: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = {f"{name}/{name}.png" for name in NAMES}
    out, err = looked_for(named, capsys)
    assert all(line.isprintable() for line in (out + err).splitlines())
    assert len(out.splitlines()) == len(NAMES) + 2
    assert {printable(f"{named / 'photos' / name / name}.txt") for name in NAMES} == {
        line.split(": ")[1] for line in err.splitlines()[:-1]
    }
    assert all(printable(file) in out for file in files)
    out, _ = looked_for(named, capsys, "--format=csv")
    rows = [*csv.DictReader(out.splitlines())]
    assert {row["file"].removeprefix("'") for row in rows} == {printable(file) for file in files}
    assert {row["class"].removeprefix("'") for row in rows} <= {printable(name) for name in NAMES}
    assert not [row for row in rows if row["file"].lstrip().startswith(tuple("=+-@＝"))]
    out, _ = looked_for(named, capsys, "--format=json")
    assert {row["file"] for row in json.loads(out)["pictures"]} == {file.replace("\udcff", r"\xff") for file in files}
    with pytest.raises(SystemExit):
        looked_for(named, capsys, "--class=nothing")
    assert capsys.readouterr().err.removesuffix("\n").isprintable()


def test_names_run_nothing_and_stand_apart_in_the_contact_sheet(
    named: Path, capsys: pytest.CaptureFixture[str], browser: Browser
) -> None:
    looked_for(named, capsys, "--format=html", "--out", named / "sheet.html")
    expected = {printable(f"{name}/{name}.png") for name in NAMES} | {printable(name) for name in NAMES}
    opened, said = browser.new_page(), list[str]()
    try:
        opened.on("dialog", lambda dialog: said.append(dialog.message))
        opened.on("console", lambda message: said.append(message.text))
        opened.on(
            "request",
            lambda request: said.append(request.url) if not request.url.startswith(("data:", "file:")) else None,
        )
        opened.goto((named / "sheet.html").as_uri())
        assert said == []
        assert expected <= {*opened.evaluate("[...document.querySelectorAll('bdi')].map(e => e.textContent)")}
        assert opened.evaluate(
            "[...document.querySelectorAll('bdi')].every(e => getComputedStyle(e).unicodeBidi == 'isolate')"
        )
    finally:
        opened.close()


HAND_IN = """
import numpy as np
def _forward(x): return x, x
def _backward(delta, x): return 2 * delta
globals()["<script>alert(1)</script>_forward"] = _forward
def relu_forward(x): return np.maximum(x, 0), x
def relu_backward(delta, x): raise ValueError("<img src=x onerror=alert(2)>\\x1b[2J")
"""


def test_names_in_what_is_said_of_a_hand_in_are_lines_on_a_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "hand ins"
    folder.mkdir()
    for name in NAMES:
        (folder / f"{name}.py").write_text(HAND_IN)
    path = folder / f"{NAMES[4]}.py"
    for form in ("text", "json", "html"):
        assert check.main([str(path), "--format", form]) == 1
        out = capsys.readouterr().out
        assert all(line.isprintable() for line in out.splitlines())
    with pytest.raises(SystemExit):
        check.main([str(tmp_path / NAMES[6])])
    assert capsys.readouterr().err.removesuffix("\n").isprintable()
