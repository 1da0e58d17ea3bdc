"""A file checked by `experiments.grade`: in this process, where it does nothing besides arithmetic, or in its own."""

import json
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from experiments.grade import command
from experiments.grade.judging import checker
from experiments.grade.process.child import Server
from experiments.grade.process.protocol import decode, encode
from experiments.grade.process.sandbox import Sandboxed
from parity_tests.grade.checking import source_of


class InThisProcess(Sandboxed):
    """What runs a file in this process, which takes no time to start; its messages are encoded all the same."""

    def _start(self) -> None:
        self._process: Any = Server(self.path)
        self._process.torch_is_ours = True

    def _exchange(self, process: Any, request: Any) -> Any:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            reply = process.reply(decode(encode(request), type(request)))
        return [decode(encode(message), type(message)) for message in reply]

    def _end(self) -> int:
        self._process = None
        return 0


Run = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture
def run_apart(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """The exit status and the JSON for a file, or for one of this source, which runs in a process of its own."""

    def check(source: str | Path, *options: str) -> tuple[int, dict[str, Any]]:
        path = source if isinstance(source, Path) else tmp_path / "hand_in.py"
        if isinstance(source, str):
            path.write_text(source_of(source), "utf-8")
        status = command.main([str(path), "--format", "json", "--timeout", "60", *options])
        out, err = capsys.readouterr()
        assert err == ""
        result = json.loads(out)
        assert result["status"] == status
        return status, result

    return check


@pytest.fixture
def run(run_apart: Run, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The same for a file that runs in this process."""
    monkeypatch.setattr(checker, "Sandboxed", InThisProcess)
    monkeypatch.setattr(sys, "path", [*sys.path])
    return run_apart
