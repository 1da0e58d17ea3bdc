"""Some of the inputs of `python -m parity_tests.commands.hostile.fuzz`, and whether it would notice."""

import json
import os
import pickle
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from parity_tests.commands.hostile import fuzz, inputs


@pytest.mark.slow
def test_fuzzing_finds_nothing(tmp_path: Path) -> None:
    """In a process of its own: where autograd has run, a fork of it cannot."""
    root = Path(fuzz.__file__).parents[3]
    command = [sys.executable, "-m", "parity_tests.commands.hostile.fuzz", "150"]
    done = subprocess.run(
        command, cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(root)}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout
    kinds = json.loads((tmp_path / "reports" / "soak" / "fuzz.json").read_text("utf-8"))["kinds"]
    assert sum(kind["inputs"] for kind in kinds.values()) == 150
    assert all(kind["accepted"] and kind["refused"] and not kind["findings"] for kind in kinds.values()), kinds


def killed(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def greedy(*_: object) -> None:
    bytearray(2 * fuzz.MEMORY)


def endless(*_: object) -> None:
    while True:
        pass


def failing(*_: object) -> None:
    raise KeyError("nobody thought of it")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("attempt", "what"),
    [
        (killed, "the process ended"),
        (greedy, "MemoryError"),
        (endless, "it took more than 0.1 s"),
        (failing, "KeyError: 'nobody thought of it'"),
    ],
)
def test_fuzzing_notices(attempt: Any, what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if attempt is endless:
        monkeypatch.setattr(fuzz, "SECONDS", 0.1)
    monkeypatch.setitem(inputs.KINDS, "arguments", inputs.KINDS["arguments"]._replace(attempt=attempt))
    tally = fuzz.fuzz("arguments", 3)
    assert len(tally.findings) == 3
    for finding in tally.findings:
        assert what in finding.what
        assert pickle.loads(finding.case)
