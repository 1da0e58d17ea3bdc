"""Every command's help, the examples in it, and what is said of a name that is not known."""

import shlex
import subprocess
import sys
from contextlib import chdir
from pathlib import Path

import pytest

from experiments.bench import clock, own_process, regression, table, tables
from experiments.bench import command as bench
from experiments.grade import command as check
from experiments.report import make as report
from experiments.report.command import main as report_main
from experiments.report.record.json_record import as_json
from experiments.shared.command import ROOMS
from experiments.train import command as train
from experiments.train.options import ABOUT, CONFIGS, config_file
from parity_tests.records import compared, record

COMMANDS = {"train": train.main, "check": check.main, "report": report_main, "bench": bench.main}
FILE = "def relu_forward(x):\n    return x * (x > 0)\n\n\ndef relu_backward(delta, x):\n    return delta * (x > 0)\n"


@pytest.fixture
def run(monkeypatch, capsys, tmp_path):
    """Run a command as typed, in an empty folder: its exit code, what it printed, and its errors."""

    def typed(name, *arguments, as_installed=False):
        program = (
            f"/usr/bin/backprop-{name}" if as_installed else f"/src/experiments/{ROOMS.get(name, name)}/__main__.py"
        )
        monkeypatch.setattr(sys, "argv", [program, *map(str, arguments)])
        capsys.readouterr()
        code = 0
        with chdir(tmp_path):
            try:
                code = COMMANDS[name]()
            except SystemExit as stop:
                code = stop.code
        return code or 0, *capsys.readouterr()

    return typed


def examples(text):
    """The examples of a help: the last lines, indented, under their head."""
    *_, last = text.split("\nexamples:\n")
    return last.splitlines()


@pytest.mark.parametrize("as_installed", [True, False])
@pytest.mark.parametrize("name", COMMANDS)
def test_a_help_ends_with_two_examples_of_the_command_as_it_was_typed(name, as_installed, run):
    program = f"backprop-{name}" if as_installed else f"python -m experiments.{ROOMS.get(name, name)}"
    for arguments in [["--help"], *([[sub, "--help"] for sub in ABOUT] if name == "train" else [])]:
        code, text, _ = run(name, *arguments, as_installed=as_installed)
        assert code == 0
        assert text.startswith(f"usage: {program} ")
        assert len(examples(text)) >= 2
        assert all(line.startswith(f"  {program}") for line in examples(text))


@pytest.mark.parametrize("typed", report.COMMANDS.values(), ids=report.COMMANDS)
def test_a_command_that_the_page_names_is_one_that_is_there(typed):
    _, _, module, *arguments = shlex.split(typed)
    assert module == "pytest" or module.removeprefix("experiments.") in COMMANDS
    assert all((Path(__file__).parents[2] / argument).is_file() for argument in arguments if argument.endswith(".py"))


def make(out, full):
    """A report of one comparison."""
    one = record(compared())
    (out / "report.json").write_text(as_json(one))
    return one.rows[0].parity


@pytest.fixture
def short(monkeypatch, tmp_path):
    """Let every command take little time, and find what its examples name."""
    (tmp_path / "hand_ins").mkdir()
    (tmp_path / "hand_ins" / "a.py").write_text(FILE)
    for variable in own_process.OPENBLAS:
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(table, "SECONDS", 0.02)
    monkeypatch.setattr(clock, "preemptions", lambda: 0)
    monkeypatch.setattr(regression, "FELL", 0)
    monkeypatch.setattr(own_process, "again", lambda *_: subprocess.CompletedProcess([], 0, stdout="[]"))
    monkeypatch.setattr(tables, "growth", lambda dtype: [])
    monkeypatch.setattr(table, "compiled_side", lambda work: "not here")
    monkeypatch.setattr(tables, "workloads", lambda dtype, full=tables.workloads: full(dtype)[:2])
    run = train._session
    monkeypatch.setattr(train, "_session", lambda given: run([*given, "--trainer.max_epochs=1"]))
    monkeypatch.setattr(report, "make", make)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] * (name == "bench")) for name in COMMANDS]
)
def test_every_example_runs(name, run, short, tmp_path):
    for line in examples(run(name, "--help")[1]):
        typed, _, into = line.removeprefix(f"  python -m experiments.{ROOMS.get(name, name)}").partition(" > ")
        code, out, err = run(name, *shlex.split(typed))
        assert code == (2 if "hand_in.py" in typed else 0), err  # the template, not filled in, is not judged
        if into:
            assert out
            (tmp_path / into).write_text(out)


def test_a_config_is_found_by_its_name_and_a_file_of_that_name_comes_first(tmp_path):
    with chdir(tmp_path):
        assert config_file("digits") == CONFIGS / "digits.yaml"
        (tmp_path / "digits").touch()
        assert config_file("digits") == Path("digits")


LATE = """
import runpy, sys
for line in {lines}:
    sys.argv = line.split()
    try:
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
    except SystemExit as stop:
        print(stop.code, file=sys.stderr)
    assert not {{"torch", "lightning"}} & sys.modules.keys(), line
"""


def test_nothing_that_loads_slowly_is_loaded_to_show_a_help_of_train_or_to_refuse():
    words = ("--help", "fit --help", "fitt", "fit --config digts", "fit --config digits --model.sede 1",
             "fit --config digits --model.implementation toch", "fit --config digits --trainer.devices 2")  # fmt: skip
    lines = [f"experiments.train {each}" for each in words]
    done = subprocess.run([sys.executable, "-c", LATE.format(lines=lines)], capture_output=True, text=True)
    codes = [line for line in done.stderr.splitlines() if line.isdigit()]
    assert (done.returncode, codes) == (0, ["0", "0", "2", "2", "2", "2", "2"]), done.stderr
