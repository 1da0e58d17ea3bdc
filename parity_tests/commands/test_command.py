"""What every command does with what it prints."""

import os
import re
import signal
import subprocess
import sys
import tomllib
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import torch

from experiments.bench.own_process import OPENBLAS
from experiments.shared import entry
from experiments.shared.command import command
from parity_tests.train.processes.forks import Fork, forked

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
SCRIPTS = PROJECT["scripts"]
MAINS = [*SCRIPTS.values(), "experiments.data.birds:main"]
PACKAGE_OF = {"PIL": "pillow"}
OWN = "from experiments.shared.command import command\n@command\ndef main(): print({})\nmain()"


def run(script: str, encoding: str = "utf-8", read: bool = True) -> tuple[int, bytes, bytes]:
    """Exit status, output and errors of a script; its output may go where nobody reads."""
    environment = os.environ | {"PYTHONIOENCODING": encoding, "PYTHONUNBUFFERED": ""}
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT, env=environment
    ) as process:
        assert process.stdout
        assert process.stderr
        if not read:
            process.stdout.close()
        out = process.stdout.read() if read else b""
        return process.wait(), out, process.stderr.read()


@pytest.mark.parametrize("main", MAINS)
def test_every_command_is_one(main: str) -> None:
    module, _, name = main.partition(":")
    assert callable(getattr(import_module(module), name))
    assert import_module(module if "." in module.removeprefix("experiments.") else f"{module}.command").main.__wrapped__


MISSING = """
import sys
from importlib import import_module
room, module = {room!r}, {module!r}
sys.argv, sys.modules[module] = [f"backprop-{{room}}", *{arguments!r}], None
import_module(f"experiments.{{room}}").main()
"""


@pytest.mark.parametrize(
    ("room", "module", "extra", "arguments"),
    [
        ("train", "jsonargparse", "train", ["--help"]),
        pytest.param("train", "lightning", "train", ["fit", "--config", "digits"], marks=pytest.mark.slow),
        ("find", "PIL", "train", ["--help"]),
        pytest.param("bench", "threadpoolctl", "bench", ["steps"], marks=pytest.mark.slow),
    ],
)
def test_what_is_not_installed_is_said_with_the_extra_that_brings_it(
    room: str, module: str, extra: str, arguments: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in OPENBLAS:  # for which the benchmark would start itself again
        monkeypatch.delenv(variable, raising=False)
    status, out, err = run(MISSING.format(room=room, module=module, arguments=arguments))
    said = f"backprop-{room}: {module} is not installed; pip install 'backprop-by-hand[{extra}]'\n"
    assert (status, out, err.decode()) == (2, b"", said)
    assert any(PACKAGE_OF.get(module, module) in line for line in PROJECT["optional-dependencies"][extra])


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ImportError("failed to map\n\nit"), "what it needs cannot be loaded: failed to map it"),
        (ModuleNotFoundError("no tomllib", name="tomllib"), "what it needs cannot be loaded: no tomllib"),
        (ModuleNotFoundError("one needs another"), "what it needs cannot be loaded: one needs another"),
        (MemoryError(), "there is not enough memory"),
    ],
)
def test_what_cannot_be_loaded_is_said(
    error: Exception, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(_: str) -> None:
        raise error

    monkeypatch.setattr(entry, "import_module", fails)
    monkeypatch.setattr(sys, "argv", ["backprop-train"])
    with pytest.raises(SystemExit, match="2"):
        entry.entry("train", "train")()
    assert capsys.readouterr().err == f"backprop-train: {said}\n"


@pytest.mark.parametrize("empty", [np.empty, torch.empty, bytearray], ids=["numpy", "torch", "python"])
def test_a_command_that_gets_no_memory_says_so(
    empty: Callable[[int], object], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        command(lambda: empty(2**55))()
    err = capsys.readouterr().err
    assert re.fullmatch(".+: there is not enough memory(: .+)?\n", err)


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-16"])
def test_what_a_command_prints_is_utf_8(encoding: str) -> None:
    assert run(OWN.format("'mésange σ′'"), encoding) == (0, "mésange σ′\n".encode(), b"")


def test_the_name_of_a_file_that_is_not_utf_8_is_printed_as_it_is() -> None:
    assert run(OWN.format(r"__import__('os').fsdecode(b'x\xff.txt')")) == (0, b"x\xff.txt\n", b"")


@pytest.mark.parametrize("length", [1, 10**6], ids=["at its end", "on its way"])
def test_where_nobody_reads_a_command_ends_without_a_word(length: int) -> None:
    assert run(OWN.format(f"'a' * {length}"), read=False) == (128 + 13, b"", b"")


def unread(room: str, changed: str, does: str, *arguments: str) -> None:
    """A command in a fork, which prints what nobody reads instead of what it does."""
    read, write = os.pipe()
    os.dup2(write, 1)
    os.close(read)
    os.close(write)
    setattr(import_module(f"experiments.{changed}"), does, lambda *_: print(flush=True))
    sys.argv = ["program", *arguments]
    import_module(f"experiments.{room}.command").main()


@forked
@pytest.mark.parametrize("command", [
    pytest.param(("find", "find.command", "find", ".", "--model=a"), marks=pytest.mark.slow),
    ("train", "train.command", "run"),
    ("grade", "grade.classroom", "check_all", "."),
    pytest.param(("report", "report.make", "make"), marks=pytest.mark.slow),
], ids=["find", "train", "check", "report"])  # fmt: skip
def test_that_nobody_reads_is_no_error_of_a_file(command: tuple[str, ...], tmp_path: Path) -> None:
    assert Fork(tmp_path, unread, *command).end() == (128 + 13, "", "")


INTERRUPTS = "import os, signal\nos.kill(os.getpid(), signal.SIGINT)\nos.write(1, b'went on')"
"""In place of what a command imports."""


def interrupted(folder: Path, *typed: str | Path, ignoring: bool = False) -> tuple[int, str, str]:
    """Exit status, output and errors of what gets Ctrl-C, while it imports if it imports NumPy or Lightning."""
    for name in ("numpy.py", "lightning.py"):
        (folder / name).write_text(INTERRUPTS, "utf-8")
    path = {"PYTHONPATH": os.pathsep.join(map(str, (folder, ROOT)))}
    before = signal.signal(
        signal.SIGINT, signal.SIG_IGN if ignoring else signal.default_int_handler
    )  # what it inherits
    try:
        done = subprocess.run(
            [sys.executable, *typed], env=os.environ | path, cwd=folder, capture_output=True, text=True
        )
    finally:
        signal.signal(signal.SIGINT, before)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("main", MAINS)
def test_ctrl_c_ends_a_command_that_still_imports_without_a_word(main: str, tmp_path: Path) -> None:
    module, _, name = main.partition(":")
    assert interrupted(tmp_path, "-m", module.removesuffix(".command")) == (-signal.SIGINT, "", "")
    for installed in (tmp_path / script for script, its_main in SCRIPTS.items() if its_main == main):
        installed.write_text(f"from {module} import {name}\n{name}()", "utf-8")
        assert interrupted(tmp_path, installed) == (-signal.SIGINT, "", "")


def test_who_imports_a_command_hears_ctrl_c_as_ever(tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    script = "try:\n    import experiments.train.command\nexcept KeyboardInterrupt:\n    print('heard')"
    for name in ("__init__.py", "tool.py", "script.py"):
        (tmp_path / "own" / name).write_text(script, "utf-8")
    for typed in (["-c", script], [tmp_path / "own" / "script.py"], ["-m", "own.tool"]):
        status, out, err = interrupted(tmp_path, *typed)
        assert (status, err) == (0, "")
        assert {*out.splitlines()} == {"heard"}


def test_a_command_that_is_to_ignore_ctrl_c_ignores_it_while_it_imports(tmp_path: Path) -> None:
    """As a run's other processes, which start with the first."""
    _, out, _ = interrupted(tmp_path, "-m", "experiments.train", ignoring=True)
    assert out.startswith("went on")


@pytest.mark.parametrize(
    ("main", "said"),
    [
        ("try: interrupt()\n    except KeyboardInterrupt: print('heard')", (0, "heard\n", "")),
        ("interrupt()", (130, "", "")),
    ],
    ids=["what it says of it", "nothing"],
)
def test_when_all_is_imported_ctrl_c_is_the_commands_own(main: str, said: tuple[int, str, str], tmp_path: Path) -> None:
    installed = tmp_path / "backprop-check"
    interrupt = "import os, signal\ndef interrupt(): os.kill(os.getpid(), signal.SIGINT)"
    installed.write_text(
        f"from experiments.shared.command import command\n{interrupt}\n@command\ndef main():\n    {main}\nmain()",
        "utf-8",
    )
    assert interrupted(tmp_path, installed) == said
