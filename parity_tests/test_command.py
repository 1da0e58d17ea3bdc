"""What every command does with what it prints."""

import os
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
MAINS = [*PROJECT["scripts"].values(), "experiments.data.birds:main"]
OWN = "from experiments.command import command\n@command\ndef main(): print({})\nmain()"


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
    assert getattr(import_module(module), name).__wrapped__


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-16"])
def test_what_a_command_prints_is_utf_8(encoding: str) -> None:
    assert run(OWN.format("'mésange σ′'"), encoding) == (0, "mésange σ′\n".encode(), b"")


def test_the_name_of_a_file_that_is_not_utf_8_is_printed_as_it_is() -> None:
    assert run(OWN.format(r"__import__('os').fsdecode(b'x\xff.txt')")) == (0, b"x\xff.txt\n", b"")


@pytest.mark.parametrize("length", [1, 10**6], ids=["at its end", "on its way"])
def test_where_nobody_reads_a_command_ends_without_a_word(length: int) -> None:
    assert run(OWN.format(f"'a' * {length}"), read=False) == (128 + 13, b"", b"")


@pytest.mark.parametrize("script", [
    "from experiments import find\nfind.find = lambda _: print(flush=True)\nfind.main(['.', '--model=a'])",
    "from experiments import train\ntrain.run = lambda _: print(flush=True)\ntrain.main()",
], ids=["find", "train"])
def test_that_nobody_reads_is_no_error_of_a_file(script: str) -> None:
    assert run(script, read=False) == (128 + 13, b"", b"")
