"""A file checked by `experiments.grade`: in this process, where it does nothing besides arithmetic, or in its own."""

import sys
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from experiments.grade.judging import checker
from experiments.grade.process.child import Server
from experiments.grade.process.protocol import decode, encode
from experiments.grade.process.sandbox import Sandboxed


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
def run(run_apart: Run, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The same for a file that runs in this process."""
    monkeypatch.setattr(checker, "Sandboxed", InThisProcess)
    monkeypatch.setattr(sys, "path", [*sys.path])
    return run_apart


@pytest.fixture(autouse=True)
def _without_repairs(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """No search for repairs, which takes longer than all else, but in the tests of it."""
    if "repairs" not in request.fixturenames:
        monkeypatch.setattr(checker, "tell_repairs", lambda *_: None)


@pytest.fixture
def repairs() -> None:
    """What a test asks for that is to find repairs."""
