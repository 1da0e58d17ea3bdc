"""The commands without asserts, docstrings, UTF-8 and home, and where nothing can be printed."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from experiments.report.record.json_record import as_json
from parity_tests.records import compared, record
from parity_tests.train.processes.forks import Fork, forked

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "experiments" / "grade" / "examples"
WRONG = EXAMPLES / "mse_without_its_two.py"
BARE = {"PYTHONOPTIMIZE": "2", "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0", "PYTHONPATH": str(ROOT)}
MODEL = "runs/bluebird_softmax/manual/version_0/model.safetensors"
COMMANDS = {
    "experiments.data.birds --out birds --count 24": 0,
    "experiments.train fit --config bluebird_softmax --data.folder birds --trainer.max_epochs 1": 0,
    "experiments.train test --config bluebird_softmax --data.folder birds --ckpt_path last": 0,
    f"experiments.find birds/test --model {MODEL} --class mésange": 2,
    f"experiments.find birds/test --model {MODEL} --format html": 0,
    "experiments.report --out . --compare report.json report.json": 0,
    "experiments.bench --threads nobody": 2,
    "experiments.bench --help": 0,
    "experiments.train fit --help": 0,
}
"""What is typed after `python -m`, and the exit status."""
ALL = """
import os, runpy, sys
for line in {lines!r}:
    sys.argv = [os.fsdecode(word.encode()) for word in line.split()]  # as Python takes what was typed
    try:
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
        status = 0
    except SystemExit as stop:
        status = stop.code or 0
    sys.stderr.flush()
    os.write(2, f"{{status}} {{sys.argv[0]}}\\n".encode())
"""


def bare(**more: str) -> dict[str, str]:
    """These variables, and no home."""
    return {name: value for name, value in os.environ.items() if name not in ("HOME", "LANG")} | BARE | more


def test_a_name_that_files_cannot_have_is_one_line(tmp_path: Path) -> None:
    """As where names are in ASCII."""
    code = "import pathlib, experiments.shared.command as c; c.command(pathlib.Path('\\xe9').touch)()"
    ended = subprocess.run([sys.executable, "-c", code], env=bare(), cwd=tmp_path, capture_output=True, text=True)
    assert ended.returncode == 2
    assert ended.stderr.count("\n") == 1
    assert "cannot be a file's name where names are in ascii" in ended.stderr


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a report of one comparison."""
    (tmp_path / "report.json").write_text(as_json(record(compared())), "utf-8")
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize("into", ["a pipe", "nowhere"])
def test_every_command_works_without_asserts_docstrings_utf_8_and_home(into: str, folder: Path) -> None:
    """In one process, one after the other: each would import for seconds. In `nowhere` standard output is closed,
    too."""
    (folder / "all.py").write_text(ALL.format(lines=[*COMMANDS]), "utf-8")
    words = [sys.executable, "all.py"]
    if into == "nowhere":
        words = ["sh", "-c", 'exec "$@" >&-', "sh", *words]
    done = subprocess.run(words, env=bare(), cwd=folder, capture_output=True, text=True, encoding="utf-8")
    assert "Traceback" not in done.stderr
    ended = [f"{status} {line.split()[0]}" for line, status in COMMANDS.items()]
    assert [line for line in done.stderr.splitlines() if line in ended] == ended
    assert ("usage:" in done.stdout) == (into == "a pipe")
    assert (folder / "compare.html").exists()


@pytest.mark.parametrize(("into", "status", "said"), [
    pytest.param('"$@" >&-', 1, "", marks=pytest.mark.slow),
    pytest.param('"$@" > /dev/full', 2, "grade: [Errno", marks=pytest.mark.slow),
    pytest.param('{ "$@"; echo $? >&3; } 3>&2 | head -1 | grep -q MSELoss', 0, "", marks=pytest.mark.slow),
    pytest.param('"$@"', 1, "", marks=pytest.mark.slow),
    pytest.param('"$@" <&- >&- 2>&-', 1, "", marks=pytest.mark.slow),
], ids=["closed", "a full disk", "head", "printed", "all closed"])  # fmt: skip
def test_what_becomes_of_the_output_is_no_verdict(into: str, status: int, said: str, tmp_path: Path) -> None:
    words = ["sh", "-c", into, "sh", sys.executable, "-m", "experiments.grade", WRONG]
    done = subprocess.run(words, env=bare(), cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == status, done.stderr
    assert done.stderr.startswith(said)
    assert len(done.stderr.splitlines()) == (said != "" or "head" in into)
    assert bool(done.stdout) == (into == '"$@"')


def unprinted(how: str, room: str, *arguments: object) -> None:
    """A command in a fork, whose output cannot be written."""
    if how == "closed":
        os.close(1)
        sys.stdout = None
    else:
        os.dup2(os.open("/dev/full", os.O_WRONLY), 1)
    sys.argv = [f"{room}/__main__.py", *map(str, arguments)]
    sys.exit(__import__(f"experiments.{room}.command", fromlist=["main"]).main())


@forked
@pytest.mark.parametrize(("how", "status"), [("closed", 0), ("full", 2)])
@pytest.mark.parametrize("words", [
    ("train", "fit", "--config=two_two_one", "--trainer.max_epochs=1"), ("train", "--help"), ("grade", "--template"),
    ("report", "--out=.", "--compare", "report.json", "report.json"), ("bench", "--help"),
], ids=" ".join)  # fmt: skip
def test_a_command_ends_as_ever_where_its_output_is_closed_and_with_2_where_it_is_lost(
    how: str, status: int, words: tuple[str, ...], folder: Path
) -> None:
    ended, _, err = Fork(folder, unprinted, how, *words).end()
    assert ended == status, err
    assert len(err.splitlines()) == (how == "full")


@pytest.mark.parametrize("package", ["manual", "torch_ref", "experiments"])
def test_no_assert_guards_anything_and_no_docstring_is_read(package: str) -> None:
    for path in (ROOT / package).rglob("*.py"):
        if EXAMPLES not in path.parents:
            source = path.read_text("utf-8")
            for node in ast.walk(ast.parse(source)) if re.search(r"\bassert\b|__doc__", source) else ():
                assert not isinstance(node, ast.Assert), path
                assert not (
                    isinstance(node, ast.Attribute) and node.attr == "__doc__" and isinstance(node.ctx, ast.Load)
                ), path
