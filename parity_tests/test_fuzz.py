"""Two hundred of the inputs of `python -m parity_tests.fuzz`, and whether it would notice."""

import os
import pickle
import signal
from typing import Any

import pytest

from parity_tests import fuzz, hostile


def test_fuzzing_finds_nothing() -> None:
    tallies = fuzz.fuzz_all(200)
    assert sum(tally.inputs for tally in tallies.values()) == 200
    assert all(tally.accepted and tally.refused for tally in tallies.values())
    assert [finding.what for tally in tallies.values() for finding in tally.findings] == []


def killed(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def greedy(*_: object) -> None:
    bytearray(2 * fuzz.MEMORY)


def endless(*_: object) -> None:
    while True:
        pass


def failing(*_: object) -> None:
    raise KeyError("nobody thought of it")


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
    monkeypatch.setattr(fuzz, "SECONDS", 0.1)
    monkeypatch.setitem(hostile.KINDS, "arguments", hostile.KINDS["arguments"]._replace(attempt=attempt))
    tally = fuzz.fuzz("arguments", 3)
    assert len(tally.findings) == 3
    for finding in tally.findings:
        assert what in finding.what
        assert pickle.loads(finding.case)
