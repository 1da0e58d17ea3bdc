"""A class that is ended, or checked twice at once."""

import json
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from parity_tests.grade.checking import RIGHT, source_of
from parity_tests.grade.shown.test_classroom import summary

LOOP = """
    def relu_forward(x):
        file = open({!r})
        while True: pass
"""


def other_end(pipe: Path) -> int | None:
    """The end that is written to, once the file has opened the pipe, and is in its loop."""
    try:
        return os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
    except OSError:  # nobody reads
        return None


CLASS = ["-m", "experiments.grade", "--timeout", "60"]


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no groups of processes")
@pytest.mark.parametrize("how", ["SIGINT", "SIGKILL"])
def test_a_checker_that_is_ended_leaves_nothing_behind(how, hand_ins, tmp_path):
    for path in hand_ins.glob("*.py"):
        path.unlink()
    own, pipe = tmp_path / "own", tmp_path / "pipe"
    own.mkdir()
    os.mkfifo(pipe)
    (hand_ins / "anna.py").write_text(source_of(RIGHT, LOOP.format(str(pipe))))
    environment = os.environ | {"TMPDIR": str(own)}
    with subprocess.Popen([sys.executable, *CLASS, str(hand_ins)], env=environment, stderr=subprocess.PIPE) as checker:
        pages = hand_ins / "checked" / "group.html"
        deadline = time.monotonic() + 120
        while not (pages.exists() and [*own.iterdir()] and (end := other_end(pipe))):
            assert time.monotonic() < deadline
            time.sleep(0.1)
        begun = time.monotonic()
        checker.send_signal(getattr(signal, how))
        assert checker.wait(30) == (130 if how == "SIGINT" else -9)
        assert time.monotonic() - begun < 30
    if how == "SIGINT":
        assert summary(hand_ins)["group"]["result"] == "not judged"
        assert "anna.py" not in summary(hand_ins)
    nobody_reads = select.poll()
    nobody_reads.register(end, select.POLLERR)
    assert nobody_reads.poll(30_000)
    os.close(end)
    deadline = time.monotonic() + 30
    while [*own.iterdir()] and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not [*own.iterdir()]


@pytest.mark.slow
def test_two_checkers_on_one_folder_leave_each_other_alone(hand_ins):
    both = [subprocess.Popen([sys.executable, *CLASS, str(hand_ins)], stdout=subprocess.DEVNULL) for _ in range(2)]
    assert [one.wait(120) for one in both] == [1, 1]
    assert len(summary(hand_ins)) == 5
    assert not [*(hand_ins / "checked").glob("*.part")]
    for path in (hand_ins / "checked").glob("*.json"):
        json.loads(path.read_text("utf-8"))
